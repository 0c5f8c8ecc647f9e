// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors as such: dup, fcntl, ioctl, locks; and the calls about storage
 * (fsync and its like), which have nothing to do because files live in memory.
 */
#include "fs/vfs.h"
#include "sysproto.h"

#include <asm/ioctls.h>
#include <linux/fadvise.h>
#include <linux/resource.h>

long sys_dup(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    return f != NULL ? fd_install(f, 0, false) : -EBADF;
}

long sys_dup2(const long a[6])
{
    if (a[0] == a[1]) {
        return fd_flags((int)a[0]) < 0 ? -EBADF : a[1];
    }
    return fd_dup_to((int)a[0], (int)a[1], false);
}

long sys_dup3(const long a[6])
{
    if (a[0] == a[1] || (a[2] & ~(long)O_CLOEXEC)) {
        return -EINVAL;
    }
    return fd_dup_to((int)a[0], (int)a[1], a[2] & O_CLOEXEC);
}

static long dup_from(struct file *f, long min, bool cloexec)
{
    if (min < 0 || (u64)min >= cur_proc()->rlimit_cur[RLIMIT_NOFILE]) {
        return -EINVAL;
    }
    file_ref(f);
    return fd_install(f, (int)min, cloexec);
}

#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* F_GETPIPE_SZ (set is -1) and F_SETPIPE_SZ. The streams 0 to 2 are pipes to the program, but
 * the ring between it and the host cannot grow. */
static long any_pipe_size(struct file *f, long set)
{
    if (pipe_is(f)) {
        return pipe_size(f, set);
    }
    if (!stream_is_pipe(f)) {
        return -EBADF;
    }
    return set > (long)HV_RING_SIZE ? -EPERM : (long)HV_RING_SIZE;
}

/* When another thread has closed the descriptor while this one waited, the process must not keep
 * the lock. */
static long set_record_lock(struct file *f, int fd, int cmd, vaddr_t arg)
{
    long rc = lock_fcntl(f, cmd, arg);
    struct file *now = fd_get(fd);

    if (rc == 0 && now != f && f->inode->locks != NULL) {
        lock_table_closes(cur_proc()->fds, f->inode);
        rc = -EBADF;
    }
    if (now != NULL) {
        file_put(now);
    }
    return rc;
}

/* Somebody who writes is in the way of a lease to read, and anybody else in that of one to write.
 */
static long set_lease(struct file *f, int fd, int type)
{
    bool read = type == F_RDLCK;

    return lease_set(f, fd, type, inode_is_open(f->inode, read ? NULL : f, read));
}

/* Those that are about signals. */
static long signal_fcntl(struct file *f, int fd, int cmd, long arg)
{
    switch (cmd) {
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return owner_fcntl(f, cmd, arg);
    case F_NOTIFY:
        return dnotify_set(f, fd, (u32)arg);
    case F_SETLEASE:
        return set_lease(f, fd, (int)arg);
    case F_GETLEASE:
        return lease_get(f);
    default:
        return -EINVAL;
    }
}

static long do_fcntl(struct file *f, int fd, int cmd, long arg)
{
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return dup_from(f, (int)arg, cmd == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return fd_flags(fd);
    case F_SETFD:
        return fd_set_flags(fd, (int)arg);
    case F_GETFL:
        /* O_LARGEFILE is shown, as on a 64-bit Linux. */
        return (long)(f->flags | (f->flags & O_PATH ? 0u : 0100000u));
    }
    if (f->flags & O_PATH) {
        return -EBADF;
    }
    switch (cmd) {
    case F_SETFL:
        f->flags = (f->flags & ~(u32)SETTABLE) | ((u32)arg & SETTABLE);
        return 0;
    case F_SETLK:
    case F_SETLKW:
        return set_record_lock(f, fd, cmd, (vaddr_t)arg);
    case F_GETLK:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lock_fcntl(f, cmd, (vaddr_t)arg);
    case F_ADD_SEALS:
        return memfd_add_seals(f, (u32)arg);
    case F_GET_SEALS:
        return memfd_get_seals(f);
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
        if (cmd == F_SETPIPE_SZ && (int)arg < 0) {
            return -EINVAL;
        }
        return any_pipe_size(f, cmd == F_SETPIPE_SZ ? (long)(u32)arg : -1);
    default:
        return signal_fcntl(f, fd, cmd, arg);
    }
}

long sys_fcntl(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = do_fcntl(f, (int)a[0], (int)a[1], a[2]);
    file_put(f);
    return rc;
}

static long do_ioctl(struct file *f, int fd, u32 cmd, vaddr_t arg)
{
    int on;

    if (f->flags & O_PATH) {
        return -EBADF;
    }
    switch (cmd) {
    case FIOCLEX:
        return fd_set_flags(fd, FD_CLOEXEC);
    case FIONCLEX:
        return fd_set_flags(fd, 0);
    case FIONBIO:
        if (copy_from_user(&on, arg, sizeof(on)) < 0) {
            return -EFAULT;
        }
        f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK;
        return 0;
    case FIONREAD:
        if (f->inode->type == INODE_REG) {
            int left = (int)(f->inode->size - MIN(f->inode->size, f->pos));
            return copy_to_user(arg, &left, sizeof(left));
        }
        break;
    }
    return f->ops->ioctl != NULL ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

long sys_ioctl(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = do_ioctl(f, (int)a[0], (u32)a[1], (vaddr_t)a[2]);
    file_put(f);
    return rc;
}

long sys_flock(const long a[6])
{
    struct file *f = fd_get((int)a[0]);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = f->flags & O_PATH ? -EBADF : lock_flock(f, (int)a[1]);
    file_put(f);
    return rc;
}

/* Files live in memory: there is nothing to write out. Streams cannot be synced, as on Linux. */
static long synced(long fd)
{
    struct file *f = fd_get((int)fd);

    if (f == NULL) {
        return -EBADF;
    }
    long rc = f->flags & O_PATH ? -EBADF : f->ops->stream ? -EINVAL : 0;
    file_put(f);
    return rc;
}

long sys_fsync(const long a[6])
{
    return synced(a[0]);
}

long sys_fdatasync(const long a[6])
{
    return synced(a[0]);
}

long sys_syncfs(const long a[6])
{
    return fd_flags((int)a[0]) < 0 ? -EBADF : 0;
}

long sys_sync(const long a[6])
{
    (void)a;
    return 0;
}

long sys_sync_file_range(const long a[6])
{
    long rc = synced(a[0]);

    return rc == -EINVAL ? -ESPIPE : rc;
}

long sys_fadvise64(const long a[6])
{
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    if (f->ops->stream) {
        rc = -ESPIPE;
    } else {
        rc = a[2] < 0 || a[3] < POSIX_FADV_NORMAL || a[3] > POSIX_FADV_NOREUSE ? -EINVAL : 0;
    }
    file_put(f);
    return rc;
}

long sys_readahead(const long a[6])
{
    struct file *f = fd_get((int)a[0]);
    long rc;

    if (f == NULL) {
        return -EBADF;
    }
    rc = !file_readable(f) ? -EBADF : f->inode->type != INODE_REG ? -EINVAL : 0;
    file_put(f);
    return rc;
}
