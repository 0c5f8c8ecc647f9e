// SPDX-License-Identifier: Apache-2.0
/*
 * Interval timers and POSIX timers: decoding.
 */
#include "proc/proc.h"
#include "sysproto.h"

long sys_getitimer(const long a[6])
{
    struct __kernel_old_itimerval it;
    int rc = itimer_get(cur_proc(), (int)a[0], &it);

    return rc != 0 ? rc : copy_to_user((vaddr_t)a[1], &it, sizeof(it));
}

long sys_setitimer(const long a[6])
{
    struct __kernel_old_itimerval new = {0}, old;
    int rc;

    /* A NULL value disarms the timer: an old mistake that Linux keeps. */
    if (a[1] != 0 && copy_from_user(&new, (vaddr_t)a[1], sizeof(new)) != 0) {
        return -EFAULT;
    }
    rc = itimer_set(cur_proc(), (int)a[0], &new, &old);
    if (rc != 0 || a[2] == 0) {
        return rc;
    }
    return copy_to_user((vaddr_t)a[2], &old, sizeof(old));
}

/* Returns the whole seconds that were left, rounded as Linux does: up from half a second, and
 * never down to 0, which means that no alarm was set. */
long sys_alarm(const long a[6])
{
    struct __kernel_old_itimerval new = {.it_value = {(u32)a[0], 0}}, old;
    int rc = itimer_set(cur_proc(), ITIMER_REAL, &new, &old);

    if (rc != 0) {
        return rc;
    }
    if ((old.it_value.tv_sec == 0 && old.it_value.tv_usec != 0) || old.it_value.tv_usec >= 500000) {
        old.it_value.tv_sec++;
    }
    return old.it_value.tv_sec;
}

long sys_timer_create(const long a[6])
{
    struct sigevent ev;
    int id, rc;

    if (a[1] != 0 && copy_from_user(&ev, (vaddr_t)a[1], sizeof(ev)) != 0) {
        return -EFAULT;
    }
    rc = ptimer_create(cur_proc(), (int)a[0], a[1] != 0 ? &ev : NULL, &id);
    if (rc != 0) {
        return rc;
    }
    if (copy_to_user((vaddr_t)a[2], &id, sizeof(id)) != 0) {
        ptimer_delete(cur_proc(), id);
        return -EFAULT;
    }
    return 0;
}

static int itimerspec_put(vaddr_t addr, u64 left, u64 interval)
{
    int rc = timespec_put(addr + offsetof(struct itimerspec, it_value), left);

    return rc != 0 ? rc : timespec_put(addr + offsetof(struct itimerspec, it_interval), interval);
}

long sys_timer_settime(const long a[6])
{
    u64 first, interval, left, old_interval;
    int rc = timespec_get((vaddr_t)a[2] + offsetof(struct itimerspec, it_value), &first);

    if (rc == 0) {
        rc = timespec_get((vaddr_t)a[2] + offsetof(struct itimerspec, it_interval), &interval);
    }
    if (rc == 0) {
        rc = ptimer_get(cur_proc(), (int)a[0], &left, &old_interval);
    }
    if (rc == 0) {
        rc = ptimer_set(cur_proc(), (int)a[0], (a[1] & TIMER_ABSTIME) != 0, first, interval);
    }
    if (rc != 0 || a[3] == 0) {
        return rc;
    }
    return itimerspec_put((vaddr_t)a[3], left, old_interval);
}

long sys_timer_gettime(const long a[6])
{
    u64 left, interval;
    int rc = ptimer_get(cur_proc(), (int)a[0], &left, &interval);

    return rc != 0 ? rc : itimerspec_put((vaddr_t)a[1], left, interval);
}

long sys_timer_getoverrun(const long a[6])
{
    return ptimer_overrun(cur_proc(), (int)a[0]);
}

long sys_timer_delete(const long a[6])
{
    return ptimer_delete(cur_proc(), (int)a[0]);
}
