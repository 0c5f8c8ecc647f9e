// SPDX-License-Identifier: Apache-2.0
/*
 * Inodes: making and freeing them, references, stat(2), and an inode's path.
 */
#include "fs/access.h"

struct inode *fs_root;

static u64 next_ino = 1;

enum inode_type mode_type(u32 mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return INODE_REG;
    case S_IFDIR:
        return INODE_DIR;
    case S_IFLNK:
        return INODE_LNK;
    case S_IFIFO:
        return INODE_FIFO;
    case S_IFSOCK:
        return INODE_SOCK;
    case S_IFCHR:
    case S_IFBLK:
        return INODE_CHR;
    default:
        return INODE_ANON;
    }
}

/* DT_*: the S_IFMT bits, shifted; see getdents(2). */
u32 inode_dtype(u32 mode)
{
    return (mode & S_IFMT) >> 12;
}

struct inode *inode_new(u32 mode, const struct inode_ops *ops)
{
    struct inode *i = kzalloc(sizeof(*i));

    if (i == NULL) {
        return NULL;
    }
    kernel_counts.inodes++;
    i->refs = 1;
    i->mode = mode;
    i->type = mode_type(mode);
    i->dev = DEV_RAMFS;
    i->ino = next_ino++;
    i->ops = ops;
    if (current->proc != NULL) { /* not at boot */
        i->uid = cur_cred()->uid[ID_FS];
        i->gid = cur_cred()->gid[ID_FS];
    }
    i->atime = i->mtime = i->ctime = i->btime = time_wall();
    return i;
}

void inode_touch(struct inode *i)
{
    i->mtime = i->ctime = time_wall();
}

void inode_ref(struct inode *i)
{
    KASSERT(i->refs > 0);
    i->refs++;
}

void inode_put(struct inode *i)
{
    /* A directory that is freed gives up its reference to its parent, which may be the last one. */
    while (i != NULL) {
        struct inode *parent = i->parent;

        KASSERT(i->refs > 0);
        if (--i->refs > 0) {
            return;
        }
        if (i->ops != NULL && i->ops->free != NULL) {
            i->ops->free(i);
        }
        lock_inode_free(i);
        xattr_inode_free(i);
        kernel_counts.inodes--;
        kfree(i);
        i = parent != i ? parent : NULL;
    }
}

enum inode_type inode_type(const struct inode *i)
{
    return i->type;
}

bool inode_executable(const struct inode *i)
{
    return i->type == INODE_REG && inode_permission(i, MAY_EXEC) == 0;
}

ssize_t inode_read(struct inode *i, void *kbuf, size_t n, u64 off)
{
    bool saved = current->kernel_buffers;

    if (i->ops == NULL || i->ops->read == NULL) {
        return -EINVAL;
    }
    current->kernel_buffers = true;
    ssize_t rc = i->ops->read(i, (vaddr_t)kbuf, n, off);
    current->kernel_buffers = saved;
    return rc;
}

void inode_stat(const struct inode *i, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_dev = i->dev;
    st->st_ino = i->ino;
    st->st_nlink = i->nlink;
    st->st_mode = i->mode;
    st->st_uid = i->uid;
    st->st_gid = i->gid;
    st->st_rdev = i->rdev;
    st->st_size = (long)i->size;
    st->st_blksize = PAGE_SIZE;
    st->st_blocks = i->ops != NULL && i->ops->blocks != NULL ? (long)i->ops->blocks(i) : 0;
    st->st_atime = i->atime / NSEC_PER_SEC;
    st->st_atime_nsec = i->atime % NSEC_PER_SEC;
    st->st_mtime = i->mtime / NSEC_PER_SEC;
    st->st_mtime_nsec = i->mtime % NSEC_PER_SEC;
    st->st_ctime = i->ctime / NSEC_PER_SEC;
    st->st_ctime_nsec = i->ctime % NSEC_PER_SEC;
}

static void put_back(char *buf, size_t *at, const char *s, size_t n)
{
    size_t fits = MIN(*at, n);

    *at -= fits;
    memcpy(buf + *at, s + (n - fits), fits);
}

/* Builds the path backwards from the end of buf, then moves it to the front. */
size_t inode_path(const struct inode *i, char *buf, size_t size)
{
    size_t at = size - 1;

    buf[0] = 0;
    if (i == fs_root) {
        put_back(buf, &at, "/", 1);
    }
    while (i != fs_root) {
        const struct dentry *d = i->dentry;

        if (d == NULL) {
            buf[0] = 0;
            return 0;
        }
        put_back(buf, &at, d->name, d->len);
        put_back(buf, &at, "/", 1);
        i = d->dir;
    }
    size_t len = size - 1 - at;
    memmove(buf, buf + at, len);
    buf[len] = 0;
    return len;
}
