// SPDX-License-Identifier: Apache-2.0
/*
 * One-shot kernel timers, in one list sorted by deadline. The list is short: it
 * has a timer for each thread that waits with a timeout and for each timer that
 * the program has set.
 */
#include "proc/proc.h"

static TAILQ_HEAD(, ktimer) timers = TAILQ_HEAD_INITIALIZER(timers);

u64 ktimer_next(void)
{
    struct ktimer *t = TAILQ_FIRST(&timers);

    return t != NULL ? t->deadline : HV_NO_DEADLINE;
}

bool ktimer_insert(struct ktimer *t, u64 deadline, void (*fn)(struct ktimer *t))
{
    struct ktimer *at;

    KASSERT(fn != NULL);
    ktimer_cancel(t);
    t->deadline = deadline;
    t->fn = fn;
    t->armed = true;
    TAILQ_FOREACH (at, &timers, link) {
        if (at->deadline > deadline) {
            break;
        }
    }
    if (at != NULL) {
        TAILQ_INSERT_BEFORE(at, t, link);
    } else {
        TAILQ_INSERT_TAIL(&timers, t, link);
    }
    return TAILQ_FIRST(&timers) == t;
}

void ktimer_cancel(struct ktimer *t)
{
    if (!t->armed) {
        return;
    }
    TAILQ_REMOVE(&timers, t, link);
    t->armed = false;
}

/* Callbacks may arm timers again, but only for later than now. */
void ktimer_expire(u64 now)
{
    struct ktimer *t;

    while ((t = TAILQ_FIRST(&timers)) != NULL && t->deadline <= now) {
        ktimer_cancel(t);
        t->fn(t);
    }
}
