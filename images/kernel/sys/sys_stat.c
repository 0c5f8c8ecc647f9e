// SPDX-License-Identifier: Apache-2.0
/*
 * Asking about files: stat and its relatives, access, readlink, getdents,
 * statfs.
 */
#include "fs/access.h"
#include "sysproto.h"

#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/securebits.h>

static long put_stat(struct inode *i, vaddr_t ust)
{
    struct stat st;

    inode_stat(i, &st);
    return copy_to_user(ust, &st, sizeof(st));
}

static long stat_at(int dirfd, vaddr_t upath, u32 flags, vaddr_t ust)
{
    struct inode *i;

    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) {
        return -EINVAL;
    }
    long rc = lookup_at(dirfd, upath, flags, !(flags & AT_SYMLINK_NOFOLLOW), &i);
    if (rc < 0) {
        return rc;
    }
    rc = put_stat(i, ust);
    inode_put(i);
    return rc;
}

long sys_stat(const long a[6])
{
    return stat_at(AT_FDCWD, (vaddr_t)a[0], 0, (vaddr_t)a[1]);
}

long sys_lstat(const long a[6])
{
    return stat_at(AT_FDCWD, (vaddr_t)a[0], AT_SYMLINK_NOFOLLOW, (vaddr_t)a[1]);
}

long sys_newfstatat(const long a[6])
{
    return stat_at((int)a[0], (vaddr_t)a[1], (u32)a[3], (vaddr_t)a[2]);
}

long sys_fstat(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = put_stat(f->inode, (vaddr_t)a[1]);
    file_put(f);
    return rc;
}

static struct statx_timestamp stamp(u64 ns)
{
    return (struct statx_timestamp){.tv_sec = (s64)(ns / NSEC_PER_SEC),
                                    .tv_nsec = (u32)(ns % NSEC_PER_SEC)};
}

static void fill_statx(const struct inode *i, struct statx *x)
{
    struct stat st;

    inode_stat(i, &st);
    memset(x, 0, sizeof(*x));
    x->stx_mask = STATX_BASIC_STATS | STATX_BTIME;
    x->stx_blksize = (u32)st.st_blksize;
    x->stx_nlink = (u32)st.st_nlink;
    x->stx_uid = st.st_uid;
    x->stx_gid = st.st_gid;
    x->stx_mode = (u16)st.st_mode;
    x->stx_ino = st.st_ino;
    x->stx_size = (u64)st.st_size;
    x->stx_blocks = (u64)st.st_blocks;
    x->stx_atime = stamp(i->atime);
    x->stx_btime = stamp(i->btime);
    x->stx_ctime = stamp(i->ctime);
    x->stx_mtime = stamp(i->mtime);
    x->stx_rdev_major = i->rdev >> 8;
    x->stx_rdev_minor = i->rdev & 0xff;
    x->stx_dev_minor = i->dev;
}

long sys_statx(const long a[6])
{
    u32 flags = (u32)a[2];
    struct inode *i;
    struct statx x;

    if (flags &
            ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) ||
        ((u32)a[3] & STATX__RESERVED)) {
        return -EINVAL;
    }
    long rc = lookup_at((int)a[0], (vaddr_t)a[1], flags, !(flags & AT_SYMLINK_NOFOLLOW), &i);
    if (rc < 0) {
        return rc;
    }
    fill_statx(i, &x);
    inode_put(i);
    return copy_to_user((vaddr_t)a[4], &x, sizeof(x));
}

/* The credentials for access(2), which asks for the real user and group. */
static struct cred real_cred(void)
{
    struct cred c = *cur_cred();

    c.uid[ID_FS] = c.uid[ID_REAL];
    c.gid[ID_FS] = c.gid[ID_REAL];
    if ((c.securebits & SECBIT_NO_SETUID_FIXUP) == 0) {
        c.cap_effective = c.uid[ID_REAL] == 0 ? c.cap_permitted : 0;
    }
    return c;
}

/* These credentials count for the path as well. */
static int lookup_as(const struct cred *c, int dirfd, vaddr_t upath, u32 flags, struct inode **out)
{
    struct cred *mine = &process_full(cur_proc())->cred, saved = *mine;
    bool same = mine->uid[ID_FS] == c->uid[ID_FS] && mine->gid[ID_FS] == c->gid[ID_FS] &&
                mine->cap_effective == c->cap_effective;

    if (!same) { /* a run of root's writes nothing here */
        *mine = *c;
    }
    int rc = lookup_at(dirfd, upath, flags, !(flags & AT_SYMLINK_NOFOLLOW), out);
    if (!same) {
        *mine = saved;
    }
    return rc;
}

static long access_at(int dirfd, vaddr_t upath, u32 mode, u32 flags)
{
    struct cred c = flags & AT_EACCESS ? *cur_cred() : real_cred();
    struct inode *i;

    if ((mode & ~7u) || (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS))) {
        return -EINVAL;
    }
    long rc = lookup_as(&c, dirfd, upath, flags, &i);
    if (rc < 0) {
        return rc;
    }
    if (mode != 0) { /* R_OK and the others have the values of MAY_* */
        rc = inode_permission_of(i, mode, &c);
    }
    inode_put(i);
    return rc;
}

long sys_access(const long a[6])
{
    return access_at(AT_FDCWD, (vaddr_t)a[0], (u32)a[1], 0);
}

long sys_faccessat(const long a[6])
{
    return access_at((int)a[0], (vaddr_t)a[1], (u32)a[2], 0);
}

long sys_faccessat2(const long a[6])
{
    return access_at((int)a[0], (vaddr_t)a[1], (u32)a[2], (u32)a[3]);
}

static long readlink_at(int dirfd, vaddr_t upath, vaddr_t ubuf, long size)
{
    struct inode *i;
    char *text = NULL;

    if (size <= 0) {
        return -EINVAL;
    }
    long rc = lookup_at(dirfd, upath, AT_EMPTY_PATH, false, &i);
    if (rc < 0) {
        return rc;
    }
    if (i->type != INODE_LNK) {
        rc = -EINVAL;
    } else if ((text = kmalloc(PATH_LEN_MAX)) == NULL) {
        rc = -ENOMEM;
    } else {
        rc = i->ops->readlink(i, text, MIN((u64)size, PATH_LEN_MAX));
    }
    if (rc > 0 && copy_to_user(ubuf, text, (size_t)rc) < 0) {
        rc = -EFAULT;
    }
    kfree(text);
    inode_put(i);
    return rc;
}

long sys_readlink(const long a[6])
{
    return readlink_at(AT_FDCWD, (vaddr_t)a[0], (vaddr_t)a[1], (int)a[2]);
}

long sys_readlinkat(const long a[6])
{
    return readlink_at((int)a[0], (vaddr_t)a[1], (vaddr_t)a[2], (int)a[3]);
}

struct getdents {
    struct dir_sink sink;
    vaddr_t at;
    size_t left;
    bool old; /* getdents(2): the type is the record's last byte */
    int error;
};

/* struct linux_dirent64: ino, off, reclen, type, name; struct linux_dirent: ino, off, reclen, name,
 * ..., type. */
static bool emit(struct dir_sink *s, const char *name, size_t len, u64 ino, u32 mode, u64 next)
{
    struct getdents *g = CONTAINER_OF(s, struct getdents, sink);
    u8 record[(8 + 8 + 2 + 1 + NAME_LEN_MAX + 1 + 7) & ~7];
    size_t name_at = g->old ? 18 : 19;
    u16 reclen = (u16)((name_at + len + 1 + g->old + 7) & ~7ul);

    if (reclen > g->left) {
        g->error = -EINVAL;
        return false;
    }
    memset(record, 0, reclen);
    memcpy(record, &ino, 8);
    memcpy(record + 8, &next, 8);
    memcpy(record + 16, &reclen, 2);
    record[g->old ? reclen - 1 : 18] = (u8)inode_dtype(mode);
    memcpy(record + name_at, name, len);
    if (copy_to_user(g->at, record, reclen) < 0) {
        g->error = -EFAULT;
        return false;
    }
    g->at += reclen;
    g->left -= reclen;
    return true;
}

static long do_getdents(const long a[6], bool old)
{
    struct getdents g = {{emit}, (vaddr_t)a[1], (u32)a[2], old, 0};
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (f->flags & O_PATH) {
        rc = -EBADF;
    } else if (f->inode->type != INODE_DIR) {
        rc = -ENOTDIR;
    } else if (f->inode->nlink == 0) {
        rc = -ENOENT; /* it was removed */
    } else {
        rc = f->inode->ops->readdir(f->inode, &f->pos, &g.sink);
    }
    file_put(f);
    if (rc < 0) {
        return rc;
    }
    return g.at != (vaddr_t)a[1] ? (long)(g.at - (vaddr_t)a[1]) : g.error;
}

long sys_getdents64(const long a[6])
{
    return do_getdents(a, false);
}

long sys_getdents(const long a[6])
{
    return do_getdents(a, true);
}

static long put_statfs(const struct inode *i, vaddr_t ubuf)
{
    struct statfs s;

    memset(&s, 0, sizeof(s));
    s.f_type = i->dev == DEV_PROC   ? PROC_SUPER_MAGIC
               : i->dev == DEV_ANON ? 0x50495045 /* PIPEFS_MAGIC */
                                    : TMPFS_MAGIC;
    s.f_bsize = s.f_frsize = PAGE_SIZE;
    s.f_namelen = NAME_LEN_MAX;
    s.f_flags = 0x20; /* ST_VALID */
    if (i->dev == DEV_RAMFS) {
        s.f_blocks = (long)pmm_total_pages();
        s.f_bfree = s.f_bavail = (long)pmm_free_pages();
        s.f_files = s.f_ffree = s.f_bfree;
    }
    return copy_to_user(ubuf, &s, sizeof(s));
}

long sys_statfs(const long a[6])
{
    struct inode *i;
    long rc = lookup_at(AT_FDCWD, (vaddr_t)a[0], 0, true, &i);

    if (rc == 0) {
        rc = put_statfs(i, (vaddr_t)a[1]);
        inode_put(i);
    }
    return rc;
}

long sys_fstatfs(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = put_statfs(f->inode, (vaddr_t)a[1]);
    file_put(f);
    return rc;
}
