// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that change names or metadata, and the working directory.
 */
#include "fs/access.h"
#include "sysproto.h"

long sys_mkdir(const long a[6])
{
    return vfs_mknod(AT_FDCWD, (vaddr_t)a[0], S_IFDIR | ((u32)a[1] & 01777), 0, NULL);
}

long sys_mkdirat(const long a[6])
{
    return vfs_mknod((int)a[0], (vaddr_t)a[1], S_IFDIR | ((u32)a[2] & 01777), 0, NULL);
}

static long do_mknod(int dirfd, vaddr_t upath, u32 mode, u32 rdev)
{
    switch (mode & S_IFMT) {
    case 0:
        mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
    case S_IFCHR:
    case S_IFBLK:
        break;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    return vfs_mknod(dirfd, upath, mode, rdev, NULL);
}

long sys_mknod(const long a[6])
{
    return do_mknod(AT_FDCWD, (vaddr_t)a[0], (u32)a[1], (u32)a[2]);
}

long sys_mknodat(const long a[6])
{
    return do_mknod((int)a[0], (vaddr_t)a[1], (u32)a[2], (u32)a[3]);
}

static long do_symlink(vaddr_t utarget, int dirfd, vaddr_t upath)
{
    char *target;
    int rc = path_from_user(utarget, false, &target);

    if (rc < 0) {
        return rc;
    }
    rc = vfs_mknod(dirfd, upath, S_IFLNK | 0777, 0, target);
    kfree(target);
    return rc;
}

long sys_symlink(const long a[6])
{
    return do_symlink((vaddr_t)a[0], AT_FDCWD, (vaddr_t)a[1]);
}

long sys_symlinkat(const long a[6])
{
    return do_symlink((vaddr_t)a[0], (int)a[1], (vaddr_t)a[2]);
}

static long do_link(int olddir, vaddr_t oldpath, int newdir, vaddr_t newpath, u32 flags)
{
    struct inode *i;

    if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    long rc = lookup_at(olddir, oldpath, flags, flags & AT_SYMLINK_FOLLOW, &i);
    if (rc == 0) {
        rc = vfs_link(i, newdir, newpath);
        inode_put(i);
    }
    return rc;
}

long sys_link(const long a[6])
{
    return do_link(AT_FDCWD, (vaddr_t)a[0], AT_FDCWD, (vaddr_t)a[1], 0);
}

long sys_linkat(const long a[6])
{
    return do_link((int)a[0], (vaddr_t)a[1], (int)a[2], (vaddr_t)a[3], (u32)a[4]);
}

long sys_unlink(const long a[6])
{
    return vfs_unlink(AT_FDCWD, (vaddr_t)a[0], false);
}

long sys_rmdir(const long a[6])
{
    return vfs_unlink(AT_FDCWD, (vaddr_t)a[0], true);
}

long sys_unlinkat(const long a[6])
{
    if (a[2] & ~(long)AT_REMOVEDIR) {
        return -EINVAL;
    }
    return vfs_unlink((int)a[0], (vaddr_t)a[1], a[2] & AT_REMOVEDIR);
}

long sys_rename(const long a[6])
{
    return vfs_rename(AT_FDCWD, (vaddr_t)a[0], AT_FDCWD, (vaddr_t)a[1], 0);
}

long sys_renameat(const long a[6])
{
    return vfs_rename((int)a[0], (vaddr_t)a[1], (int)a[2], (vaddr_t)a[3], 0);
}

long sys_renameat2(const long a[6])
{
    return vfs_rename((int)a[0], (vaddr_t)a[1], (int)a[2], (vaddr_t)a[3], (unsigned)a[4]);
}

/* A change of metadata of one inode. */
struct change {
    enum { CHANGE_MODE, CHANGE_OWNER, CHANGE_TIMES } what;
    u32 mode, uid, gid;
    u64 atime, mtime;
    bool set_atime, set_mtime;
    bool now; /* both times become the current time */
};

/* Only a member of the file's group may give a file its rights. */
static long change_mode(struct inode *i, u32 mode)
{
    long rc = inode_owned(i);

    if (i->type == INODE_LNK) {
        return -EOPNOTSUPP;
    }
    if ((memfd_seals(i) & F_SEAL_EXEC) != 0 && ((i->mode ^ mode) & 0111) != 0) {
        return -EPERM;
    }
    if (rc < 0) {
        return rc;
    }
    if (!cred_in_group(cur_cred(), i->gid) && !cred_has(cur_cred(), CAP_FSETID)) {
        mode &= ~(u32)S_ISGID;
    }
    i->mode = (i->mode & S_IFMT) | (mode & 07777);
    return 0;
}

/* chown(2): an owner may give the file to a group of his, and set-id bits go. */
static long change_owner(struct inode *i, u32 uid, u32 gid)
{
    const struct cred *c = cur_cred();
    bool mine = i->uid == c->uid[ID_FS];
    u32 mode = i->type == INODE_DIR ? i->mode : mode_without_ids(i);

    if (!cred_has(c, CAP_CHOWN) &&
        ((uid != (u32)-1 && !(mine && uid == i->uid)) ||
         (gid != (u32)-1 && !(mine && (gid == i->gid || cred_in_group(c, gid)))))) {
        return -EPERM;
    }
    if (mode != i->mode && inode_owned(i) < 0) {
        return -EPERM;
    }
    i->uid = uid != (u32)-1 ? uid : i->uid;
    i->gid = gid != (u32)-1 ? gid : i->gid;
    i->mode = mode;
    return 0;
}

/* Whoever may write to a file may also touch it: set its times to now. */
static long may_set_times(const struct inode *i, const struct change *c)
{
    if (!c->set_atime && !c->set_mtime) {
        return 0;
    }
    return inode_owned(i) == 0 ? 0 : !c->now ? -EPERM : inode_permission(i, MAY_WRITE);
}

static long apply(struct inode *i, const struct change *c)
{
    long rc;

    if (i->dev == DEV_PROC) {
        return -EPERM;
    }
    switch (c->what) {
    case CHANGE_MODE:
        rc = change_mode(i, c->mode);
        break;
    case CHANGE_OWNER:
        rc = change_owner(i, c->uid, c->gid);
        break;
    default:
        rc = may_set_times(i, c);
        if (rc < 0) {
            break;
        }
        if (c->set_atime) {
            i->atime = c->atime;
        }
        if (c->set_mtime) {
            i->mtime = c->mtime;
        }
    }
    if (rc == 0) {
        i->ctime = time_wall();
        dnotify_inode(i, DN_ATTRIB);
    }
    return rc;
}

static long apply_at(int dirfd, vaddr_t upath, u32 flags, const struct change *c)
{
    struct inode *i;

    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    long rc = lookup_at(dirfd, upath, flags, !(flags & AT_SYMLINK_NOFOLLOW), &i);
    if (rc == 0) {
        rc = apply(i, c);
        inode_put(i);
    }
    return rc;
}

static long apply_fd(long fd, const struct change *c)
{
    struct file *f = fd_get((int)fd);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = f->flags & O_PATH ? -EBADF : apply(f->inode, c);
    file_put(f);
    return rc;
}

long sys_chmod(const long a[6])
{
    struct change c = {.what = CHANGE_MODE, .mode = (u32)a[1]};

    return apply_at(AT_FDCWD, (vaddr_t)a[0], 0, &c);
}

long sys_fchmod(const long a[6])
{
    struct change c = {.what = CHANGE_MODE, .mode = (u32)a[1]};

    return apply_fd(a[0], &c);
}

long sys_fchmodat(const long a[6])
{
    struct change c = {.what = CHANGE_MODE, .mode = (u32)a[2]};

    return apply_at((int)a[0], (vaddr_t)a[1], 0, &c);
}

long sys_chown(const long a[6])
{
    struct change c = {.what = CHANGE_OWNER, .uid = (u32)a[1], .gid = (u32)a[2]};

    return apply_at(AT_FDCWD, (vaddr_t)a[0], 0, &c);
}

long sys_lchown(const long a[6])
{
    struct change c = {.what = CHANGE_OWNER, .uid = (u32)a[1], .gid = (u32)a[2]};

    return apply_at(AT_FDCWD, (vaddr_t)a[0], AT_SYMLINK_NOFOLLOW, &c);
}

long sys_fchown(const long a[6])
{
    struct change c = {.what = CHANGE_OWNER, .uid = (u32)a[1], .gid = (u32)a[2]};

    return apply_fd(a[0], &c);
}

long sys_fchownat(const long a[6])
{
    struct change c = {.what = CHANGE_OWNER, .uid = (u32)a[2], .gid = (u32)a[3]};

    return apply_at((int)a[0], (vaddr_t)a[1], (u32)a[4], &c);
}

#define NSEC_NOW  ((1l << 30) - 1) /* UTIME_NOW, UTIME_OMIT: see utimensat(2) */
#define NSEC_OMIT ((1l << 30) - 2)

static long one_time(const s64 t[2], bool *set, u64 *ns)
{
    *set = t[1] != NSEC_OMIT;
    if (t[1] == NSEC_NOW) {
        *ns = time_wall();
    } else if (*set && (t[1] < 0 || t[1] >= (s64)NSEC_PER_SEC)) {
        return -EINVAL;
    } else { /* times before the epoch are kept as the epoch */
        *ns = t[0] < 0 ? 0 : (u64)t[0] * NSEC_PER_SEC + (u64)t[1];
    }
    return 0;
}

/* scale: ns per unit of the second member; NULL times mean now. */
static long change_times(struct change *c, vaddr_t utimes, s64 scale)
{
    s64 t[4] = {0, NSEC_NOW, 0, NSEC_NOW};

    c->what = CHANGE_TIMES;
    if (utimes && copy_from_user(t, utimes, sizeof(t)) < 0) {
        return -EFAULT;
    }
    if (utimes && scale != 1) {
        if (t[1] < 0 || t[1] >= 1000000 || t[3] < 0 || t[3] >= 1000000) {
            return -EINVAL;
        }
        t[1] *= scale;
        t[3] *= scale;
    }
    c->now = t[1] == NSEC_NOW && t[3] == NSEC_NOW;
    long rc = one_time(t, &c->set_atime, &c->atime);
    return rc < 0 ? rc : one_time(t + 2, &c->set_mtime, &c->mtime);
}

long sys_utime(const long a[6])
{
    s64 t[2];
    struct change c = {.what = CHANGE_TIMES, .set_atime = true, .set_mtime = true};

    c.atime = c.mtime = time_wall();
    c.now = a[1] == 0;
    if (a[1]) {
        if (copy_from_user(t, (vaddr_t)a[1], sizeof(t)) < 0) {
            return -EFAULT;
        }
        c.atime = t[0] < 0 ? 0 : (u64)t[0] * NSEC_PER_SEC;
        c.mtime = t[1] < 0 ? 0 : (u64)t[1] * NSEC_PER_SEC;
    }
    return apply_at(AT_FDCWD, (vaddr_t)a[0], 0, &c);
}

long sys_utimes(const long a[6])
{
    struct change c = {0};
    long rc = change_times(&c, (vaddr_t)a[1], 1000);

    return rc < 0 ? rc : apply_at(AT_FDCWD, (vaddr_t)a[0], 0, &c);
}

long sys_futimesat(const long a[6])
{
    struct change c = {0};
    long rc = change_times(&c, (vaddr_t)a[2], 1000);

    return rc < 0 ? rc : apply_at((int)a[0], (vaddr_t)a[1], 0, &c);
}

long sys_utimensat(const long a[6])
{
    struct change c = {0};
    long rc = change_times(&c, (vaddr_t)a[2], 1);

    if (rc < 0) {
        return rc;
    }
    if (a[1] == 0) {
        return apply_fd(a[0], &c); /* futimens() */
    }
    return apply_at((int)a[0], (vaddr_t)a[1], (u32)a[3], &c);
}

static long set_cwd(struct inode *i)
{
    struct fs_context *fs = cur_proc()->fs;

    if (i->type != INODE_DIR) {
        return -ENOTDIR;
    }
    if (inode_permission(i, MAY_EXEC) < 0) {
        return -EACCES;
    }
    inode_ref(i);
    inode_put(fs->cwd);
    fs->cwd = i;
    return 0;
}

long sys_chdir(const long a[6])
{
    struct inode *i;
    long rc = lookup_at(AT_FDCWD, (vaddr_t)a[0], 0, true, &i);

    if (rc == 0) {
        rc = set_cwd(i);
        inode_put(i);
    }
    return rc;
}

long sys_fchdir(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = set_cwd(f->inode);
    file_put(f);
    return rc;
}

long sys_getcwd(const long a[6])
{
    static KERNEL_COLD char buf[PATH_LEN_MAX]; /* nothing here blocks */
    size_t len = inode_path(cur_proc()->fs->cwd, buf, sizeof(buf));

    if (len == 0) {
        return -ENOENT;
    }
    if (len + 1 > (size_t)a[1]) {
        return -ERANGE;
    }
    return copy_to_user((vaddr_t)a[0], buf, len + 1) < 0 ? -EFAULT : (long)len + 1;
}

long sys_umask(const long a[6])
{
    struct fs_context *fs = cur_proc()->fs;
    u32 old = fs->umask;

    fs->umask = (u32)a[0] & 0777;
    return old;
}
