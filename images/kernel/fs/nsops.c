// SPDX-License-Identifier: Apache-2.0
/*
 * Changes of the name space: making, linking, removing and renaming. Only
 * ramfs directories change; /proc answers as Linux does.
 */
#include "fs/access.h"

#include <linux/fs.h>

/* Walks a path that the program gave, to a name that is to be made or removed. */
static int walk_user(int dirfd, vaddr_t upath, struct walk *w)
{
    struct inode *start;
    char *path;
    int rc = path_from_user(upath, false, &path);

    if (rc < 0) {
        return rc;
    }
    rc = walk_start(dirfd, path, &start);
    if (rc >= 0) {
        rc = walk_path(start, path, WALK_NAME, w);
        inode_put(start);
    }
    kfree(path);
    return rc;
}

static struct inode *make_inode(u32 mode, u32 rdev, const char *target)
{
    struct inode *i;

    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
        return ramfs_new(mode);
    case S_IFLNK:
        return ramfs_symlink(target, strlen(target));
    case S_IFIFO:
        return inode_new(mode, &fifo_inode_ops);
    default:
        i = inode_new(mode, &devfs_ops);
        if (i != NULL) {
            i->rdev = rdev;
        }
        return i;
    }
}

static int may_make(const struct inode *dir, u32 mode)
{
    int rc = dir_may_add(dir);

    if (rc == 0 && (S_ISCHR(mode) || S_ISBLK(mode)) && !cred_has(cur_cred(), CAP_MKNOD)) {
        rc = -EPERM;
    }
    return rc;
}

int vfs_mknod(int dirfd, vaddr_t upath, u32 mode, u32 rdev, const char *target)
{
    struct walk w;
    int rc = walk_user(dirfd, upath, &w);

    if (rc < 0) {
        return rc;
    }
    if (w.inode != NULL) {
        rc = -EEXIST;
    } else if (w.want_dir && !S_ISDIR(mode)) {
        rc = -ENOENT;
    } else if ((rc = may_make(w.dir, mode)) == 0) {
        rc = vfs_make(&w, S_ISLNK(mode) ? 0777 : mode & ~cur_proc()->fs->umask,
                      make_inode(mode, rdev, target));
    }
    walk_done(&w);
    return rc;
}

/* As with Linux's fs.protected_hardlinks: others make no further name of a file that they may not
 * change, or with which they would have somebody's rights. */
static int may_link(const struct inode *i)
{
    const u32 group = S_ISGID | S_IXGRP;

    if (inode_owned(i) == 0) {
        return 0;
    }
    return i->type == INODE_REG && (i->mode & S_ISUID) == 0 && (i->mode & group) != group &&
                   inode_permission(i, MAY_READ | MAY_WRITE) == 0
               ? 0
               : -EPERM;
}

int vfs_link(struct inode *i, int dirfd, vaddr_t upath)
{
    struct walk w;
    int rc = walk_user(dirfd, upath, &w);

    if (rc < 0) {
        return rc;
    }
    if (w.inode != NULL) {
        rc = -EEXIST;
    } else if (w.want_dir || (i->nlink == 0 && !i->linkable)) {
        rc = -ENOENT;
    } else if (i->dev != w.dir->dev) {
        rc = -EXDEV;
    } else if ((rc = may_link(i)) == 0 && (rc = dir_may_add(w.dir)) == 0 &&
               dir_writable(w.dir, &rc)) {
        rc = i->type == INODE_DIR ? -EPERM : dir_add(w.dir, w.name, w.len, i);
        if (rc == 0) {
            i->linkable = false;
            i->ctime = time_wall();
            inode_touch(w.dir);
            dnotify_dir(w.dir, DN_CREATE);
        }
    }
    walk_done(&w);
    return rc;
}

/* May the name at which the walk ended be removed? */
static int may_remove(const struct walk *w, bool rmdir)
{
    int rc = dir_may_remove(w->dir, w->inode);

    if (rc < 0 || !dir_writable(w->dir, &rc)) {
        return rc;
    }
    if (rmdir) {
        if (w->inode->type != INODE_DIR) {
            return -ENOTDIR;
        }
        return w->inode->ops == &ramfs_dir_ops ? (dir_empty(w->inode) ? 0 : -ENOTEMPTY) : -EBUSY;
    }
    return w->inode->type == INODE_DIR ? -EISDIR : w->want_dir ? -ENOTDIR : 0;
}

/* The error of unlink(2) and rmdir(2) for a path that does not end in a name. */
static int no_name(enum walk_end end, bool rmdir)
{
    if (!rmdir) {
        return -EISDIR;
    }
    return end == END_ROOT ? -EBUSY : end == END_DOT ? -EINVAL : -ENOTEMPTY;
}

int vfs_unlink(int dirfd, vaddr_t upath, bool rmdir)
{
    struct walk w;
    int rc = walk_user(dirfd, upath, &w);

    if (rc < 0) {
        return rc;
    }
    if (w.end != END_NAME) {
        rc = no_name(w.end, rmdir);
    } else if (w.inode == NULL) {
        rc = -ENOENT;
    } else {
        rc = may_remove(&w, rmdir);
    }
    if (rc == 0) {
        dir_remove(w.dir, dir_find(w.dir, w.name, w.len));
        w.inode->ctime = time_wall();
        inode_touch(w.dir);
        dnotify_dir(w.dir, DN_DELETE);
    }
    walk_done(&w);
    return rc;
}

static bool is_ancestor(const struct inode *of, const struct inode *i)
{
    for (; i != fs_root; i = i->parent) {
        if (i == of) {
            return true;
        }
    }
    return of == fs_root;
}

/* Are both directories the process's to change, and what goes from them? A directory that gets
 * another parent is written to as well. */
static int may_move(const struct walk *from, const struct walk *to, bool exchange)
{
    const bool moves = from->dir != to->dir;
    int rc;

    if (from->inode == to->inode) {
        return 0;
    }
    rc = dir_may_remove(from->dir, from->inode);
    if (rc == 0) {
        rc = to->inode != NULL ? dir_may_remove(to->dir, to->inode) : dir_may_add(to->dir);
    }
    if (rc == 0 && moves && from->inode->type == INODE_DIR) {
        rc = inode_permission(from->inode, MAY_WRITE);
    }
    if (rc == 0 && moves && exchange && to->inode->type == INODE_DIR) {
        rc = inode_permission(to->inode, MAY_WRITE);
    }
    return rc;
}

/* May the inode of `from` replace that of `to`, or be exchanged with it? Both exist. */
static int may_replace(const struct walk *from, const struct walk *to, bool exchange)
{
    bool from_dir = from->inode->type == INODE_DIR, to_dir = to->inode->type == INODE_DIR;

    if (to_dir && is_ancestor(to->inode, from->dir)) {
        return exchange ? -EINVAL : -ENOTEMPTY;
    }
    int rc = may_move(from, to, exchange);
    if (rc < 0) {
        return rc;
    }
    if (exchange || from->inode == to->inode) {
        return 0;
    }
    if (from_dir != to_dir) {
        return from_dir ? -ENOTDIR : -EISDIR;
    }
    return to_dir ? may_remove(to, true) : 0;
}

/* The checks are in Linux's order: it decides which error a call gets that is wrong in two ways. */
static int may_rename(const struct walk *from, const struct walk *to, unsigned flags)
{
    bool exchange = flags & RENAME_EXCHANGE;
    int rc = 0;

    if (from->inode == NULL) {
        return -ENOENT;
    }
    if (!dir_writable(from->dir, &rc) || !dir_writable(to->dir, &rc)) {
        return from->dir->dev != to->dir->dev ? -EXDEV : rc;
    }
    if (to->inode != NULL && (flags & RENAME_NOREPLACE)) {
        return -EEXIST;
    }
    if (to->inode == NULL && exchange) {
        return -ENOENT;
    }
    if (exchange && to->want_dir && to->inode->type != INODE_DIR) {
        return -ENOTDIR;
    }
    if (from->inode->type != INODE_DIR && (from->want_dir || (to->want_dir && !exchange))) {
        return -ENOTDIR;
    }
    if (from->inode->type == INODE_DIR && is_ancestor(from->inode, to->dir)) {
        return -EINVAL;
    }
    return to->inode != NULL ? may_replace(from, to, exchange) : may_move(from, to, false);
}

/* Exchanges the inodes of the two entries. */
static void exchange(struct walk *from, struct walk *to, struct dentry *src, struct dentry *dst)
{
    struct inode *moved = from->inode, *other = to->inode;

    src->inode = other;
    dst->inode = moved;
    moved->dentry = dst;
    other->dentry = src;
    if (moved->type == INODE_DIR) {
        from->dir->nlink--;
        to->dir->nlink++;
        dir_adopt(to->dir, moved);
    }
    if (other->type == INODE_DIR) {
        to->dir->nlink--;
        from->dir->nlink++;
        dir_adopt(from->dir, other);
    }
}

/* To replace a name, the two entries are exchanged and the old one is removed: nothing can fail
 * half-way. */
static int do_rename(struct walk *from, struct walk *to, bool both_stay)
{
    struct dentry *src = dir_find(from->dir, from->name, from->len);
    struct dentry *dst = to->inode != NULL ? dir_find(to->dir, to->name, to->len) : NULL;
    u32 nlink = from->inode->nlink;

    if (from->inode == to->inode) {
        return 0; /* two names of one file: rename(2) does nothing */
    }
    if (dst != NULL) {
        exchange(from, to, src, dst);
        if (!both_stay) {
            dir_remove(from->dir, src);
            if (to->inode->type == INODE_DIR) {
                dir_adopt(to->dir, to->inode); /* ".." stays the same for a process in it */
            }
        }
        return 0;
    }
    int rc = dir_add(to->dir, to->name, to->len, from->inode);
    if (rc < 0) {
        return rc;
    }
    dir_remove(from->dir, src);
    from->inode->nlink = nlink;
    return 0;
}

int vfs_rename(int olddir, vaddr_t oldpath, int newdir, vaddr_t newpath, unsigned flags)
{
    struct walk from, to;
    int rc;

    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        return -EINVAL;
    }
    rc = walk_user(olddir, oldpath, &from);
    if (rc < 0) {
        return rc;
    }
    rc = walk_user(newdir, newpath, &to);
    if (rc < 0) {
        walk_done(&from);
        return rc;
    }
    if (from.end != END_NAME) {
        rc = -EBUSY;
    } else if (to.end != END_NAME) {
        rc = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    } else {
        rc = may_rename(&from, &to, flags);
    }
    if (rc == 0) {
        rc = do_rename(&from, &to, flags & RENAME_EXCHANGE);
    }
    if (rc == 0) {
        from.inode->ctime = time_wall();
        inode_touch(from.dir);
        inode_touch(to.dir);
        dnotify_dir(from.dir, DN_DELETE | DN_RENAME);
        dnotify_dir(to.dir, DN_CREATE);
    }
    walk_done(&to);
    walk_done(&from);
    return rc;
}
