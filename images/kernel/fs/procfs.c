// SPDX-License-Identifier: Apache-2.0
/*
 * The names of /proc: a table of entries by directory, and three kinds of
 * numbered entries (processes, threads, descriptors). An inode is made on
 * lookup and freed with its last reference. It holds a reference to its
 * directory, so that its path can be told. A file's text is made when the file
 * is opened.
 */
#include "fs/procfs.h"
#include "fs/vfs.h"

enum level {
    ROOT,
    SYS,
    FS,
    KERNEL,
    RANDOM,
    VM,
    NET,
    PYHL,
    PROCESS,
    TASKS,
    TASK,
    FDS,
    FDINFO,
    BOTH
};
enum link { LINK_NONE, LINK_SELF, LINK_THREAD, LINK_EXE, LINK_CWD, LINK_ROOT, LINK_FD };

struct entry {
    u8 level; /* the directory that has the entry; BOTH: PROCESS and TASK */
    u8 dir;   /* of a directory: its own level; else 0 */
    u8 link;  /* enum link */
    u16 mode; /* permissions of a text; 0 stands for 0444 */
    const char *name;
    text_fn text;
    const char *fixed; /* a text that is always the same */
};

#define DIRECTORY(level, dir, name)                                                                \
    {                                                                                              \
        level, dir, 0, 0, name, NULL, NULL                                                         \
    }
#define LINK(level, link, name)                                                                    \
    {                                                                                              \
        level, 0, link, 0, name, NULL, NULL                                                        \
    }
#define TEXT(level, name, text)                                                                    \
    {                                                                                              \
        level, 0, 0, 0, name, text, NULL                                                           \
    }
#define PRIVATE(level, name, text)                                                                 \
    {                                                                                              \
        level, 0, 0, 0400, name, text, NULL                                                        \
    }
#define SETTING(level, name, text)                                                                 \
    {                                                                                              \
        level, 0, 0, 0644, name, text, NULL                                                        \
    }
#define FIXED(level, name, value)                                                                  \
    {                                                                                              \
        level, 0, 0, 0, name, NULL, value                                                          \
    }
#define SETTING_FIXED(level, name, value)                                                          \
    {                                                                                              \
        level, 0, 0, 0644, name, NULL, value                                                       \
    }

/* Modes are Linux's, though nothing but comm can be written. */
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
    TEXT(PYHL, "syscalls", text_syscalls),
    DIRECTORY(SYS, FS, "fs"),
    DIRECTORY(SYS, KERNEL, "kernel"),
    DIRECTORY(SYS, VM, "vm"),
    SETTING_FIXED(FS, "file-max", "9223372036854775807\n"), /* memory is the limit */
    SETTING_FIXED(FS, "nr_open", "1048576\n"),
    SETTING_FIXED(FS, "pipe-max-size", "1048576\n"),
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
    DIRECTORY(BOTH, FDS, "fd"),
    DIRECTORY(BOTH, FDINFO, "fdinfo"),
    LINK(BOTH, LINK_EXE, "exe"),
    LINK(BOTH, LINK_CWD, "cwd"),
    LINK(BOTH, LINK_ROOT, "root"),
    TEXT(PROCESS, "stat", text_process_stat),
    TEXT(TASK, "stat", text_thread_stat),
    PRIVATE(BOTH, "auxv", text_auxv),
    TEXT(BOTH, "cgroup", text_cgroup),
    TEXT(BOTH, "cmdline", text_cmdline),
    SETTING(BOTH, "comm", text_comm),
    PRIVATE(BOTH, "environ", text_environ),
    PRIVATE(BOTH, "io", text_io),
    TEXT(BOTH, "limits", text_limits),
    SETTING_FIXED(BOTH, "loginuid", "4294967295"), /* nobody logged in */
    TEXT(BOTH, "maps", text_maps),
    TEXT(BOTH, "mountinfo", text_mountinfo),
    TEXT(BOTH, "mounts", text_mounts),
    PRIVATE(BOTH, "personality", text_personality),
    FIXED(BOTH, "sessionid", "4294967295"),
    TEXT(BOTH, "smaps", text_smaps),
    TEXT(BOTH, "statm", text_statm),
    TEXT(BOTH, "status", text_status),
    FIXED(BOTH, "wchan", "0"), /* the kernel has no names for where a thread waits */
};

static bool entry_in(const struct entry *e, u32 level)
{
    return e->level == level || (e->level == BOTH && (level == PROCESS || level == TASK));
}

/* An inode's u.id.a is the level of a directory, the index of a text's entry, or the enum link
 * of a link. u.id.b is the thread; for LINK_FD and in FDINFO it is the descriptor, and the
 * directory above has the thread. */
static const struct inode_ops dir_ops, text_ops, link_ops, jump_ops, fdinfo_ops;

static struct inode *procfs_make(struct inode *dir, const char *name, size_t len, u32 mode,
                                 const struct inode_ops *ops, u32 a, u32 b)
{
    struct inode *i = inode_new(mode, ops);

    if (i == NULL) {
        return NULL;
    }
    i->dentry = dentry_new(dir, name, len);
    if (i->dentry == NULL) {
        kfree(i);
        return NULL;
    }
    inode_ref(dir);
    i->parent = dir;
    i->dev = DEV_PROC;
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    i->u.id.a = a;
    i->u.id.b = b;
    /* So a name has the same inode number at every lookup. */
    i->ino = (dir->ino * 31 + i->dentry->hash) & 0xffffffff;
    return i;
}

static u32 entry_mode(const struct entry *e)
{
    if (e->dir) {
        return S_IFDIR | (e->dir == FDS ? 0500 : 0555);
    }
    return e->link ? S_IFLNK | 0777 : S_IFREG | (e->mode ? e->mode : 0444u);
}

static struct inode *make_entry(struct inode *dir, const struct entry *e)
{
    static const struct inode_ops *const link_kinds[] = {
        [LINK_SELF] = &link_ops, [LINK_THREAD] = &link_ops, [LINK_EXE] = &jump_ops,
        [LINK_CWD] = &jump_ops,  [LINK_ROOT] = &jump_ops,
    };
    const struct inode_ops *ops = e->dir ? &dir_ops : e->link ? link_kinds[e->link] : &text_ops;
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

/* The process of this thread, or with this number; NULL when it is gone. */
static struct process *process_at(u32 tid)
{
    struct thread *t = thread_find_any((int)tid);

    return t != NULL ? t->proc : process_find((int)tid);
}

/* The descriptors of the process of a thread; NULL when it has none. */
static struct fdtable *fds_at(u32 tid)
{
    struct process *p = process_at(tid);

    return p != NULL ? p->fds : NULL;
}

static struct file *fd_at(u32 tid, int fd)
{
    struct fdtable *t = fds_at(tid);

    return t != NULL ? fdtable_get(t, fd) : NULL;
}

/* Does this directory have the number as an entry? */
static bool numbered(const struct inode *dir, int n)
{
    switch (dir->u.id.a) {
    case ROOT:
        return n > 0 && process_find(n) != NULL;
    case TASKS:
        return n > 0 && thread_find_any(n) != NULL &&
               thread_find_any(n)->proc == process_at(dir->u.id.b);
    case FDS:
    case FDINFO:
        return n >= 0 && fds_at(dir->u.id.b) != NULL && fd_next(fds_at(dir->u.id.b), n) == n;
    default:
        return false;
    }
}

static u32 fd_link_mode(u32 tid, int fd)
{
    struct file *f = fd_at(tid, fd);
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
        *out =
            procfs_make(dir, name, len, fd_link_mode(dir->u.id.b, n), &jump_ops, LINK_FD, (u32)n);
    } else if (dir->u.id.a == FDINFO) {
        *out = procfs_make(dir, name, len, S_IFREG | 0444, &fdinfo_ops, 0, (u32)n);
    } else {
        *out = procfs_make(dir, name, len, S_IFDIR | 0555, &dir_ops,
                           dir->u.id.a == ROOT ? PROCESS : TASK, (u32)n);
    }
    return *out != NULL ? 0 : -ENOMEM;
}

/* The next number at or after n in this directory; -1 at the end. */
static int next_number(const struct inode *dir, int n)
{
    struct process *p = dir->u.id.a == ROOT ? NULL : process_at(dir->u.id.b);

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

static void proc_free(struct inode *i)
{
    kfree(i->dentry);
}

static const struct inode_ops dir_ops = {
    .lookup = proc_lookup, .readdir = proc_readdir, .free = proc_free};

static ssize_t link_readlink(struct inode *i, char *buf, size_t size)
{
    char text[40];
    int n = i->u.id.a == LINK_SELF
                ? snprintf(text, sizeof(text), "%d", cur_proc()->pid)
                : snprintf(text, sizeof(text), "%d/task/%d", cur_proc()->pid, current->tid);

    memcpy(buf, text, MIN((size_t)n, size));
    return (ssize_t)MIN((size_t)n, size);
}

static const struct inode_ops link_ops = {.readlink = link_readlink, .free = proc_free};

static int proc_jump(struct inode *i, struct inode **out)
{
    const struct process *p = i->u.id.a == LINK_FD ? NULL : process_at(i->u.id.b);
    struct file *f;

    switch (i->u.id.a) {
    case LINK_EXE:
        *out = p != NULL ? p->exe : NULL;
        break;
    case LINK_CWD:
        *out = p != NULL && p->fs != NULL ? p->fs->cwd : NULL;
        break;
    case LINK_ROOT:
        *out = fs_root;
        break;
    default:
        f = fd_at(i->parent->u.id.b, (int)i->u.id.b);
        if (f == NULL) {
            return -ENOENT;
        }
        *out = f->inode;
        inode_ref(*out);
        file_put(f);
        return 0;
    }
    if (*out == NULL) {
        return -ENOENT;
    }
    inode_ref(*out);
    return 0;
}

static size_t nameless(const struct inode *i, char *path)
{
    unsigned long ino = i->ino;

    switch (i->type) {
    case INODE_FIFO:
        return (size_t)snprintf(path, PATH_LEN_MAX, "pipe:[%lu]", ino);
    case INODE_SOCK:
        return (size_t)snprintf(path, PATH_LEN_MAX, "socket:[%lu]", ino);
    case INODE_ANON:
        return (size_t)snprintf(path, PATH_LEN_MAX, "anon_inode:[%s]", i->u.label);
    default:
        return (size_t)snprintf(path, PATH_LEN_MAX, "/ (deleted)");
    }
}

/* The text of the link: the path of an inode with a name, "pipe:[12]" and the like for others,
 * or Linux's mark on a removed file. */
static ssize_t jump_readlink(struct inode *i, char *buf, size_t size)
{
    struct inode *to;
    int rc = proc_jump(i, &to);
    size_t n;

    if (rc < 0) {
        return rc;
    }
    char *path = kmalloc(PATH_LEN_MAX);
    if (path == NULL) {
        inode_put(to);
        return -ENOMEM;
    }
    n = inode_path(to, path, PATH_LEN_MAX);
    if (n == 0) {
        n = nameless(to, path);
    }
    n = MIN(n, size);
    memcpy(buf, path, n);
    kfree(path);
    inode_put(to);
    return (ssize_t)n;
}

static const struct inode_ops jump_ops = {
    .readlink = jump_readlink, .jump = proc_jump, .free = proc_free};

static ssize_t text_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct text *t = f->priv;

    if (*pos >= t->len) {
        return 0;
    }
    n = MIN(n, t->len - *pos);
    if (copy_to_user(buf, t->data + *pos, n) < 0) {
        return -EFAULT;
    }
    *pos += n;
    return (ssize_t)n;
}

/* Writing comm sets the thread's name, as prctl(2) does with PR_SET_NAME. */
static ssize_t text_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct thread *t = thread_find_any((int)f->inode->u.id.b);
    char name[THREAD_NAME_LEN] = {0};

    (void)pos;
    if (t == NULL) { /* only comm can be opened for writing */
        return -EINVAL;
    }
    if (copy_from_user(name, buf, MIN(n, sizeof(name) - 1)) < 0) {
        return -EFAULT;
    }
    memcpy(t->name, name, sizeof(name));
    return (ssize_t)n;
}

static s64 text_lseek(struct file *f, s64 off, int whence)
{
    return file_seek(f, off, whence, ((struct text *)f->priv)->len);
}

static void text_release(struct file *f)
{
    struct text *t = f->priv;

    kfree(t->data);
    kfree(t);
}

static const struct file_ops text_file_ops = {
    .name = "proc",
    .read = text_read,
    .write = text_write,
    .lseek = text_lseek,
    .release = text_release,
};

/* The file shows the text, or there was no memory for it (NULL). */
static int text_done(struct file *f, struct text *t)
{
    if (t == NULL || t->failed) {
        kfree(t != NULL ? t->data : NULL);
        kfree(t);
        return -ENOMEM;
    }
    f->priv = t;
    f->ops = &text_file_ops;
    return 0;
}

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
    return text_done(f, t);
}

static int text_open(struct inode *i, struct file *f)
{
    const struct entry *e = &entries[i->u.id.a];

    if (file_writable(f) && e->text != text_comm) {
        return -EACCES;
    }
    if (i->u.id.b && process_at(i->u.id.b) == NULL) {
        return -ESRCH;
    }
    return text_start(f, e, (int)i->u.id.b);
}

static const struct inode_ops text_ops = {.open = text_open, .free = proc_free};

/* proc_pid_fdinfo(5). */
static void put_fdinfo(struct text *t, const struct file *f, bool cloexec)
{
    u32 flags = f->flags | 0100000u | (cloexec ? O_CLOEXEC : 0);

    text_printf(t, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n",
                f->ops->stream ? 0 : (unsigned long)f->pos, flags,
                f->inode->dev == DEV_PROC ? 2 : 1, (unsigned long)f->inode->ino);
}

static int fdinfo_open(struct inode *i, struct file *f)
{
    struct fdtable *table = fds_at(i->parent->u.id.b);
    struct file *shown = table != NULL ? fdtable_get(table, (int)i->u.id.b) : NULL;
    struct text *t;

    if (file_writable(f)) {
        return -EACCES;
    }
    if (shown == NULL) {
        return -ENOENT;
    }
    t = kzalloc(sizeof(*t));
    if (t != NULL) {
        put_fdinfo(t, shown, fdtable_cloexec(table, (int)i->u.id.b));
    }
    file_put(shown);
    return text_done(f, t);
}

static const struct inode_ops fdinfo_ops = {.open = fdinfo_open, .free = proc_free};

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
