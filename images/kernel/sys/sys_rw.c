// SPDX-License-Identifier: Apache-2.0
/*
 * Reading, writing and seeking. Vectored forms end in rw_move(), which takes one vector of program
 * buffers and one position: the file's own, or one that the call gave.
 */
#include "fs/vfs.h"
#include "sysproto.h"

#include <linux/fs.h>
#include <linux/uio.h>

#define IOV_FEW 8

struct vector {
    struct iovec few[IOV_FEW];
    struct iovec *iov;
    size_t count;
};

static void iov_free(struct vector *v)
{
    if (v->iov != v->few) {
        kfree(v->iov);
    }
}

static int iov_get(struct vector *v, vaddr_t uiov, u64 count)
{
    u64 total = 0;

    v->iov = v->few;
    if (count > UIO_MAXIOV) {
        return -EINVAL;
    }
    if (count > IOV_FEW && (v->iov = kmalloc(count * sizeof(*v->iov))) == NULL) {
        return -ENOMEM;
    }
    v->count = count;
    if (copy_from_user(v->iov, uiov, count * sizeof(*v->iov)) < 0) {
        iov_free(v);
        return -EFAULT;
    }
    for (size_t k = 0; k < count; k++) {
        if (__builtin_add_overflow(total, v->iov[k].iov_len, &total) || (s64)total < 0) {
            iov_free(v);
            return -EINVAL;
        }
    }
    return 0;
}

typedef ssize_t (*mover)(struct file *f, vaddr_t buf, size_t n, u64 *pos);

/* Stops at the first buffer that was not moved whole. */
static long rw_move(struct file *f, mover fn, const struct vector *v, u64 *pos)
{
    long done = 0;

    if (v->count == 0) {
        return fn(f, 0, 0, pos);
    }
    for (size_t k = 0; k < v->count; k++) {
        size_t n = v->iov[k].iov_len;
        if (n == 0 && (k + 1 < v->count || done)) {
            continue;
        }
        ssize_t rc = fn(f, (vaddr_t)v->iov[k].iov_base, n, pos);
        if (rc < 0) {
            return done ? done : rc;
        }
        done += rc;
        if ((size_t)rc < n) {
            break;
        }
    }
    return done;
}

static int iov_gather(const struct vector *v, char *to)
{
    for (size_t k = 0; k < v->count; k++) {
        size_t n = v->iov[k].iov_len;
        if (copy_from_user(to, (vaddr_t)v->iov[k].iov_base, n) < 0) {
            return -EFAULT;
        }
        to += n;
    }
    return 0;
}

/* Writes several buffers as one message (file_ops.whole). */
static long rw_whole(struct file *f, const struct vector *v, u64 *pos)
{
    size_t total = 0;

    for (size_t k = 0; k < v->count; k++) {
        total += v->iov[k].iov_len;
    }
    if (total > f->ops->whole) {
        return -EMSGSIZE;
    }
    char *message = kmalloc(total);
    if (message == NULL) {
        return -ENOMEM;
    }
    long rc = iov_gather(v, message);
    if (rc == 0) {
        bool saved = current->kernel_buffers;
        current->kernel_buffers = true;
        rc = file_write(f, (vaddr_t)message, total, pos);
        current->kernel_buffers = saved;
    }
    kfree(message);
    return rc;
}

static bool is_message(const struct file *f, mover fn, const struct vector *v)
{
    return fn == file_write && file_writable(f) && f->ops->whole > 0 && v->count > 1;
}

/* Counts a call for /proc/self/io and returns its result, which is the bytes moved or an error. */
static long counted(mover fn, long rc)
{
    struct io_counts *io = &cur_proc()->io;
    u64 bytes = rc > 0 ? (u64)rc : 0;

    if (fn == file_read) {
        io->rchar += bytes;
        io->syscr++;
    } else {
        io->wchar += bytes;
        io->syscw++;
    }
    return rc;
}

static long simple(long fd, mover fn, vaddr_t buf, size_t n)
{
    struct file *f = fd_get((int)fd);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = (s64)n < 0 ? -EINVAL : fn(f, buf, n, &f->pos);
    file_put(f);
    return counted(fn, rc);
}

static long simple_at(long fd, mover fn, vaddr_t buf, size_t n, s64 off)
{
    struct file *f = fd_get((int)fd);
    u64 pos = (u64)off;
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (off < 0) {
        rc = -EINVAL;
    } else {
        rc = f->ops->stream ? -ESPIPE : fn(f, buf, n, &pos);
    }
    file_put(f);
    return counted(fn, rc);
}

/* at: use off instead of the file's position. */
static long vectored(long fd, mover fn, vaddr_t uiov, u64 count, bool at, s64 off)
{
    struct file *f = fd_get((int)fd);
    u64 pos = (u64)off;
    struct vector v;
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (at && off < 0) {
        rc = -EINVAL;
    } else if (at && f->ops->stream) {
        rc = -ESPIPE;
    } else {
        rc = iov_get(&v, uiov, count);
    }
    if (rc == 0) {
        u64 *place = at ? &pos : &f->pos;
        rc = is_message(f, fn, &v) ? rw_whole(f, &v, place) : rw_move(f, fn, &v, place);
        iov_free(&v);
    }
    file_put(f);
    return counted(fn, rc);
}

long sys_read(const long a[6])
{
    return simple(a[0], file_read, (vaddr_t)a[1], (size_t)a[2]);
}

long sys_write(const long a[6])
{
    return simple(a[0], file_write, (vaddr_t)a[1], (size_t)a[2]);
}

long sys_pread64(const long a[6])
{
    return simple_at(a[0], file_read, (vaddr_t)a[1], (size_t)a[2], a[3]);
}

long sys_pwrite64(const long a[6])
{
    return simple_at(a[0], file_write, (vaddr_t)a[1], (size_t)a[2], a[3]);
}

long sys_readv(const long a[6])
{
    return vectored(a[0], file_read, (vaddr_t)a[1], (u64)a[2], false, 0);
}

long sys_writev(const long a[6])
{
    return vectored(a[0], file_write, (vaddr_t)a[1], (u64)a[2], false, 0);
}

long sys_preadv(const long a[6])
{
    return vectored(a[0], file_read, (vaddr_t)a[1], (u64)a[2], true, a[3]);
}

long sys_pwritev(const long a[6])
{
    return vectored(a[0], file_write, (vaddr_t)a[1], (u64)a[2], true, a[3]);
}

/* RWF_HIPRI, RWF_DSYNC and RWF_SYNC ask for what files in memory do anyway. Any other flag is
 * refused. */
static long vectored2(const long a[6], mover fn)
{
    if (a[5] & ~(long)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC)) {
        return -EOPNOTSUPP;
    }
    return vectored(a[0], fn, (vaddr_t)a[1], (u64)a[2], a[3] != -1, a[3]);
}

long sys_preadv2(const long a[6])
{
    return vectored2(a, file_read);
}

/* RWF_APPEND: this write goes to the end. Nothing blocks in a write to a file in memory, so nobody
 * else sees the flag. */
long sys_pwritev2(const long a[6])
{
    long args[6] = {a[0], a[1], a[2], a[3], a[4], a[5] & ~(long)RWF_APPEND};
    struct file *f = a[5] & RWF_APPEND ? fd_get((int)a[0]) : NULL;
    bool append = f != NULL && f->inode->type == INODE_REG && !(f->flags & O_APPEND);
    long rc;

    if (append) {
        f->flags |= O_APPEND;
    }
    rc = vectored2(args, file_write);
    if (append) {
        f->flags &= ~(u32)O_APPEND;
    }
    if (f != NULL) {
        file_put(f);
    }
    return rc;
}

long sys_lseek(const long a[6])
{
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (f->flags & O_PATH) {
        rc = -EBADF;
    } else if (f->ops->stream || f->ops->lseek == NULL) {
        rc = -ESPIPE;
    } else {
        rc = f->ops->lseek(f, a[1], (int)a[2]);
    }
    file_put(f);
    return rc;
}
