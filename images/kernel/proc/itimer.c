// SPDX-License-Identifier: Apache-2.0
/*
 * Interval timers (setitimer(2), alarm(2)). ITIMER_REAL is a kernel timer. The
 * CPU-time ones are kernel timers, too, set for the earliest moment at which
 * the process can have used up its time. If it has not, they are set again. So
 * they are late by at most a slice.
 */
#include <linux/resource.h>

#include "proc/timers.h"

static const int timer_signal[ITIMERS] = {
    [ITIMER_REAL] = SIGALRM, [ITIMER_VIRTUAL] = SIGVTALRM, [ITIMER_PROF] = SIGPROF};

static u64 itimer_now(const struct itimer *t)
{
    return t->which == ITIMER_REAL ? time_mono() : process_cpu_ns(t->proc);
}

static void itimer_fire(struct ktimer *k);

/* at and now are on the timer's own clock. */
static void itimer_arm(struct itimer *t, u64 now)
{
    ktimer_arm(&t->ktimer, time_add(time_mono(), t->at > now ? t->at - now : 0), itimer_fire);
}

static void itimer_fire(struct ktimer *k)
{
    struct itimer *t = CONTAINER_OF(k, struct itimer, ktimer);
    u64 now = itimer_now(t);

    if (now >= t->at) {
        signal_send(t->proc, NULL, timer_signal[t->which], SI_KERNEL, 0);
        if (t->interval == 0) {
            t->at = 0;
            return;
        }
        t->at += (now - t->at) / t->interval * t->interval + t->interval;
    }
    itimer_arm(t, now);
}

int proc_timers_create(struct proc_timers **out)
{
    struct proc_timers *ts = kzalloc(sizeof(*ts));

    if (ts == NULL) {
        return -ENOMEM;
    }
    LIST_INIT(&ts->ptimers);
    *out = ts;
    return 0;
}

/* execve keeps interval timers and deletes those of timer_create (execve(2)). */
void proc_timers_exec(struct process *p)
{
    struct ptimer *t;

    while ((t = LIST_FIRST(&p->timers->ptimers)) != NULL) {
        ptimer_delete(p, t->id);
    }
}

void proc_timers_free(struct process *p)
{
    proc_timers_exec(p);
    for (int which = 0; which < ITIMERS; which++) {
        ktimer_cancel(&p->timers->itimers[which].ktimer);
    }
    ktimer_cancel(&p->timers->cpu_limit);
    kfree(p->timers);
    p->timers = NULL;
}

static int timeval_ns(const struct __kernel_old_timeval *tv, u64 *ns)
{
    if (tv->tv_usec < 0 || tv->tv_usec >= 1000000) {
        return -EINVAL;
    }
    return timespec_ns(tv->tv_sec, tv->tv_usec * 1000, ns);
}

static struct __kernel_old_timeval ns_timeval(u64 ns)
{
    return (struct __kernel_old_timeval){(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000)};
}

int itimer_get(struct process *p, int which, struct __kernel_old_itimerval *out)
{
    const struct itimer *t;
    u64 now, left = 0;

    if (which < 0 || which >= ITIMERS) {
        return -EINVAL;
    }
    t = &p->timers->itimers[which];
    if (t->at != 0) {
        now = itimer_now(t);
        left = t->at > now ? t->at - now : 0;
        left = MAX(left, 1000ull); /* 0 would say that it is not armed */
    }
    out->it_value = ns_timeval(left);
    out->it_interval = ns_timeval(t->interval);
    return 0;
}

int itimer_set(struct process *p, int which, const struct __kernel_old_itimerval *in,
               struct __kernel_old_itimerval *old)
{
    struct itimer *t;
    u64 first, interval, now;
    int rc = itimer_get(p, which, old);

    if (rc == 0) {
        rc = timeval_ns(&in->it_value, &first);
    }
    if (rc == 0) {
        rc = timeval_ns(&in->it_interval, &interval);
    }
    if (rc != 0) {
        return rc;
    }
    t = &p->timers->itimers[which];
    t->proc = p;
    t->which = which;
    ktimer_cancel(&t->ktimer);
    t->interval = interval;
    t->at = 0;
    if (first != 0) {
        now = itimer_now(t);
        t->at = time_add(now, first);
        itimer_arm(t, now);
    }
    return 0;
}
