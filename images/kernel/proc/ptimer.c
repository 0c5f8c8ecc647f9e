// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX timers (timer_create(2)). Each timer has its one entry of a signal
 * queue within it, so expiring needs no memory. Expiries while that entry is
 * pending are counted as overruns.
 */
#include "proc/timers.h"

#define OVERRUN_MAX 0x7fffffffu /* DELAYTIMER_MAX */

static struct ptimer *ptimer_find(struct process *p, int id)
{
    struct ptimer *t;

    LIST_FOREACH (t, &p->timers->ptimers, link) {
        if (t->id == id) {
            return t;
        }
    }
    return NULL;
}

static u64 ptimer_now(const struct ptimer *t)
{
    u64 now = 0;

    if (clock_read(t->clock, &now) != 0) {
        now = 0; /* the clock of a thread that is gone stands still */
    }
    return now;
}

static struct thread *target(const struct ptimer *t)
{
    return t->notify == SIGEV_THREAD_ID ? thread_find_in(t->proc, t->tid) : NULL;
}

static void ptimer_fire(struct ktimer *k);

static void ptimer_arm(struct ptimer *t, u64 now)
{
    ktimer_arm(&t->ktimer, time_add(time_mono(), t->at > now ? t->at - now : 0), ptimer_fire);
}

static void expire(struct ptimer *t, u64 times)
{
    struct thread *to = target(t);

    if (t->notify == SIGEV_NONE || (t->notify == SIGEV_THREAD_ID && to == NULL)) {
        return;
    }
    if (t->sigq.queued) {
        t->overrun += times;
        return;
    }
    t->overrun = times - 1;
    signal_queue_timer(t->proc, to, &t->sigq);
}

static void ptimer_fire(struct ktimer *k)
{
    struct ptimer *t = CONTAINER_OF(k, struct ptimer, ktimer);
    u64 now = ptimer_now(t), times = 1;

    if (now >= t->at) {
        if (t->interval != 0) {
            times += (now - t->at) / t->interval;
        }
        expire(t, times);
        if (t->interval == 0) {
            t->at = 0;
            return;
        }
        t->at += times * t->interval;
    }
    ptimer_arm(t, now);
}

static void ptimer_taken(struct sigq *q, siginfo_t *info)
{
    struct ptimer *t = CONTAINER_OF(q, struct ptimer, sigq);

    t->overrun_last = MIN(t->overrun, (u64)OVERRUN_MAX);
    t->overrun = 0;
    info->si_overrun = (int)t->overrun_last;
}

static int event_check(const struct sigevent *ev)
{
    if (ev->sigev_notify != SIGEV_SIGNAL && ev->sigev_notify != SIGEV_NONE &&
        ev->sigev_notify != SIGEV_THREAD_ID) {
        return -EINVAL;
    }
    if (ev->sigev_notify == SIGEV_THREAD_ID && thread_find(ev->sigev_notify_thread_id) == NULL) {
        return -EINVAL;
    }
    if (ev->sigev_notify != SIGEV_NONE && (ev->sigev_signo < 1 || ev->sigev_signo > SIG_COUNT)) {
        return -EINVAL;
    }
    return 0;
}

/* With ev NULL the signal is SIGALRM, and its value the timer's number. */
int ptimer_create(struct process *p, int clock, const struct sigevent *ev, int *id)
{
    struct ptimer *t;
    u64 now;
    int rc = clock_read(clock, &now);

    if (rc == 0 && ev != NULL) {
        rc = event_check(ev);
    }
    if (rc != 0) {
        return rc;
    }
    t = kzalloc(sizeof(*t));
    if (t == NULL) {
        return -EAGAIN;
    }
    t->proc = p;
    t->clock = clock;
    t->id = p->timers->next_id++;
    t->notify = ev != NULL ? ev->sigev_notify : SIGEV_SIGNAL;
    t->tid = ev != NULL && t->notify == SIGEV_THREAD_ID ? ev->sigev_notify_thread_id : 0;
    t->sigq.taken = ptimer_taken;
    t->sigq.info.si_signo = ev != NULL ? ev->sigev_signo : SIGALRM;
    t->sigq.info.si_code = SI_TIMER;
    t->sigq.info.si_tid = t->id;
    if (ev != NULL) {
        t->sigq.info.si_value = ev->sigev_value;
    } else {
        t->sigq.info.si_value.sival_int = t->id;
    }
    LIST_INSERT_HEAD(&p->timers->ptimers, t, link);
    *id = t->id;
    return 0;
}

int ptimer_delete(struct process *p, int id)
{
    struct ptimer *t = ptimer_find(p, id);

    if (t == NULL) {
        return -EINVAL;
    }
    ktimer_cancel(&t->ktimer);
    signal_unqueue_timer(p, &t->sigq);
    LIST_REMOVE(t, link);
    kfree(t);
    return 0;
}

int ptimer_get(struct process *p, int id, u64 *left, u64 *interval)
{
    const struct ptimer *t = ptimer_find(p, id);
    u64 now;

    if (t == NULL) {
        return -EINVAL;
    }
    *left = 0;
    if (t->at != 0) {
        now = ptimer_now(t);
        *left = t->at > now ? t->at - now : 1; /* 0 would say that it is not armed */
    }
    *interval = t->interval;
    return 0;
}

int ptimer_set(struct process *p, int id, bool absolute, u64 first, u64 interval)
{
    struct ptimer *t = ptimer_find(p, id);
    u64 now;

    if (t == NULL) {
        return -EINVAL;
    }
    ktimer_cancel(&t->ktimer);
    t->interval = interval;
    t->at = 0;
    t->overrun = t->overrun_last = 0;
    if (first == 0) {
        return 0;
    }
    now = ptimer_now(t);
    t->at = absolute ? first : time_add(now, first);
    ptimer_arm(t, now);
    return 0;
}

int ptimer_overrun(struct process *p, int id)
{
    const struct ptimer *t = ptimer_find(p, id);

    return t != NULL ? (int)t->overrun_last : -EINVAL;
}
