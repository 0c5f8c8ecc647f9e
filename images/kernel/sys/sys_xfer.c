// SPDX-License-Identifier: Apache-2.0
/*
 * Copies between descriptors (sendfile, splice, tee, copy_file_range). They go
 * through a kernel buffer, by the files' own operations, and move the source's
 * position only by as much as was written.
 */
#include "fs/vfs.h"
#include "sysproto.h"

#define CHUNK 65536ul

typedef ssize_t (*mover)(struct file *f, vaddr_t buf, size_t n, u64 *pos);

static ssize_t with_kernel_buffer(mover fn, struct file *f, void *buf, size_t n, u64 *pos)
{
    bool saved = current->kernel_buffers;

    current->kernel_buffers = true;
    ssize_t rc = fn(f, (vaddr_t)buf, n, pos);
    current->kernel_buffers = saved;
    return rc;
}

static long copy(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t n)
{
    size_t size = MIN(n, CHUNK), done = 0;
    void *buf = kmalloc(MAX(size, 1ul));
    ssize_t rc = 0;

    if (buf == NULL) {
        return -ENOMEM;
    }
    while (done < n) {
        u64 pos = *in_pos;
        ssize_t got = with_kernel_buffer(file_read, in, buf, MIN(n - done, size), &pos);
        if (got <= 0) {
            rc = got;
            break;
        }
        rc = with_kernel_buffer(file_write, out, buf, (size_t)got, out_pos);
        if (rc <= 0) {
            break;
        }
        *in_pos += (u64)rc;
        done += (size_t)rc;
        if (rc < got) {
            break;
        }
    }
    kfree(buf);
    return done ? (long)done : rc;
}

/* An optional position in program memory. */
static int position(vaddr_t upos, struct file *f, u64 *local, u64 **pos)
{
    *pos = &f->pos;
    if (!upos) {
        return 0;
    }
    if (f->ops->stream) {
        return -ESPIPE;
    }
    if (copy_from_user(local, upos, sizeof(*local)) < 0) {
        return -EFAULT;
    }
    *pos = local;
    return (s64)*local < 0 ? -EINVAL : 0;
}

static long xfer_send(struct file *out, struct file *in, vaddr_t upos, size_t n)
{
    u64 local, *pos;
    long rc;

    if (!file_readable(in) || !file_writable(out)) {
        return -EBADF;
    }
    rc = position(upos, in, &local, &pos);
    if (rc < 0) {
        return rc;
    }
    /* The source must be seekable: sendfile(2). */
    if (in->ops->stream || (out->flags & O_APPEND)) {
        return -EINVAL;
    }
    rc = copy(in, pos, out, &out->pos, MIN(n, 0x7ffff000ul));
    if (upos && rc >= 0 && copy_to_user(upos, &local, sizeof(local)) < 0) {
        return -EFAULT;
    }
    return rc;
}

long sys_sendfile(const long a[6])
{
    struct file *out = fd_get((int)a[0]), *in = fd_get((int)a[1]);
    long rc = out != NULL && in != NULL ? xfer_send(out, in, (vaddr_t)a[2], (size_t)a[3]) : -EBADF;

    if (out != NULL) {
        file_put(out);
    }
    if (in != NULL) {
        file_put(in);
    }
    return rc;
}

#define SPLICE_FLAGS      0xful /* MOVE, NONBLOCK, MORE, GIFT: fcntl.h */
#define SPLICE_F_NONBLOCK 2ul

static bool pipe_like(const struct file *f)
{
    return pipe_is(f) || stream_is_pipe(f);
}

/* One side of splice(2): the position to use. */
static int splice_side(struct file *f, vaddr_t upos, u64 *local, u64 **pos)
{
    if (upos && f->ops->stream) {
        return pipe_like(f) ? -ESPIPE : -EINVAL;
    }
    return position(upos, f, local, pos);
}

/* One read and one write. Bytes of a pipe are peeked at first, and only those that were written
 * are taken out. */
static ssize_t splice_step(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, void *buf,
                           size_t n, bool wait)
{
    bool saved = current->kernel_buffers;
    u64 pos = *in_pos;
    ssize_t got;

    if (pipe_is(in)) {
        current->kernel_buffers = true;
        got = pipe_peek(in, (vaddr_t)buf, n, wait);
        current->kernel_buffers = saved;
    } else {
        got = with_kernel_buffer(file_read, in, buf, n, &pos);
    }
    if (got <= 0) {
        return got;
    }
    ssize_t rc = with_kernel_buffer(file_write, out, buf, (size_t)got, out_pos);
    if (rc > 0 && pipe_is(in)) {
        pipe_skip(in, (size_t)rc);
    } else if (rc > 0) {
        *in_pos += (u64)rc;
    }
    return rc;
}

/* Writes the next bytes of a pipe, which stay there; there is room for them. */
static ssize_t splice_copy(struct file *in, struct file *out, void *buf, size_t n, u64 *pos)
{
    bool saved = current->kernel_buffers;
    ssize_t got;

    current->kernel_buffers = true;
    got = pipe_peek(in, (vaddr_t)buf, n, false);
    current->kernel_buffers = saved;
    return got > 0 ? with_kernel_buffer(file_write, out, buf, (size_t)got, pos) : got;
}

static long splice(struct file *in, vaddr_t uin, struct file *out, vaddr_t uout, size_t n,
                   u64 flags)
{
    u64 in_local, out_local, *in_pos, *out_pos;
    bool wait = !(flags & SPLICE_F_NONBLOCK);

    if (!file_readable(in) || !file_writable(out)) {
        return -EBADF;
    }
    if (!pipe_like(in) && !pipe_like(out)) {
        return -EINVAL;
    }
    long rc = splice_side(in, uin, &in_local, &in_pos);
    if (rc == 0) {
        rc = splice_side(out, uout, &out_local, &out_pos);
    }
    if (rc < 0) {
        return rc;
    }
    if ((out->flags & O_APPEND && !pipe_like(out)) || (pipe_is(in) && in->priv == out->priv)) {
        return -EINVAL;
    }
    wait = wait &&
           !(((pipe_like(in) ? in->flags : 0) | (pipe_like(out) ? out->flags : 0)) & O_NONBLOCK);
    n = MIN(n, CHUNK);
    if (pipe_is(out)) {
        rc = pipe_room(out, wait);
        if (rc < 0) {
            return rc;
        }
        n = MIN(n, (size_t)rc);
    }
    void *buf = kmalloc(n);
    if (buf == NULL) {
        return -ENOMEM;
    }
    rc = splice_step(in, in_pos, out, out_pos, buf, n, wait);
    kfree(buf);
    if (rc >= 0 && ((uin && copy_to_user(uin, &in_local, sizeof(in_local)) < 0) ||
                    (uout && copy_to_user(uout, &out_local, sizeof(out_local)) < 0))) {
        return -EFAULT;
    }
    return rc;
}

long sys_splice(const long a[6])
{
    struct file *in, *out;
    long rc = -EBADF;

    if ((u64)a[5] & ~SPLICE_FLAGS) {
        return -EINVAL;
    }
    if (a[4] == 0) {
        return 0;
    }
    in = fd_get((int)a[0]);
    out = fd_get((int)a[2]);
    if (in != NULL && out != NULL) {
        rc = splice(in, (vaddr_t)a[1], out, (vaddr_t)a[3], (size_t)a[4], (u64)a[5]);
    }
    if (out != NULL) {
        file_put(out);
    }
    if (in != NULL) {
        file_put(in);
    }
    return rc;
}

/* Copies what the one pipe has into the other, where it stays in both. */
static long tee(struct file *in, struct file *out, size_t n, u64 flags)
{
    bool saved = current->kernel_buffers, wait = !(flags & SPLICE_F_NONBLOCK);
    ssize_t rc;
    void *buf;

    if (!file_readable(in) || !file_writable(out)) {
        return -EBADF;
    }
    if (!pipe_is(in) || !pipe_is(out) || in->priv == out->priv) {
        return -EINVAL;
    }
    buf = kmalloc(MIN(n, CHUNK));
    if (buf == NULL) {
        return -ENOMEM;
    }
    current->kernel_buffers = true;
    rc = pipe_peek(in, (vaddr_t)buf, 1, wait && !(in->flags & O_NONBLOCK));
    current->kernel_buffers = saved;
    if (rc > 0) {
        rc = pipe_room(out, wait && !(out->flags & O_NONBLOCK));
    }
    if (rc > 0) {
        u64 pos = 0;

        rc = splice_copy(in, out, buf, MIN(MIN(n, CHUNK), (size_t)rc), &pos);
    }
    kfree(buf);
    return rc;
}

long sys_tee(const long a[6])
{
    struct file *in, *out;
    long rc = -EBADF;

    if ((u64)a[3] & ~SPLICE_FLAGS) {
        return -EINVAL;
    }
    if (a[2] == 0) {
        return 0;
    }
    in = fd_get((int)a[0]);
    out = fd_get((int)a[1]);
    if (in != NULL && out != NULL) {
        rc = tee(in, out, (size_t)a[2], (u64)a[3]);
    }
    if (out != NULL) {
        file_put(out);
    }
    if (in != NULL) {
        file_put(in);
    }
    return rc;
}

static bool overlap(struct file *in, u64 in_pos, struct file *out, u64 out_pos, size_t n)
{
    return in->inode == out->inode && in_pos < out_pos + n && out_pos < in_pos + n;
}

static long copy_range(struct file *in, vaddr_t uin, struct file *out, vaddr_t uout, size_t n)
{
    u64 in_local, out_local, *in_pos, *out_pos;
    long rc;

    if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND)) {
        return -EBADF;
    }
    if (in->inode->type == INODE_DIR || out->inode->type == INODE_DIR) {
        return -EISDIR;
    }
    if (in->inode->type != INODE_REG || out->inode->type != INODE_REG) {
        return -EINVAL;
    }
    n = MIN(n, 0x7ffff000ul);
    rc = position(uin, in, &in_local, &in_pos);
    if (rc == 0) {
        rc = position(uout, out, &out_local, &out_pos);
    }
    if (rc < 0) {
        return rc;
    }
    if (overlap(in, *in_pos, out, *out_pos, n)) {
        return -EINVAL;
    }
    rc = copy(in, in_pos, out, out_pos, n);
    if (rc >= 0 && ((uin && copy_to_user(uin, &in_local, sizeof(in_local)) < 0) ||
                    (uout && copy_to_user(uout, &out_local, sizeof(out_local)) < 0))) {
        return -EFAULT;
    }
    return rc;
}

long sys_copy_file_range(const long a[6])
{
    struct file *in = fd_get((int)a[0]), *out = fd_get((int)a[2]);
    long rc = -EBADF;

    if (in != NULL && out != NULL) {
        rc = a[5] ? -EINVAL : copy_range(in, (vaddr_t)a[1], out, (vaddr_t)a[3], (size_t)a[4]);
    }
    if (out != NULL) {
        file_put(out);
    }
    if (in != NULL) {
        file_put(in);
    }
    return rc;
}
