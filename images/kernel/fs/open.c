// SPDX-License-Identifier: Apache-2.0
/*
 * Opening: walks a path to an inode, which is made if asked for, and makes an open file on it.
 */
#include "fs/access.h"

#define CREATION_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

static s64 dir_lseek(struct file *f, s64 off, int whence)
{
    return file_seek(f, off, whence, 0);
}

static const struct file_ops dir_file_ops = {.name = "dir", .lseek = dir_lseek};
static const struct file_ops path_file_ops = {.name = "path"};

int inode_open(struct inode *i, u32 flags, struct file **out)
{
    /* Terminals look at O_NOCTTY, which is no flag of the open file. */
    struct file *f = file_new(i, flags & ~(u32)(CREATION_FLAGS & ~O_NOCTTY), NULL);
    int rc = 0;

    if (f == NULL) {
        return -ENFILE;
    }
    if (flags & O_PATH) {
        f->ops = &path_file_ops;
    } else if (i->type == INODE_DIR) {
        f->ops = &dir_file_ops;
    } else {
        rc = i->ops != NULL && i->ops->open != NULL ? i->ops->open(i, f) : -ENXIO;
    }
    if (rc < 0) {
        f->ops = &path_file_ops;
        file_put(f);
        return rc;
    }
    f->flags &= ~(u32)O_NOCTTY;
    *out = f;
    return 0;
}

static u32 open_wants(u32 flags)
{
    const u32 mode = flags & O_ACCMODE;

    return (mode != O_WRONLY ? MAY_READ : 0) |
           (mode != O_RDONLY || (flags & O_TRUNC) != 0 ? MAY_WRITE : 0);
}

/* fresh: this open has made the file. */
static int may_open(const struct inode *i, u32 flags, bool fresh)
{
    bool writes = (open_wants(flags) & MAY_WRITE) != 0;
    int rc;

    if ((flags & O_DIRECTORY) && i->type != INODE_DIR) {
        return -ENOTDIR;
    }
    if (i->type == INODE_LNK) {
        return flags & O_PATH ? 0 : -ELOOP;
    }
    if (i->type == INODE_DIR && !(flags & O_PATH) && (writes || (flags & O_CREAT))) {
        return -EISDIR;
    }
    if (fresh || (flags & O_PATH)) {
        return 0;
    }
    rc = inode_permission(i, open_wants(flags));
    if (rc == 0 && writes && i->type == INODE_REG && inode_is_running(i)) {
        rc = -ETXTBSY;
    }
    return rc == 0 && (flags & O_NOATIME) != 0 ? inode_owned(i) : rc;
}

static int open_tmpfile(struct inode *dir, u32 flags, u32 mode, struct file **out)
{
    int rc = 0;

    if ((flags & O_ACCMODE) == O_RDONLY) {
        return -EINVAL;
    }
    if (dir->type != INODE_DIR) {
        return -ENOTDIR;
    }
    rc = dir_may_add(dir);
    if (rc < 0) {
        return rc;
    }
    if (!dir_writable(dir, &rc)) {
        return rc == -EPERM ? -EOPNOTSUPP : rc;
    }
    struct inode *i = ramfs_new(S_IFREG | (mode & 07777 & ~cur_proc()->fs->umask));
    if (i == NULL) {
        return -ENOSPC;
    }
    if (dir->mode & S_ISGID) {
        i->gid = dir->gid;
    }
    i->linkable = !(flags & O_EXCL);
    rc = inode_open(i, flags & ~(u32)O_TMPFILE, out);
    inode_put(i);
    return rc;
}

/* Makes a file with the name at which the walk ended. */
static int open_create(struct walk *w, u32 mode)
{
    struct inode *i;
    int rc = dir_may_add(w->dir);

    if (rc < 0) {
        return rc;
    }
    i = ramfs_new(S_IFREG);
    if (i != NULL) {
        inode_ref(i);
    }
    rc = vfs_make(w, mode & ~cur_proc()->fs->umask, i);
    if (rc < 0) {
        inode_put(i);
        return rc == -EPERM ? -ENOENT : rc;
    }
    w->inode = i;
    return 0;
}

static int open_walked(struct walk *w, u32 flags, u32 mode, struct file **out)
{
    bool fresh = false;
    int rc;

    if ((flags & O_CREAT) && w->want_dir && w->end == END_NAME) {
        return -EISDIR;
    }
    if (w->inode == NULL) {
        if (!(flags & O_CREAT)) {
            return -ENOENT;
        }
        rc = open_create(w, mode);
        if (rc < 0) {
            return rc;
        }
        fresh = true;
    } else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return -EEXIST;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        return open_tmpfile(w->inode, flags, mode, out);
    }
    rc = may_open(w->inode, flags, fresh);
    if (rc == 0 && !fresh && !(flags & O_PATH)) {
        rc = lease_break(w->inode, (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0,
                         !(flags & O_NONBLOCK));
    }
    if (rc == 0 && !fresh && (flags & O_TRUNC) && !(flags & O_PATH) && w->inode->ops != NULL &&
        w->inode->ops->truncate != NULL) {
        rc = w->inode->ops->truncate(w->inode, 0);
    }
    return rc < 0 ? rc : inode_open(w->inode, flags, out);
}

int vfs_open(int dirfd, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct inode *start;
    struct walk w;
    int rc;

    if (flags & O_PATH) {
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    } else if ((flags & O_ACCMODE) == O_ACCMODE) {
        return -EINVAL;
    }
    bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    rc = walk_start(dirfd, path, &start);
    if (rc < 0) {
        return rc;
    }
    rc = walk_path(start, path, (follow ? WALK_FOLLOW : 0u) | (flags & O_CREAT ? WALK_NAME : 0u),
                   &w);
    inode_put(start);
    if (rc < 0) {
        return rc;
    }
    rc = open_walked(&w, flags, mode, out);
    walk_done(&w);
    return rc;
}
