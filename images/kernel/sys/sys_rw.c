// SPDX-License-Identifier: Apache-2.0
/*
 * Reading, writing and seeking. All forms end in rw_move(): one vector of program
 * buffers, one position, which is the file's own or the call's.
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
    if (count > IOV_FEW && !(v->iov = kmalloc(count * sizeof(*v->iov)))) {
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
        ssize_t r = fn(f, (vaddr_t)v->iov[k].iov_base, n, pos);
        if (r < 0) {
            return done ? done : r;
        }
        done += r;
        if ((size_t)r < n) {
            break;
        }
    }
    return done;
}

/* What the call moved or its error, counted for /proc/self/io and returned. */
static long counted(mover fn, long ret)
{
    struct io_counts *io = &cur_proc()->io;
    u64 bytes = ret > 0 ? (u64)ret : 0;

    if (fn == file_read) {
        io->rchar += bytes;
        io->syscr++;
    } else {
        io->wchar += bytes;
        io->syscw++;
    }
    return ret;
}

static long simple(long fd, mover fn, vaddr_t buf, size_t n)
{
    struct file *f = fd_get((int)fd);

    if (!f) {
        return -EBADF;
    }
    long r = (s64)n < 0 ? -EINVAL : fn(f, buf, n, &f->pos);
    file_put(f);
    return counted(fn, r);
}

static long simple_at(long fd, mover fn, vaddr_t buf, size_t n, s64 off)
{
    struct file *f = fd_get((int)fd);
    u64 pos = (u64)off;
    long r;

    if (!f) {
        return -EBADF;
    }
    if (off < 0) {
        r = -EINVAL;
    } else {
        r = f->ops->stream ? -ESPIPE : fn(f, buf, n, &pos);
    }
    file_put(f);
    return counted(fn, r);
}

/* at: use off instead of the file's position. */
static long vectored(long fd, mover fn, vaddr_t uiov, u64 count, bool at, s64 off)
{
    struct file *f = fd_get((int)fd);
    u64 pos = (u64)off;
    struct vector v;
    long r;

    if (!f) {
        return -EBADF;
    }
    if (at && off < 0) {
        r = -EINVAL;
    } else if (at && f->ops->stream) {
        r = -ESPIPE;
    } else {
        r = iov_get(&v, uiov, count);
    }
    if (r == 0) {
        r = rw_move(f, fn, &v, at ? &pos : &f->pos);
        iov_free(&v);
    }
    file_put(f);
    return counted(fn, r);
}

SYSCALL(read)
{
    return simple(a[0], file_read, (vaddr_t)a[1], (size_t)a[2]);
}

SYSCALL(write)
{
    return simple(a[0], file_write, (vaddr_t)a[1], (size_t)a[2]);
}

SYSCALL(pread64)
{
    return simple_at(a[0], file_read, (vaddr_t)a[1], (size_t)a[2], a[3]);
}

SYSCALL(pwrite64)
{
    return simple_at(a[0], file_write, (vaddr_t)a[1], (size_t)a[2], a[3]);
}

SYSCALL(readv)
{
    return vectored(a[0], file_read, (vaddr_t)a[1], (u64)a[2], false, 0);
}

SYSCALL(writev)
{
    return vectored(a[0], file_write, (vaddr_t)a[1], (u64)a[2], false, 0);
}

SYSCALL(preadv)
{
    return vectored(a[0], file_read, (vaddr_t)a[1], (u64)a[2], true, a[3]);
}

SYSCALL(pwritev)
{
    return vectored(a[0], file_write, (vaddr_t)a[1], (u64)a[2], true, a[3]);
}

/* RWF_HIPRI, RWF_DSYNC, RWF_SYNC ask for what memory does anyhow; others are refused by name. */
static long vectored2(const long a[6], mover fn)
{
    if (a[5] & ~(long)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC)) {
        return -EOPNOTSUPP;
    }
    return vectored(a[0], fn, (vaddr_t)a[1], (u64)a[2], a[3] != -1, a[3]);
}

SYSCALL(preadv2)
{
    return vectored2(a, file_read);
}

SYSCALL(pwritev2)
{
    return vectored2(a, file_write);
}

SYSCALL(lseek)
{
    struct file *f = fd_get((int)a[0]);
    long r;

    if (!f) {
        return -EBADF;
    }
    if (f->flags & O_PATH) {
        r = -EBADF;
    } else if (f->ops->stream || !f->ops->lseek) {
        r = -ESPIPE;
    } else {
        r = f->ops->lseek(f, a[1], (int)a[2]);
    }
    file_put(f);
    return r;
}
