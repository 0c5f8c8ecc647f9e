// SPDX-License-Identifier: Apache-2.0
/*
 * A file system call on both sides: in the kernel's fs/, and on the host.
 */
#include "fs/vfs.h"
#include "host.h"
#include "sides.h"
#include "sysproto.h"

#include <string.h>

#define INODES_MAX 65536u

static const char *const op_names[] = {
    "empty", "stat",   "lstat",  "open",  "mkdir", "mknod",  "symlink",
    "link",  "rename", "unlink", "rmdir", "chdir", "getcwd",
};

/* The host's number of each inode of the kernel, which never uses one twice. */
static unsigned long host_ino[INODES_MAX];

/* ---- What fs/ calls of others. ---- */

const struct inode_ops devfs_ops, fifo_inode_ops;

u64 time_wall(void)
{
    return 0;
}

void lock_inode_free(struct inode *i)
{
    KASSERT(i->locks == NULL);
}

u32 memfd_seals(const struct inode *i)
{
    (void)i;
    return 0;
}

void lock_release(struct file *f)
{
    panic("no file here has locks: %lu", f->inode->ino);
}

bool inode_is_running(const struct inode *i)
{
    (void)i;
    return false;
}

/* No file here has watches or leases. */
void dnotify_dir(struct inode *dir, u32 event)
{
    (void)dir;
    (void)event;
}

void dnotify_inode(struct inode *i, u32 event)
{
    (void)i;
    (void)event;
}

int lease_break(struct inode *i, bool write, bool wait)
{
    (void)i;
    (void)write;
    (void)wait;
    return 0;
}

void lease_release(const struct file *f)
{
    (void)f;
}

void mm_inode_changed(struct inode *i, u64 pgoff, u64 pages)
{
    panic("no file here has pages of an image: %lu, %lu, %lu", i->ino, pgoff, pages);
}

int signal_send(struct process *p, struct thread *t, int sig, int si_code, u64 value)
{
    (void)p;
    (void)t;
    (void)value;
    return sig + si_code;
}

struct file *fd_get(int fd)
{
    (void)fd;
    return NULL;
}

/* ---- The kernel's side of a call. ---- */

static void fs_begin(void)
{
    fs_root = ramfs_new(S_IFDIR | 0755);
    KASSERT(fs_root != NULL);
    fs_root->parent = fs_root;
    int rc = fs_context_create(&cur_proc()->fs);
    KASSERT(rc == 0);
}

static void remove_all(struct inode *dir)
{
    for (u32 k = 0; k < dir->u.dir.slot_count; k++) {
        struct dentry *d = dir->u.dir.slots[k].d;

        if (d != NULL && d->inode->type == INODE_DIR) {
            remove_all(d->inode);
        }
        if (d != NULL) {
            dir_remove(dir, d);
        }
    }
}

static void describe(const struct inode *i, struct hostfs_answer *answer)
{
    answer->ino = i->ino;
    answer->size = i->size;
    answer->mode = i->mode;
    answer->nlink = i->nlink;
}

/* What has a name can tell one that leads to it. */
static bool knows_its_path(const struct inode *i)
{
    char path[PATH_LEN_MAX];
    struct inode *found;

    if (inode_path(i, path, sizeof(path)) == 0 || i->nlink == 0) {
        return i->nlink == 0;
    }
    if (walk_inode(fs_root, path, 0, &found) < 0) {
        return false;
    }
    inode_put(found);
    return found == i;
}

static int look(const char *path, bool follow, struct hostfs_answer *answer)
{
    struct inode *i;
    int rc = lookup_at(AT_FDCWD, (vaddr_t)path, 0, follow, &i);

    if (rc == 0) {
        describe(i, answer);
        if (!knows_its_path(i)) {
            rc = -EUCLEAN;
        }
        inode_put(i);
    }
    return rc;
}

static int open_and_close(const char *path, unsigned flags, struct hostfs_answer *answer)
{
    struct file *f;
    char *copy;
    int rc = path_from_user((vaddr_t)path, false, &copy);

    if (rc < 0) {
        return rc;
    }
    rc = vfs_open(AT_FDCWD, copy, flags, 0666, &f);
    kfree(copy);
    if (rc == 0) {
        describe(f->inode, answer);
        file_put(f);
    }
    return rc;
}

static int perform(enum hostfs_op op, unsigned flags, const char *a, const char *b,
                   struct hostfs_answer *answer)
{
    const long both[6] = {(long)a, (long)b};

    switch (op) {
    case HOSTFS_EMPTY:
    case HOSTFS_STAT:
    case HOSTFS_LSTAT:
        return 0;
    case HOSTFS_OPEN:
        return open_and_close(a, flags, answer);
    case HOSTFS_MKDIR:
        return (int)sys_mkdir((long[6]){(long)a, 0777});
    case HOSTFS_MKNOD:
        return (int)sys_mknod((long[6]){(long)a, S_IFREG | 0666, 0});
    case HOSTFS_SYMLINK:
        return (int)sys_symlink(both);
    case HOSTFS_LINK:
        return (int)sys_link(both);
    case HOSTFS_RENAME:
        return (int)sys_renameat2((long[6]){AT_FDCWD, (long)a, AT_FDCWD, (long)b, flags});
    case HOSTFS_UNLINK:
        return (int)sys_unlink(both);
    case HOSTFS_RMDIR:
        return (int)sys_rmdir(both);
    case HOSTFS_CHDIR:
        return (int)sys_chdir(both);
    case HOSTFS_GETCWD:
        return (int)MIN(sys_getcwd((long[6]){(long)answer->name, sizeof(answer->name)}), 0);
    default:
        return -ENOSYS;
    }
}

static int kernel_call(enum hostfs_op op, unsigned flags, const char *a, const char *b,
                       struct hostfs_answer *answer)
{
    int rc = perform(op, flags, a, b, answer);

    if (rc < 0) {
        return rc;
    }
    switch (op) {
    case HOSTFS_STAT:
        return look(a, true, answer);
    case HOSTFS_LSTAT:
    case HOSTFS_MKDIR:
    case HOSTFS_MKNOD:
        return look(a, false, answer);
    case HOSTFS_SYMLINK:
    case HOSTFS_LINK:
    case HOSTFS_RENAME:
        return look(b, false, answer);
    default:
        return 0;
    }
}

/* ---- Both sides. ---- */

static bool may_create(enum hostfs_op op, unsigned flags)
{
    return op == HOSTFS_EMPTY || op == HOSTFS_MKDIR || op == HOSTFS_MKNOD || op == HOSTFS_SYMLINK ||
           (op == HOSTFS_OPEN && flags & O_CREAT);
}

/* The count of links and the size of a directory are each file system's own. */
static bool same_file(const struct hostfs_answer *k, const struct hostfs_answer *h, bool fresh)
{
    if (k->ino == 0 || k->ino >= INODES_MAX) {
        return k->ino == 0 && h->ino == 0;
    }
    if (host_ino[k->ino] == 0 && fresh) {
        host_ino[k->ino] = h->ino;
    }
    return host_ino[k->ino] == h->ino && k->mode == h->mode &&
           (S_ISDIR(k->mode) || (k->nlink == h->nlink && k->size == h->size));
}

/* Linux may begin a walk again, when something else changes on the machine, and then goes on
 * counting links. So a loop that only the host has found is looked for again, in a call that may be
 * repeated. */
static void ask_host(enum hostfs_op op, unsigned flags, const char *a, const char *b,
                     const struct hostfs_answer *kernel, struct hostfs_answer *host)
{
    bool again = op == HOSTFS_STAT || op == HOSTFS_LSTAT || op == HOSTFS_CHDIR;

    for (unsigned n = 0; n < (again ? 2000 : 1); n++) {
        hostfs_call(op, flags, a, b, host);
        if (host->rc != -ELOOP || kernel->rc == -ELOOP) {
            break;
        }
    }
}

bool sides_call(enum hostfs_op op, unsigned flags, const char *a, const char *b, int *rc)
{
    struct hostfs_answer kernel = {0}, host;

    kernel.rc = kernel_call(op, flags, a, b, &kernel);
    ask_host(op, flags, a, b, &kernel, &host);
    *rc = host.rc;
    if (kernel.rc == host.rc && strcmp(kernel.name, host.name) == 0 &&
        (host.rc < 0 || same_file(&kernel, &host, may_create(op, flags)))) {
        return true;
    }
    printf("     %s(\"%.60s\", \"%.60s\", %#x): %d, the host %d; inode %lu is %lu, not %lu; "
           "mode %o, %o; links %u, %u; size %lu, %lu; '%s', '%s'\n",
           op_names[op], a != NULL ? a : "", b != NULL ? b : "", flags, kernel.rc, host.rc,
           kernel.ino, host_ino[kernel.ino % INODES_MAX], host.ino, kernel.mode, host.mode,
           kernel.nlink, host.nlink, kernel.size, host.size, kernel.name, host.name);
    return false;
}

bool sides_begin(void)
{
    struct hostfs_answer host;

    hostfs_call(HOSTFS_EMPTY, 0, NULL, NULL, &host);
    if (host.rc < 0) {
        return false;
    }
    fs_begin();
    hostfs_call(HOSTFS_STAT, 0, "/", NULL, &host);
    host_ino[fs_root->ino] = host.ino;
    fs_root->mode = host.mode;
    return true;
}

bool sides_end(void)
{
    remove_all(fs_root);
    inode_put(cur_proc()->fs->cwd);
    kfree(cur_proc()->fs);
    inode_put(fs_root);
    return heap_used == 0 && frames_used == 0;
}
