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
    int r;

    if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return -EINVAL;
    }
    r = pipe_create(flags, ends);
    return r < 0 ? r : fd_install_pair(ends[0], ends[1], flags & O_CLOEXEC, ufds);
}

SYSCALL(pipe)
{
    return make_pipe((vaddr_t)a[0], 0);
}

SYSCALL(pipe2)
{
    return make_pipe((vaddr_t)a[0], (u32)a[1]);
}

static long make_eventfd(u32 initial, u32 flags)
{
    struct file *f;
    int r = eventfd_create(initial, flags, &f);

    return r < 0 ? r : fd_install(f, 0, flags & O_CLOEXEC);
}

SYSCALL(eventfd)
{
    return make_eventfd((u32)a[0], 0);
}

SYSCALL(eventfd2)
{
    return make_eventfd((u32)a[0], (u32)a[1]);
}

SYSCALL(timerfd_create)
{
    struct file *f;
    int r = timerfd_create((int)a[0], (u32)a[1], &f);

    return r < 0 ? r : fd_install(f, 0, a[1] & O_CLOEXEC);
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
    long r = timespec_get(from, &s->interval);

    return r < 0 ? r : timespec_get(from + 16, &s->value);
}

SYSCALL(timerfd_settime)
{
    struct timer_setting fresh, old;
    long r = get_setting((vaddr_t)a[2], &fresh);
    struct file *f;

    if (r < 0) {
        return r;
    }
    f = fd_get((int)a[0]);
    if (!f) {
        return -EBADF;
    }
    r = timerfd_is(f) ? timerfd_set(f, (u32)a[1], &fresh, &old) : -EINVAL;
    file_put(f);
    return r == 0 && a[3] ? put_setting((vaddr_t)a[3], &old) : r;
}

SYSCALL(timerfd_gettime)
{
    struct timer_setting s = {0};
    struct file *f = fd_get((int)a[0]);
    long r = 0;

    if (!f) {
        return -EBADF;
    }
    if (timerfd_is(f)) {
        timerfd_get(f, &s);
    } else {
        r = -EINVAL;
    }
    file_put(f);
    return r < 0 ? r : put_setting((vaddr_t)a[1], &s);
}
