// SPDX-License-Identifier: Apache-2.0
/*
 * Making pipes, eventfds and timers.
 */
#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

static long make_pipe(vaddr_t ufds, u32 flags)
{
    struct file *ends[2];
    int rc;

    if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return -EINVAL;
    }
    rc = pipe_create(flags, ends);
    return rc < 0 ? rc : fd_install_pair(ends[0], ends[1], flags & O_CLOEXEC, ufds);
}

long sys_pipe(const long a[6])
{
    return make_pipe((vaddr_t)a[0], 0);
}

long sys_pipe2(const long a[6])
{
    return make_pipe((vaddr_t)a[0], (u32)a[1]);
}

static long make_eventfd(u32 initial, u32 flags)
{
    struct file *f;
    int rc = eventfd_create(initial, flags, &f);

    return rc < 0 ? rc : fd_install(f, 0, flags & O_CLOEXEC);
}

long sys_eventfd(const long a[6])
{
    return make_eventfd((u32)a[0], 0);
}

long sys_eventfd2(const long a[6])
{
    return make_eventfd((u32)a[0], (u32)a[1]);
}

long sys_timerfd_create(const long a[6])
{
    struct file *f;
    int rc = timerfd_create((int)a[0], (u32)a[1], &f);

    return rc < 0 ? rc : fd_install(f, 0, a[1] & O_CLOEXEC);
}

/* struct itimerspec: the interval, then the value. */
static long put_setting(vaddr_t to, const struct timer_setting *s)
{
    if (timespec_put(to, s->interval) < 0) {
        return -EFAULT;
    }
    return timespec_put(to + 16, s->value);
}

static long get_setting(vaddr_t from, struct timer_setting *s)
{
    long rc = timespec_get(from, &s->interval);

    return rc < 0 ? rc : timespec_get(from + 16, &s->value);
}

long sys_timerfd_settime(const long a[6])
{
    struct timer_setting fresh, old;
    long rc = get_setting((vaddr_t)a[2], &fresh);
    struct file *f;

    if (rc < 0) {
        return rc;
    }
    f = fd_get((int)a[0]);
    if (f == NULL) {
        return -EBADF;
    }
    rc = timerfd_is(f) ? timerfd_set(f, (u32)a[1], &fresh, &old) : -EINVAL;
    file_put(f);
    return rc == 0 && a[3] ? put_setting((vaddr_t)a[3], &old) : rc;
}

long sys_timerfd_gettime(const long a[6])
{
    struct timer_setting s = {0};
    struct file *f = fd_get((int)a[0]);
    long rc = 0;

    if (f == NULL) {
        return -EBADF;
    }
    if (timerfd_is(f)) {
        timerfd_get(f, &s);
    } else {
        rc = -EINVAL;
    }
    file_put(f);
    return rc < 0 ? rc : put_setting((vaddr_t)a[1], &s);
}
