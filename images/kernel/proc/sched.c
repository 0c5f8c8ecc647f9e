// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler: one vCPU, round robin in slices of SCHED_SLICE_NS. The running
 * thread is not in the queue. The host is asked for a timer only while another
 * thread is runnable or a kernel timer is due, so a single-threaded program
 * that arms nothing never makes a host call for scheduling.
 */
#include "proc/proc.h"

KERNEL_COLD void (*sched_other_events)(u32 events);

TAILQ_HEAD(run_queue, thread);
static struct run_queue runq = TAILQ_HEAD_INITIALIZER(runq);
/* Threads whose wait has timed out. They run first, as on Linux a woken thread preempts a busy
 * one. Otherwise the thread that holds the lock they wait for could run before them and pass the
 * lock on to another, again and again: three busy threads once handed CPython's lock around for
 * seconds while a fourth waited for it. */
static struct run_queue timed_out = TAILQ_HEAD_INITIALIZER(timed_out);
bool sched_slice_over;
static bool idling;

static bool runq_empty(void)
{
    return TAILQ_EMPTY(&runq) && TAILQ_EMPTY(&timed_out);
}

static void runq_push(struct run_queue *q, struct thread *t)
{
    KASSERT(!t->p->on_runq && t->state == THREAD_RUNNABLE);
    t->p->on_runq = true;
    TAILQ_INSERT_TAIL(q, t, run_link);
}

static struct thread *runq_pop(void)
{
    struct run_queue *q = TAILQ_EMPTY(&timed_out) ? &runq : &timed_out;
    struct thread *t = TAILQ_FIRST(q);

    if (t != NULL) {
        KASSERT(t->p->on_runq && t->state == THREAD_RUNNABLE);
        TAILQ_REMOVE(q, t, run_link);
        t->p->on_runq = false;
    }
    return t;
}

void sched_arm(void)
{
    u64 deadline = ktimer_next();
    bool slice = !runq_empty();
    u64 now;

    if (deadline == HV_NO_DEADLINE && !slice) {
        return;
    }
    now = time_mono();
    if (slice) {
        deadline = MIN(deadline, now + SCHED_SLICE_NS);
    }
    time_arm(MAX(deadline, now + SCHED_SLACK_NS));
}

void ktimer_arm(struct ktimer *t, u64 deadline, void (*fn)(struct ktimer *t))
{
    if (ktimer_insert(t, deadline, fn)) {
        sched_arm();
    }
}

void sched_enqueue(struct thread *t, bool expired)
{
    bool was_alone = runq_empty();

    runq_push(expired ? &timed_out : &runq, t);
    if (was_alone && !idling && current != NULL && current->state == THREAD_RUNNABLE) {
        time_arm(time_mono() + SCHED_SLICE_NS);
    }
}

bool sched_need_resched(void)
{
    return sched_slice_over && !runq_empty();
}

void sched_tick(void)
{
    ktimer_expire(time_mono());
    sched_slice_over = !runq_empty();
    if (!sched_slice_over && !idling) {
        sched_arm();
    }
}

void events_handle(void)
{
    u32 events = hv_take_events();
    if (events & HV_EVENT_TIMER) {
        time_arm_expired();
        sched_tick();
    }
    if (events & ~HV_EVENT_TIMER) {
        sched_other_events(events);
    }
}

static void idle_until(u64 deadline)
{
    u64 now = time_mono();

    if (deadline == HV_NO_DEADLINE || deadline > now + SCHED_SPIN_NS) {
        hv_idle(deadline);
    } else {
        while (now < deadline && __atomic_load_n(&hv_shared()->events, __ATOMIC_RELAXED) == 0) {
            __builtin_ia32_pause();
            now = time_mono();
        }
    }
}

/* Waits until a thread is runnable and returns it. Timers and host events make threads runnable,
 * perhaps the calling one. */
static struct thread *idle(void)
{
    struct thread *next;

    idling = true;
    while ((next = runq_pop()) == NULL) {
        idle_until(ktimer_next());
        events_handle();
        ktimer_expire(time_mono());
    }
    idling = false;
    return next;
}

void schedule(void)
{
    struct thread *prev = current;
    struct thread *next;
    u64 now;

    bool waits = prev->state != THREAD_RUNNABLE;

    sched_slice_over = false;
    if (runq_empty() && prev->state == THREAD_RUNNABLE) {
        return;
    }
    now = time_mono();
    if (prev->p != NULL) { /* the boot thread has no private part, and never comes back */
        prev->p->cpu_ns += now - prev->p->cpu_start;
        prev->p->cpu_start = HV_NO_DEADLINE;
        if (prev->state == THREAD_RUNNABLE) {
            runq_push(&runq, prev);
        }
    }
    if (ktimer_next() <= now) {
        ktimer_expire(now);
    }
    next = runq_pop();
    if (next == NULL) {
        next = idle();
    }
    next->p->cpu_start = time_mono();
    if (waits) {
        process_full(next->proc)->switches++;
    }
    if (next != prev) {
        process_full(next->proc)->preemptions += !waits;
        sched_arm();
        cpu_switch(prev, next);
        thread_reap();
    } else {
        sched_arm();
    }
}

void sched_resume(void)
{
    current->p->cpu_start = time_mono();
    sched_arm();
}

u64 thread_cpu_ns(const struct thread *t)
{
    u64 ns = t->p->cpu_ns;

    if (t == current && t->p->cpu_start != HV_NO_DEADLINE) {
        ns += time_mono() - t->p->cpu_start;
    }
    return ns;
}

u64 process_cpu_ns(struct process *p)
{
    u64 ns = process_full(p)->dead_cpu_ns;
    struct thread *t;

    LIST_FOREACH (t, &p->threads, proc_link) {
        ns += thread_cpu_ns(t);
    }
    return ns;
}
