// SPDX-License-Identifier: Apache-2.0
/*
 * Open files: references, access checks in front of the operations, and the
 * arithmetic of positions.
 */
#include "fs/vfs.h"

struct file *file_new(struct inode *i, u32 flags, const struct file_ops *ops)
{
    struct file *f = kzalloc(sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    kernel_counts.files++;
    f->refs = 1;
    f->flags = flags;
    f->inode = i;
    inode_ref(i);
    f->ops = ops;
    return f;
}

struct inode *anon_inode(u32 mode)
{
    struct inode *i = inode_new(mode, NULL);

    if (i != NULL) {
        i->dev = DEV_ANON;
        i->nlink = 1;
    }
    return i;
}

void file_ref(struct file *f)
{
    KASSERT(f->refs > 0);
    f->refs++;
}

void file_put(struct file *f)
{
    KASSERT(f->refs > 0);
    if (--f->refs > 0) {
        return;
    }
    while (f->watches != NULL) {
        f->watches->closed(f->watches);
    }
    if (f->inode->locks != NULL) {
        lock_release(f);
        lease_release(f);
    }
    if (f->ops != NULL && f->ops->release != NULL) {
        f->ops->release(f);
    }
    inode_put(f->inode);
    kernel_counts.files--;
    kfree(f->owner);
    kfree(f);
}

ssize_t file_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    if (!file_readable(f)) {
        return -EBADF;
    }
    if (f->inode->type == INODE_DIR) {
        return -EISDIR;
    }
    if (f->ops->read == NULL) {
        return -EINVAL;
    }
    if ((s64)*pos < 0) {
        return -EINVAL;
    }
    /* Linux moves at most this much in a call. */
    ssize_t rc = f->ops->read(f, buf, MIN(n, 0x7ffff000ul), pos);
    if (rc >= 0) {
        dnotify_inode(f->inode, DN_ACCESS);
    }
    return rc;
}

ssize_t file_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    if (!file_writable(f)) {
        return -EBADF;
    }
    if (f->ops->write == NULL) {
        return -EINVAL;
    }
    if ((s64)*pos < 0) {
        return -EINVAL;
    }
    ssize_t rc = f->ops->write(f, buf, MIN(n, 0x7ffff000ul), pos);
    if (rc > 0) {
        dnotify_inode(f->inode, DN_MODIFY);
    }
    return rc;
}

s64 file_seek(struct file *f, s64 off, int whence, u64 end)
{
    s64 base = whence == 1 ? (s64)f->pos : whence == 2 ? (s64)end : 0;
    s64 to;

    if (whence < 0 || whence > 2 || __builtin_add_overflow(base, off, &to) || to < 0) {
        return -EINVAL;
    }
    f->pos = (u64)to;
    return to;
}

u32 file_poll(struct file *f, struct poll_table *pt)
{
    if (f->flags & O_PATH) {
        return POLLNVAL;
    }
    if (f->ops->poll != NULL) {
        return f->ops->poll(f, pt);
    }
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
