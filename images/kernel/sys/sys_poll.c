// SPDX-License-Identifier: Apache-2.0
/*
 * poll, select and epoll in all their forms: decoding of timeouts, descriptor
 * sets and signal masks around the waits of fs/.
 */
#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

#include <linux/resource.h>

#define SELECT_MAX (1 << 16)

/* The deadline in ns from now. For 0, "do not wait", it is 0, which has always passed. */
static u64 deadline_in(u64 ns)
{
    return ns == 0 ? 0 : time_add(time_mono(), ns);
}

static u64 deadline_ms(int ms)
{
    return ms < 0 ? HV_NO_DEADLINE : deadline_in((u64)ms * 1000000);
}

static int deadline_timespec(vaddr_t uts, u64 *deadline)
{
    u64 ns;
    int rc;

    *deadline = HV_NO_DEADLINE;
    if (!uts) {
        return 0;
    }
    rc = timespec_get(uts, &ns);
    if (rc == 0) {
        *deadline = deadline_in(ns);
    }
    return rc;
}

static u64 left(u64 deadline)
{
    u64 now = time_mono();

    return deadline > now ? deadline - now : 0;
}

/* Installs the signal mask of ppoll(), pselect() or epoll_pwait(). Returns 1, or 0 when umask is
 * NULL, or -errno. */
static int push_mask(vaddr_t umask, u64 size)
{
    u64 mask;

    if (!umask) {
        return 0;
    }
    if (size != sizeof(mask)) {
        return -EINVAL;
    }
    if (copy_from_user(&mask, umask, sizeof(mask)) < 0) {
        return -EFAULT;
    }
    signal_mask_push(mask);
    return 1;
}

static long poll_finish(long rc, int pushed)
{
    if (pushed > 0) {
        signal_mask_pop(rc == -EINTR);
    }
    return rc;
}

static long do_poll(vaddr_t ufds, u64 n, u64 deadline)
{
    struct pollfd *fds;
    long rc;

    if (n > cur_proc()->rlimit_cur[RLIMIT_NOFILE]) {
        return -EINVAL;
    }
    fds = kmalloc(MAX(n, 1ul) * sizeof(*fds));
    if (fds == NULL) {
        return -ENOMEM;
    }
    rc = copy_from_user(fds, ufds, n * sizeof(*fds));
    if (rc == 0) {
        rc = poll_files(fds, n, deadline);
    }
    if (rc >= 0 && copy_to_user(ufds, fds, n * sizeof(*fds)) < 0) {
        rc = -EFAULT;
    }
    kfree(fds);
    return rc;
}

static long restartable(long rc)
{
    return rc == -EINTR ? -ERESTARTNOHAND : rc;
}

long sys_poll(const long a[6])
{
    return restartable(do_poll((vaddr_t)a[0], (u32)a[1], deadline_ms((int)a[2])));
}

long sys_ppoll(const long a[6])
{
    u64 deadline;
    int pushed;
    long rc = deadline_timespec((vaddr_t)a[2], &deadline);

    if (rc < 0) {
        return rc;
    }
    pushed = push_mask((vaddr_t)a[3], (u64)a[4]);
    if (pushed < 0) {
        return pushed;
    }
    rc = poll_finish(do_poll((vaddr_t)a[0], (u32)a[1], deadline), pushed);
    if (a[2]) {
        /* As on Linux, a read-only timeout is no error. */
        timespec_put((vaddr_t)a[2], left(deadline));
    }
    return restartable(rc);
}

/* ---- select: three sets of bits become one list of descriptors ---- */

#define SET_READ   (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SET_WRITE  (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SET_EXCEPT POLLPRI

static const u32 set_events[3] = {SET_READ, SET_WRITE, SET_EXCEPT};

struct selection {
    int n;
    size_t bytes; /* of one set */
    u8 *sets;     /* three of them */
    struct pollfd *fds;
    size_t count;
};

static int selection_get(struct selection *s, int n, const vaddr_t usets[3])
{
    s->n = MIN(n, SELECT_MAX);
    s->bytes = ((size_t)s->n + 63) / 64 * 8;
    s->count = 0;
    s->sets = kzalloc(3 * s->bytes + 1);
    s->fds = kmalloc(((size_t)s->n + 1) * sizeof(*s->fds));
    if (s->sets == NULL || s->fds == NULL) {
        return -ENOMEM;
    }
    for (int k = 0; k < 3; k++) {
        if (usets[k] && copy_from_user(s->sets + (size_t)k * s->bytes, usets[k], s->bytes) < 0) {
            return -EFAULT;
        }
    }
    for (int fd = 0; fd < s->n; fd++) {
        u32 events = 0;
        for (size_t k = 0; k < 3; k++) {
            if (s->sets[k * s->bytes + (size_t)fd / 8] >> (fd % 8) & 1) {
                events |= set_events[k];
            }
        }
        if (!events) {
            continue;
        }
        if (fd_flags(fd) < 0) {
            return -EBADF;
        }
        s->fds[s->count++] = (struct pollfd){.fd = fd, .events = (short)events};
    }
    return 0;
}

static long selection_put(struct selection *s, const vaddr_t usets[3])
{
    long bits = 0;

    for (size_t p = 0; p < s->count; p++) {
        size_t fd = (size_t)s->fds[p].fd;
        for (size_t k = 0; k < 3; k++) {
            u8 *byte = &s->sets[k * s->bytes + fd / 8];
            if (!(*byte >> (fd % 8) & 1)) {
                continue;
            }
            if ((u16)s->fds[p].revents & set_events[k]) {
                bits++;
            } else {
                *byte &= (u8) ~(1u << (fd % 8));
            }
        }
    }
    for (size_t k = 0; k < 3; k++) {
        if (usets[k] && copy_to_user(usets[k], s->sets + k * s->bytes, s->bytes) < 0) {
            return -EFAULT;
        }
    }
    return bits;
}

static long do_select(const long a[6], u64 deadline)
{
    const vaddr_t usets[3] = {(vaddr_t)a[1], (vaddr_t)a[2], (vaddr_t)a[3]};
    struct selection s;
    long rc;

    if ((int)a[0] < 0) {
        return -EINVAL;
    }
    rc = selection_get(&s, (int)a[0], usets);
    if (rc == 0) {
        rc = poll_files(s.fds, s.count, deadline);
    }
    if (rc >= 0) {
        rc = selection_put(&s, usets);
    }
    kfree(s.sets);
    kfree(s.fds);
    return rc;
}

long sys_select(const long a[6])
{
    s64 tv[2];
    u64 deadline = HV_NO_DEADLINE;
    long rc;

    if (a[4]) {
        if (copy_from_user(tv, (vaddr_t)a[4], sizeof(tv)) < 0) {
            return -EFAULT;
        }
        if (tv[0] < 0 || tv[1] < 0) {
            return -EINVAL;
        }
        u64 seconds = MIN((u64)tv[0] + (u64)tv[1] / 1000000, 1ull << 33);
        deadline = deadline_in(seconds * NSEC_PER_SEC + (u64)tv[1] % 1000000 * 1000);
    }
    rc = do_select(a, deadline);
    if (a[4]) {
        u64 ns = left(deadline);
        tv[0] = (s64)(ns / NSEC_PER_SEC);
        tv[1] = (s64)(ns % NSEC_PER_SEC / 1000);
        /* As on Linux, a read-only timeout is no error. */
        copy_to_user((vaddr_t)a[4], tv, sizeof(tv));
    }
    return restartable(rc);
}

long sys_pselect6(const long a[6])
{
    u64 deadline, mask[2] = {0};
    int pushed;
    long rc = deadline_timespec((vaddr_t)a[4], &deadline);

    if (rc < 0) {
        return rc;
    }
    if (a[5] && copy_from_user(mask, (vaddr_t)a[5], sizeof(mask)) < 0) {
        return -EFAULT;
    }
    pushed = push_mask(mask[0], mask[1]);
    if (pushed < 0) {
        return pushed;
    }
    rc = poll_finish(do_select(a, deadline), pushed);
    if (a[4]) {
        timespec_put((vaddr_t)a[4], left(deadline));
    }
    return restartable(rc);
}

/* ---- epoll ---- */

static long make_epoll(bool cloexec)
{
    struct file *f;
    int rc = epoll_create_file(&f);

    return rc < 0 ? rc : fd_install(f, 0, cloexec);
}

long sys_epoll_create(const long a[6])
{
    return (int)a[0] <= 0 ? -EINVAL : make_epoll(false);
}

long sys_epoll_create1(const long a[6])
{
    return a[0] & ~(long)O_CLOEXEC ? -EINVAL : make_epoll(a[0] & O_CLOEXEC);
}

long sys_epoll_ctl(const long a[6])
{
    struct epoll_event event = {0};
    struct file *ep, *f;
    long rc;

    if (a[1] != EPOLL_CTL_DEL && copy_from_user(&event, (vaddr_t)a[3], sizeof(event)) < 0) {
        return -EFAULT;
    }
    ep = fd_get((int)a[0]);
    f = fd_get((int)a[2]);
    if (ep == NULL || f == NULL) {
        rc = -EBADF;
    } else if (!epoll_is(ep)) {
        rc = -EINVAL;
    } else {
        rc = epoll_control(ep, (int)a[1], f, (int)a[2], &event);
    }
    if (f != NULL) {
        file_put(f);
    }
    if (ep != NULL) {
        file_put(ep);
    }
    return rc;
}

static long do_epoll_wait(const long a[6], u64 deadline)
{
    struct file *ep;
    int max = (int)a[2];
    long rc;

    if (max <= 0 || (u64)max > 0x7fffffff / sizeof(struct epoll_event)) {
        return -EINVAL;
    }
    ep = fd_get((int)a[0]);
    if (ep == NULL) {
        return -EBADF;
    }
    rc = epoll_is(ep) ? epoll_wait_events(ep, (vaddr_t)a[1], max, deadline) : -EINVAL;
    file_put(ep);
    return rc;
}

long sys_epoll_wait(const long a[6])
{
    return do_epoll_wait(a, deadline_ms((int)a[3]));
}

static long masked_epoll_wait(const long a[6], u64 deadline)
{
    int pushed = push_mask((vaddr_t)a[4], (u64)a[5]);

    return pushed < 0 ? pushed : poll_finish(do_epoll_wait(a, deadline), pushed);
}

long sys_epoll_pwait(const long a[6])
{
    return masked_epoll_wait(a, deadline_ms((int)a[3]));
}

long sys_epoll_pwait2(const long a[6])
{
    u64 deadline;
    int rc = deadline_timespec((vaddr_t)a[3], &deadline);

    return rc < 0 ? rc : masked_epoll_wait(a, deadline);
}
