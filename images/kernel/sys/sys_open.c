// SPDX-License-Identifier: Apache-2.0
/*
 * Opening and closing, and the size of files.
 */
#include "fs/access.h"
#include "sysproto.h"

#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <linux/resource.h>

static long do_open(int dirfd, vaddr_t upath, u32 flags, u32 mode)
{
    struct file *f;
    char *path;
    int rc = path_from_user(upath, false, &path);

    if (rc < 0) {
        return rc;
    }
    rc = vfs_open(dirfd, path, flags, mode, &f);
    kfree(path);
    return rc < 0 ? rc : fd_install(f, 0, flags & O_CLOEXEC);
}

long sys_open(const long a[6])
{
    return do_open(AT_FDCWD, (vaddr_t)a[0], (u32)a[1], (u32)a[2]);
}

long sys_openat(const long a[6])
{
    return do_open((int)a[0], (vaddr_t)a[1], (u32)a[2], (u32)a[3]);
}

long sys_creat(const long a[6])
{
    return do_open(AT_FDCWD, (vaddr_t)a[0], O_CREAT | O_WRONLY | O_TRUNC, (u32)a[1]);
}

long sys_close(const long a[6])
{
    return fd_close((int)a[0]);
}

long sys_close_range(const long a[6])
{
    int rc = 0;

    if ((u32)a[2] & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) {
        return -EINVAL;
    }
    if (a[2] & CLOSE_RANGE_UNSHARE) {
        rc = inherit_unshare(cur_proc());
    }
    return rc < 0 ? rc : fd_close_range((u32)a[0], (u32)a[1], a[2] & CLOSE_RANGE_CLOEXEC);
}

long sys_memfd_create(const long a[6])
{
    u32 flags = (u32)a[1];
    char name[NAME_LEN_MAX - 5];
    struct file *f;

    long n = strncpy_from_user(name, (vaddr_t)a[0], sizeof(name));
    if (n < 0) {
        return n == -ENAMETOOLONG ? -EINVAL : n;
    }
    int rc = memfd_new(flags, &f);
    return rc < 0 ? rc : fd_install(f, 0, flags & MFD_CLOEXEC);
}

/* RLIMIT_FSIZE. A process that has reached it gets a signal (setrlimit(2)). */
static bool may_grow(const struct inode *i, u64 size)
{
    if (size <= i->size || size <= cur_proc()->rlimit_cur[RLIMIT_FSIZE]) {
        return true;
    }
    signal_send(cur_proc(), current, SIGXFSZ, 0, 0);
    return false;
}

static long truncate_inode(struct inode *i, s64 size)
{
    if (i->type == INODE_DIR) {
        return -EISDIR;
    }
    if (size < 0 || i->ops == NULL || i->ops->truncate == NULL) {
        return -EINVAL;
    }
    if (!may_grow(i, (u64)size)) {
        return -EFBIG;
    }
    int rc = i->ops->truncate(i, (u64)size);
    if (rc == 0) {
        dnotify_inode(i, DN_MODIFY);
    }
    return rc;
}

long sys_truncate(const long a[6])
{
    struct inode *i;

    if (a[1] < 0) {
        return -EINVAL;
    }
    long rc = lookup_at(AT_FDCWD, (vaddr_t)a[0], 0, true, &i);
    if (rc == 0) {
        rc = i->type == INODE_REG ? inode_permission(i, MAY_WRITE) : 0;
        rc = rc == 0 && inode_is_running(i) ? -ETXTBSY : rc;
        rc = rc == 0 ? lease_break(i, true, true) : rc;
        rc = rc == 0 ? truncate_inode(i, a[1]) : rc;
        inode_put(i);
    }
    return rc;
}

long sys_ftruncate(const long a[6])
{
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    rc = file_writable(f) ? truncate_inode(f->inode, a[1]) : -EINVAL;
    file_put(f);
    return rc;
}

long sys_fallocate(const long a[6])
{
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (!file_writable(f)) {
        rc = -EBADF;
    } else if (a[2] < 0 || a[3] <= 0) {
        rc = -EINVAL;
    } else if (f->inode->ops == NULL || f->inode->ops->allocate == NULL) {
        rc = f->ops->stream ? -ESPIPE : -ENODEV;
    } else if (!(a[1] & FALLOC_FL_KEEP_SIZE) && !may_grow(f->inode, (u64)a[2] + (u64)a[3])) {
        rc = -EFBIG;
    } else {
        rc = f->inode->ops->allocate(f->inode, (u64)a[2], (u64)a[3], (int)a[1]);
    }
    file_put(f);
    return rc;
}
