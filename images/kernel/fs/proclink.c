// SPDX-License-Identifier: Apache-2.0
/*
 * The links of /proc: to the current process, to what a process has open or runs, and to the name
 * spaces, of which there is one of each kind.
 */
#include "fs/access.h"
#include "fs/procfs.h"

u32 procfs_tid(const struct inode *i)
{
    const struct inode *dir = i->parent;
    const bool numbered =
        dir != NULL && dir->dev == DEV_PROC && (dir->u.id.a == FDS || dir->u.id.a == FDINFO);

    return numbered ? dir->u.id.b : i->u.id.b;
}

/* The process of this thread, or with this number; NULL when it is gone. */
struct process *procfs_process(u32 tid)
{
    struct thread *t = thread_find_any((int)tid);

    return t != NULL ? t->proc : process_find((int)tid);
}

/* The descriptors of the process of a thread; NULL when it has none. */
struct fdtable *procfs_fds(u32 tid)
{
    struct process *p = procfs_process(tid);

    return p != NULL ? p->fds : NULL;
}

struct file *procfs_fd(u32 tid, int fd)
{
    struct fdtable *t = procfs_fds(tid);

    return t != NULL ? fdtable_get(t, fd) : NULL;
}

/* What is about a process belongs to its effective user, or to root when nobody may look into the
 * process. Its directories that show no more than names belong to the user at any rate. */
void procfs_own(struct inode *i)
{
    const u32 tid = procfs_tid(i);
    struct process *p = tid != 0 ? procfs_process(tid) : NULL;
    const struct process_full *pf = p != NULL ? process_full(p) : NULL;
    bool names = i->mode == (S_IFDIR | 0555);

    i->uid = i->gid = 0;
    if (pf != NULL && (names || (p->mm != NULL && pf->dumpable == 1))) {
        i->uid = pf->cred.uid[ID_EFFECTIVE];
        i->gid = pf->cred.gid[ID_EFFECTIVE];
    }
}

void procfs_free(struct inode *i)
{
    kfree(i->dentry);
}

static ssize_t link_readlink(struct inode *i, char *buf, size_t size)
{
    char text[40];
    int n = i->u.id.a == LINK_SELF
                ? snprintf(text, sizeof(text), "%d", cur_proc()->pid)
                : snprintf(text, sizeof(text), "%d/task/%d", cur_proc()->pid, current->tid);

    memcpy(buf, text, MIN((size_t)n, size));
    return (ssize_t)MIN((size_t)n, size);
}

const struct inode_ops procfs_link_ops = {.readlink = link_readlink, .free = procfs_free};

/* namespaces(7). The numbers are those that Linux gives to the first of each kind. */
static const struct {
    const char *name;
    u64 ino;
} spaces[] = {
    {"cgroup", 4026531835}, {"ipc", 4026531839},  {"mnt", 4026531841},  {"net", 4026531840},
    {"pid", 4026531836},    {"time", 4026531834}, {"user", 4026531837}, {"uts", 4026531838},
};

static ssize_t space_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    (void)f, (void)buf, (void)n, (void)pos;
    return -EINVAL;
}

static const struct file_ops space_file_ops = {.name = "ns", .read = space_read};

static int space_open(struct inode *i, struct file *f)
{
    (void)i;
    f->ops = &space_file_ops;
    return 0;
}

static const struct inode_ops space_ops = {.open = space_open};

static int space_inode(u32 kind, struct inode **out)
{
    struct inode *i = inode_new(S_IFREG | 0444, &space_ops);

    if (i == NULL) {
        return -ENOMEM;
    }
    i->dev = DEV_ANON;
    i->ino = spaces[kind].ino;
    i->nlink = 1;
    i->uid = i->gid = 0;
    *out = i;
    return 0;
}

static int proc_jump(struct inode *i, struct inode **out)
{
    struct process *p = procfs_process(procfs_tid(i));
    struct file *f;

    if (p != NULL && !cred_may_look(p, true)) {
        return -EACCES;
    }
    if (i->u.id.a >= LINK_NS) {
        return p != NULL ? space_inode(i->u.id.a - LINK_NS, out) : -ENOENT;
    }
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
        f = procfs_fd(procfs_tid(i), (int)i->u.id.b);
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

    for (size_t k = 0; i->ops == &space_ops && k < ARRAY_SIZE(spaces); k++) {
        if (spaces[k].ino == ino) {
            return (size_t)snprintf(path, PATH_LEN_MAX, "%s:[%lu]", spaces[k].name, ino);
        }
    }
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

const struct inode_ops procfs_jump_ops = {
    .readlink = jump_readlink, .jump = proc_jump, .free = procfs_free};
