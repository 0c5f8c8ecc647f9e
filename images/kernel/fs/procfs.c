// SPDX-License-Identifier: Apache-2.0
/*
 * The names of /proc: a table of entries by directory, and three kinds of numbered entries
 * (processes, threads, descriptors). An inode is made on lookup and freed with its last reference.
 * It holds a reference to its directory, so that its path can be told. A file's text is made when
 * the file is opened.
 */
#include "fs/access.h"
#include "fs/procfs.h"

#define LOOK 010000u /* in an entry's mode: only for whoever may look into the process */

struct entry {
    u8 level; /* the directory that has the entry; BOTH: PROCESS and TASK */
    u8 dir;   /* of a directory: its own level; else 0 */
    u8 link;  /* enum procfs_link */
    u16 mode; /* permissions; 0 stands for 0444 of a text, 0555 of a directory */
    const char *name;
    text_fn text;
    const char *fixed; /* a text that is always the same */
    write_fn write;
};

#define DIRECTORY(l, d, n)                                                                         \
    {                                                                                              \
        .level = l, .dir = d, .name = n                                                            \
    }
#define CLOSED(l, d, n, m)                                                                         \
    {                                                                                              \
        .level = l, .dir = d, .name = n, .mode = m                                                 \
    }
#define LINK(l, k, n)                                                                              \
    {                                                                                              \
        .level = l, .link = k, .name = n                                                           \
    }
#define TEXT(l, n, t)                                                                              \
    {                                                                                              \
        .level = l, .name = n, .text = t                                                           \
    }
#define LOOKED(l, n, t)                                                                            \
    {                                                                                              \
        .level = l, .name = n, .text = t, .mode = 0444 | LOOK                                      \
    }
#define PRIVATE(l, n, t)                                                                           \
    {                                                                                              \
        .level = l, .name = n, .text = t, .mode = 0400 | LOOK                                      \
    }
#define SETTING(l, n, t)                                                                           \
    {                                                                                              \
        .level = l, .name = n, .text = t, .mode = 0644                                             \
    }
#define WRITABLE(l, n, t, w)                                                                       \
    {                                                                                              \
        .level = l, .name = n, .text = t, .mode = 0644, .write = w                                 \
    }
#define FIXED(l, n, v)                                                                             \
    {                                                                                              \
        .level = l, .name = n, .fixed = v                                                          \
    }
#define SETTING_FIXED(l, n, v)                                                                     \
    {                                                                                              \
        .level = l, .name = n, .fixed = v, .mode = 0644                                            \
    }
#define ROOTS_SETTING_FIXED(l, n, v)                                                               \
    {                                                                                              \
        .level = l, .name = n, .fixed = v, .mode = 0600                                            \
    }

#define ALL_IDS "         0          0 4294967295\n" /* of the one user name space */

/* Modes are Linux's, though few can be written. */
static const struct entry entries[] = {
    LINK(ROOT, LINK_SELF, "self"),
    LINK(ROOT, LINK_THREAD, "thread-self"),
    DIRECTORY(ROOT, SYS, "sys"),
    TEXT(ROOT, "cpuinfo", text_cpuinfo),
    TEXT(ROOT, "meminfo", text_meminfo),
    TEXT(ROOT, "uptime", text_uptime),
    TEXT(ROOT, "stat", text_system_stat),
    TEXT(ROOT, "vmstat", text_vmstat),
    TEXT(ROOT, "loadavg", text_loadavg),
    TEXT(ROOT, "version", text_version),
    TEXT(ROOT, "filesystems", text_filesystems),
    TEXT(ROOT, "mounts", text_mounts),
    TEXT(ROOT, "locks", text_locks),
    FIXED(ROOT, "cmdline", "\n"), /* of the kernel, which takes no options */
    FIXED(ROOT, "devices", "Character devices:\n  1 mem\n  5 /dev/tty\n\nBlock devices:\n"),
    FIXED(ROOT, "diskstats", ""),
    FIXED(ROOT, "partitions", ""),
    FIXED(ROOT, "swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    DIRECTORY(ROOT, NET, "net"),
    DIRECTORY(BOTH, NET, "net"),
    TEXT(NET, "tcp", text_net_tcp),
    TEXT(NET, "tcp6", text_net_tcp6),
    TEXT(NET, "udp", text_net_udp),
    TEXT(NET, "udp6", text_net_udp6),
    TEXT(NET, "unix", text_net_unix),
    TEXT(NET, "dev", text_net_dev),
    DIRECTORY(ROOT, PYHL, "pyhl"),
    TEXT(PYHL, "counts", text_counts),
    TEXT(PYHL, "syscalls", text_syscalls),
    DIRECTORY(SYS, FS, "fs"),
    DIRECTORY(SYS, KERNEL, "kernel"),
    DIRECTORY(SYS, VM, "vm"),
    SETTING_FIXED(FS, "file-max", "9223372036854775807\n"), /* memory is the limit */
    SETTING_FIXED(FS, "nr_open", "1048576\n"),
    SETTING_FIXED(FS, "pipe-max-size", "1048576\n"),
    ROOTS_SETTING_FIXED(FS, "protected_hardlinks", "1\n"),
    ROOTS_SETTING_FIXED(FS, "protected_symlinks", "0\n"),
    SETTING_FIXED(FS, "suid_dumpable", "0\n"),
    DIRECTORY(KERNEL, RANDOM, "random"),
    TEXT(KERNEL, "osrelease", text_osrelease),
    TEXT(KERNEL, "ostype", text_ostype),
    TEXT(KERNEL, "version", text_kernel_version),
    SETTING(KERNEL, "hostname", text_hostname),
    SETTING(KERNEL, "domainname", text_domainname),
    FIXED(KERNEL, "cap_last_cap", "40\n"),
    FIXED(KERNEL, "ngroups_max", "32\n"),
    SETTING_FIXED(KERNEL, "pid_max", "32768\n"),
    SETTING_FIXED(KERNEL, "randomize_va_space", "0\n"),
    TEXT(RANDOM, "boot_id", text_boot_id),
    TEXT(RANDOM, "uuid", text_uuid),
    FIXED(RANDOM, "entropy_avail", "256\n"), /* a key of 256 bits; as on Linux, none is used up */
    FIXED(RANDOM, "poolsize", "256\n"),
    SETTING_FIXED(RANDOM, "urandom_min_reseed_secs", "60\n"), /* no effect, here or on Linux */
    SETTING_FIXED(RANDOM, "write_wakeup_threshold", "256\n"), /* nor has this one */
    SETTING_FIXED(VM, "overcommit_memory", "0\n"), /* a request that is far too large is refused */
    DIRECTORY(PROCESS, TASKS, "task"),
    CLOSED(BOTH, FDS, "fd", 0500),
    CLOSED(BOTH, FDINFO, "fdinfo", 0500),
    CLOSED(BOTH, NS, "ns", 0511),
    LINK(NS, LINK_NS, "cgroup"),
    LINK(NS, LINK_NS + 1, "ipc"),
    LINK(NS, LINK_NS + 2, "mnt"),
    LINK(NS, LINK_NS + 3, "net"),
    LINK(NS, LINK_NS + 4, "pid"),
    LINK(NS, LINK_NS + 4, "pid_for_children"),
    LINK(NS, LINK_NS + 5, "time"),
    LINK(NS, LINK_NS + 5, "time_for_children"),
    LINK(NS, LINK_NS + 6, "user"),
    LINK(NS, LINK_NS + 7, "uts"),
    LINK(BOTH, LINK_EXE, "exe"),
    LINK(BOTH, LINK_CWD, "cwd"),
    LINK(BOTH, LINK_ROOT, "root"),
    TEXT(PROCESS, "stat", text_process_stat),
    TEXT(TASK, "stat", text_thread_stat),
    PRIVATE(BOTH, "auxv", text_auxv),
    TEXT(BOTH, "cgroup", text_cgroup),
    TEXT(BOTH, "cmdline", text_cmdline),
    WRITABLE(BOTH, "comm", text_comm, write_comm),
    PRIVATE(BOTH, "environ", text_environ),
    PRIVATE(BOTH, "io", text_io),
    TEXT(BOTH, "limits", text_limits),
    SETTING_FIXED(BOTH, "loginuid", "4294967295"), /* nobody logged in */
    LOOKED(BOTH, "maps", text_maps),
    TEXT(BOTH, "mountinfo", text_mountinfo),
    TEXT(BOTH, "mounts", text_mounts),
    PRIVATE(BOTH, "personality", text_personality),
    FIXED(BOTH, "sessionid", "4294967295"),
    TEXT(BOTH, "oom_score", text_oom_score),
    WRITABLE(BOTH, "oom_adj", text_oom_adj, write_oom_adj),
    WRITABLE(BOTH, "oom_score_adj", text_oom_score_adj, write_oom_score_adj),
    LOOKED(BOTH, "smaps", text_smaps),
    TEXT(BOTH, "statm", text_statm),
    TEXT(BOTH, "status", text_status),
    SETTING_FIXED(BOTH, "uid_map", ALL_IDS),
    SETTING_FIXED(BOTH, "gid_map", ALL_IDS),
    SETTING_FIXED(PROCESS, "setgroups", "allow\n"),
    FIXED(BOTH, "wchan", "0"), /* the kernel has no names for where a thread waits */
};

static bool entry_in(const struct entry *e, u32 level)
{
    return e->level == level || (e->level == BOTH && (level == PROCESS || level == TASK));
}

/* An inode's u.id.a is the level of a directory, the index of a text's entry, or the enum link
 * of a link. u.id.b is the thread; for LINK_FD and in FDINFO it is the descriptor, and the
 * directory above has the thread. */
static const struct inode_ops dir_ops, text_ops;

static struct inode *procfs_make(struct inode *dir, const char *name, size_t len, u32 mode,
                                 const struct inode_ops *ops, u32 a, u32 b)
{
    struct inode *i = inode_new(mode, ops);

    if (i == NULL) {
        return NULL;
    }
    i->dentry = dentry_new(dir, name, len);
    if (i->dentry == NULL) {
        inode_put(i); /* proc_free() frees no name, either */
        return NULL;
    }
    inode_ref(dir);
    i->parent = dir;
    i->dev = DEV_PROC;
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    i->u.id.a = a;
    i->u.id.b = b;
    procfs_own(i);
    /* So a name has the same inode number at every lookup. */
    i->ino = (dir->ino * 31 + i->dentry->hash) & 0xffffffff;
    return i;
}

static u32 entry_mode(const struct entry *e)
{
    const u32 mode = e->mode & 0777;

    if (e->dir) {
        return S_IFDIR | (mode ? mode : 0555);
    }
    return e->link ? S_IFLNK | 0777 : S_IFREG | (mode ? mode : 0444);
}

static struct inode *make_entry(struct inode *dir, const struct entry *e)
{
    const bool own = e->link == LINK_SELF || e->link == LINK_THREAD;
    const struct inode_ops *ops = e->dir    ? &dir_ops
                                  : own     ? &procfs_link_ops
                                  : e->link ? &procfs_jump_ops
                                            : &text_ops;
    u32 a = e->dir ? e->dir : e->link ? e->link : (u32)(e - entries);

    return procfs_make(dir, e->name, strlen(e->name), entry_mode(e), ops, a, dir->u.id.b);
}

static int parse_number(const char *name, size_t len)
{
    int n = 0;

    if (len == 0 || len > 8 || (len > 1 && name[0] == '0')) {
        return -1;
    }
    for (size_t k = 0; k < len; k++) {
        if (name[k] < '0' || name[k] > '9') {
            return -1;
        }
        n = n * 10 + (name[k] - '0');
    }
    return n;
}

/* Does this directory have the number as an entry? */
static bool numbered(const struct inode *dir, int n)
{
    switch (dir->u.id.a) {
    case ROOT:
        return n > 0 && process_find(n) != NULL;
    case TASKS:
        return n > 0 && thread_find_any(n) != NULL &&
               thread_find_any(n)->proc == procfs_process(dir->u.id.b);
    case FDS:
    case FDINFO:
        return n >= 0 && procfs_fds(dir->u.id.b) != NULL &&
               fd_next(procfs_fds(dir->u.id.b), n) == n;
    default:
        return false;
    }
}

static u32 fd_link_mode(u32 tid, int fd)
{
    struct file *f = procfs_fd(tid, fd);
    u32 mode = S_IFLNK;

    if (f != NULL) {
        mode |= (file_readable(f) ? 0500u : 0) | (file_writable(f) ? 0300u : 0);
        file_put(f);
    }
    return mode;
}

static int proc_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    int n = parse_number(name, len);

    *out = NULL;
    for (size_t k = 0; k < ARRAY_SIZE(entries); k++) {
        const struct entry *e = &entries[k];
        if (entry_in(e, dir->u.id.a) && strlen(e->name) == len && memcmp(e->name, name, len) == 0) {
            *out = make_entry(dir, e);
            return *out != NULL ? 0 : -ENOMEM;
        }
    }
    if (n < 0 || !numbered(dir, n)) {
        return -ENOENT;
    }
    if (dir->u.id.a == FDS) {
        *out = procfs_make(dir, name, len, fd_link_mode(dir->u.id.b, n), &procfs_jump_ops, LINK_FD,
                           (u32)n);
    } else if (dir->u.id.a == FDINFO) {
        *out = procfs_make(dir, name, len, S_IFREG | 0444, &procfs_fdinfo_ops, 0, (u32)n);
    } else {
        *out = procfs_make(dir, name, len, S_IFDIR | 0555, &dir_ops,
                           dir->u.id.a == ROOT ? PROCESS : TASK, (u32)n);
    }
    return *out != NULL ? 0 : -ENOMEM;
}

/* The next number at or after n in this directory; -1 at the end. */
static int next_number(const struct inode *dir, int n)
{
    struct process *p = dir->u.id.a == ROOT ? NULL : procfs_process(dir->u.id.b);

    switch (dir->u.id.a) {
    case ROOT:
        return process_next(n);
    case TASKS:
        return p != NULL ? thread_next(p, n) : -1;
    case FDS:
    case FDINFO:
        return p != NULL && p->fds != NULL ? fd_next(p->fds, n) : -1;
    default:
        return -1;
    }
}

#define NUMBERS 1000u /* positions of numbered entries begin here */

static int proc_readdir(struct inode *dir, u64 *pos, struct dir_sink *s)
{
    char name[12];
    int n;

    for (; *pos < 2 + ARRAY_SIZE(entries); (*pos)++) {
        const struct entry *e = *pos < 2 ? NULL : &entries[*pos - 2];
        const char *dots = *pos == 0 ? "." : "..";
        if (e != NULL && !entry_in(e, dir->u.id.a)) {
            continue;
        }
        u64 ino = e != NULL ? *pos + 1 : *pos == 0 ? dir->ino : dir->parent->ino;
        if (!s->emit(s, e != NULL ? e->name : dots, strlen(e != NULL ? e->name : dots), ino,
                     e != NULL ? entry_mode(e) : S_IFDIR, *pos + 1)) {
            return 0;
        }
    }
    *pos = MAX(*pos, (u64)NUMBERS);
    while ((n = next_number(dir, (int)(*pos - NUMBERS))) >= 0) {
        int len = snprintf(name, sizeof(name), "%d", n);
        u64 next = NUMBERS + (u64)n + 1;
        u32 mode = dir->u.id.a == FDS ? S_IFLNK : dir->u.id.a == FDINFO ? S_IFREG : S_IFDIR;
        if (!s->emit(s, name, (size_t)len, 0x10000u + (u32)n, mode, next)) {
            return 0;
        }
        *pos = next;
    }
    return 0;
}

/* A process sees its own descriptors, also when the directory belongs to root because it cannot be
 * looked into. */
static bool proc_allows(const struct inode *dir)
{
    return (dir->u.id.a == FDS || dir->u.id.a == FDINFO || dir->u.id.a == NS) &&
           procfs_process(dir->u.id.b) == cur_proc();
}

static const struct inode_ops dir_ops = {
    .lookup = proc_lookup, .readdir = proc_readdir, .allows = proc_allows, .free = procfs_free};

/* Makes the text of a file that was just opened. */
static int text_start(struct file *f, const struct entry *e, int tid)
{
    struct text *t = kzalloc(sizeof(*t));

    if (t == NULL) {
        return -ENOMEM;
    }
    if (e->fixed != NULL) {
        text_put(t, e->fixed, strlen(e->fixed));
    } else {
        e->text(t, tid);
    }
    t->write = e->write;
    return text_done(f, t);
}

static int text_open(struct inode *i, struct file *f)
{
    const struct entry *e = &entries[i->u.id.a];

    struct process *p = i->u.id.b ? procfs_process(i->u.id.b) : NULL;

    if (file_writable(f) && e->write == NULL) {
        return -EACCES;
    }
    if (i->u.id.b && p == NULL) {
        return -ESRCH;
    }
    if ((e->mode & LOOK) != 0 && p != NULL && !cred_may_look(p, true)) {
        return -EACCES;
    }
    return text_start(f, e, (int)i->u.id.b);
}

static const struct inode_ops text_ops = {.open = text_open, .free = procfs_free};

/* Puts /proc over whatever the image has there, as a mount does. */
int procfs_init(void)
{
    struct dentry *d = dir_find(fs_root, "proc", 4);
    struct inode *root = inode_new(S_IFDIR | 0555, &dir_ops);

    if (root == NULL) {
        return -ENOMEM;
    }
    root->dev = DEV_PROC;
    root->u.id.a = ROOT;
    if (d == NULL) {
        struct inode *i = ramfs_new(S_IFDIR | 0555);
        if (i == NULL || dir_add(fs_root, "proc", 4, i) < 0) {
            return -ENOMEM;
        }
        d = dir_find(fs_root, "proc", 4);
    }
    root->dentry = d;
    root->nlink = 2;
    root->parent = fs_root;
    inode_ref(fs_root);
    d->inode = root; /* the covered directory is out of reach for good */
    return 0;
}
