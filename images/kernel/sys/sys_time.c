// SPDX-License-Identifier: Apache-2.0
/*
 * Clocks and sleeping. The host owns the wall clock, so setting it is refused.
 */
#include "proc/proc.h"
#include "sysproto.h"

int timespec_get(vaddr_t addr, u64 *ns)
{
    struct timespec ts;

    if (copy_from_user(&ts, addr, sizeof(ts)) != 0) {
        return -EFAULT;
    }
    return timespec_ns(ts.tv_sec, ts.tv_nsec, ns);
}

int timespec_put(vaddr_t addr, u64 ns)
{
    struct timespec ts = {(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC)};

    return copy_to_user(addr, &ts, sizeof(ts));
}

long sys_clock_gettime(const long a[6])
{
    u64 ns;
    int rc = clock_read((int)a[0], &ns);

    return rc != 0 ? rc : timespec_put((vaddr_t)a[1], ns);
}

long sys_clock_getres(const long a[6])
{
    u64 ns;
    int rc = clock_read((int)a[0], &ns);

    if (rc != 0) {
        return rc;
    }
    return a[1] != 0 ? timespec_put((vaddr_t)a[1], 1) : 0;
}

long sys_gettimeofday(const long a[6])
{
    u64 ns = time_wall();
    struct timeval tv = {(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000)};
    const struct timezone utc = {0, 0};

    if (a[0] != 0 && copy_to_user((vaddr_t)a[0], &tv, sizeof(tv)) != 0) {
        return -EFAULT;
    }
    return a[1] != 0 ? copy_to_user((vaddr_t)a[1], &utc, sizeof(utc)) : 0;
}

long sys_time(const long a[6])
{
    s64 now = (s64)(time_wall() / NSEC_PER_SEC);

    if (a[0] != 0 && copy_to_user((vaddr_t)a[0], &now, sizeof(now)) != 0) {
        return -EFAULT;
    }
    return now;
}

static long sleep_until(u64 deadline)
{
    int rc;

    do {
        rc = thread_block(deadline, true);
    } while (rc == 0);
    return rc == -ETIMEDOUT ? 0 : rc;
}

/* Sleeps until the restart block's deadline. Its arg[0] is where to put the time that is left,
 * or 0. */
static long sleep_relative(struct thread *t)
{
    struct restart_block *r = &t->p->restart;
    long rc = sleep_until(r->deadline);
    u64 now = time_mono();

    if (rc != -EINTR) {
        return rc;
    }
    if (r->arg[0] != 0 && timespec_put(r->arg[0], r->deadline > now ? r->deadline - now : 0) != 0) {
        return -EFAULT;
    }
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_for(u64 ns, vaddr_t left)
{
    struct restart_block r = {
        .fn = sleep_relative, .deadline = time_add(time_mono(), ns), .arg = {left}};

    current->p->restart = r;
    return sleep_relative(current);
}

long sys_nanosleep(const long a[6])
{
    u64 ns;
    int rc = timespec_get((vaddr_t)a[0], &ns);

    return rc != 0 ? rc : sleep_for(ns, (vaddr_t)a[1]);
}

long sys_clock_nanosleep(const long a[6])
{
    int clock = (int)a[0];
    u64 ns, deadline;
    int rc;

    if (clock == CLOCK_THREAD_CPUTIME_ID) {
        return -EINVAL;
    }
    if (clock_is_cpu(clock)) {
        return -EOPNOTSUPP; /* nothing here would end a sleep on other threads' CPU time */
    }
    rc = clock_read(clock, &deadline);
    if (rc == 0) {
        rc = timespec_get((vaddr_t)a[2], &ns);
    }
    if (rc != 0) {
        return rc;
    }
    if ((a[1] & TIMER_ABSTIME) == 0) {
        return sleep_for(ns, (vaddr_t)a[3]);
    }
    rc = clock_to_mono(clock, ns, &deadline);
    if (rc != 0) {
        return rc;
    }
    rc = (int)sleep_until(deadline);
    return rc == -EINTR ? -ERESTARTNOHAND : rc;
}

/* clock_t ticks of 1/100 s (USER_HZ). */
struct tms {
    s64 tms_utime, tms_stime, tms_cutime, tms_cstime;
};

#define NSEC_PER_TICK (NSEC_PER_SEC / 100)

long sys_times(const long a[6])
{
    struct tms t = {
        .tms_utime = (s64)(process_cpu_ns(cur_proc()) / NSEC_PER_TICK),
        .tms_cutime = (s64)(process_full(cur_proc())->child_cpu_ns / NSEC_PER_TICK),
    };

    if (a[0] != 0 && copy_to_user((vaddr_t)a[0], &t, sizeof(t)) != 0) {
        return -EFAULT;
    }
    return (s64)(time_mono() / NSEC_PER_TICK);
}
