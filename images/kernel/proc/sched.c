// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler: one vCPU, slices of SCHED_SLICE_NS, and of the runnable threads
 * the one with the least vruntime runs next. vruntime is a thread's CPU time,
 * but a thread that slept keeps at most SCHED_CREDIT_NS of what it did not use.
 * So busy threads take turns, and a woken one preempts them.
 *
 * The running thread is not in the queue. The host is asked for a timer only
 * while another thread is runnable or a kernel timer is due, so a
 * single-threaded program that arms nothing never makes a host call for
 * scheduling.
 */
#include "proc/proc.h"

KERNEL_COLD void (*sched_other_events)(u32 events);
KERNEL_COLD void (*sched_restored)(void);
KERNEL_COLD void (*sched_nothing_left)(void);

TAILQ_HEAD(run_queue, thread);
static struct run_queue runq = TAILQ_HEAD_INITIALIZER(runq); /* the least vruntime comes first */
static u64 vruntime_floor; /* the least vruntime of the threads that run or can; never falls */
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

/* Puts t after those of the same vruntime. */
static void runq_insert(struct thread *t)
{
    struct thread *before = TAILQ_LAST(&runq, run_queue);

    while (before != NULL && before->p->vruntime > t->p->vruntime) {
        before = TAILQ_PREV(before, run_queue, run_link);
    }
    if (before != NULL) {
        TAILQ_INSERT_AFTER(&runq, before, t, run_link);
    } else {
        TAILQ_INSERT_HEAD(&runq, t, run_link);
    }
}

static void runq_push(struct thread *t, bool expired)
{
    KASSERT(!t->p->on_runq && t->state == THREAD_RUNNABLE);
    t->p->on_runq = true;
    if (expired) {
        TAILQ_INSERT_TAIL(&timed_out, t, run_link);
    } else {
        runq_insert(t);
    }
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

/* The running thread's vruntime now; 0 when none runs. */
static u64 vruntime_current(u64 now)
{
    const struct thread *t = current;

    if (idling || t == NULL || t->p == NULL || t->p->cpu_start == HV_NO_DEADLINE) {
        return 0;
    }
    return t->p->vruntime + (now - t->p->cpu_start);
}

static void raise_floor(u64 running)
{
    const struct thread *first = TAILQ_FIRST(&runq);

    vruntime_floor =
        MAX(vruntime_floor, first != NULL ? MIN(first->p->vruntime, running) : running);
}

/* t can run from now on. It gets the credit of one that slept; a new thread gets none. */
static void vruntime_begin(struct thread *t, u64 running)
{
    raise_floor(running);
    if (t->p->vruntime == 0) {
        t->p->vruntime = MAX(running, vruntime_floor);
    } else if (t->p->vruntime + SCHED_CREDIT_NS < vruntime_floor) {
        t->p->vruntime = vruntime_floor - SCHED_CREDIT_NS;
    }
}

void sched_enqueue(struct thread *t, bool expired)
{
    bool was_alone = runq_empty();
    u64 now = time_mono(), running = vruntime_current(now);

    vruntime_begin(t, running);
    runq_push(t, expired);
    if (idling || current == NULL || current->state != THREAD_RUNNABLE) {
        return;
    }
    if (was_alone) {
        time_arm(now + SCHED_SLICE_NS);
    }
    if (t->p->vruntime + SCHED_PREEMPT_NS < running) {
        sched_slice_over = true;
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
    if (events & HV_EVENT_RESTORED) { /* first, because all else goes by the clock */
        sched_restored();
    }
    if (events & HV_EVENT_TIMER) {
        time_arm_expired();
        sched_tick();
    }
    if (events & ~(HV_EVENT_TIMER | HV_EVENT_RESTORED)) {
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
        if (ktimer_next() == HV_NO_DEADLINE && hv_shared()->watched == 0) {
            sched_nothing_left();
        }
        if (!runq_empty()) {
            continue;
        }
        idle_until(ktimer_next());
        events_handle();
        ktimer_expire(time_mono());
    }
    idling = false;
    return next;
}

static void account(struct thread *t, u64 now)
{
    u64 ran = now - t->p->cpu_start;

    t->p->cpu_ns += ran;
    t->p->vruntime += ran;
    raise_floor(t->p->vruntime);
    t->p->cpu_start = HV_NO_DEADLINE;
}

/* The slice of t is over. If it yielded instead, all others come first. */
static void requeue(struct thread *t, bool yields)
{
    const struct thread *last = TAILQ_LAST(&runq, run_queue);

    if (yields && last != NULL) {
        t->p->vruntime = MAX(t->p->vruntime, last->p->vruntime);
    }
    runq_push(t, false);
}

void schedule(void)
{
    struct thread *prev = current;
    struct thread *next;
    u64 now;

    bool waits = prev->state != THREAD_RUNNABLE;
    bool yields = !waits && !sched_slice_over;

    sched_slice_over = false;
    if (runq_empty() && prev->state == THREAD_RUNNABLE) {
        return;
    }
    now = time_mono();
    if (prev->p != NULL) { /* the boot thread has no private part, and never comes back */
        account(prev, now);
        if (!waits) {
            requeue(prev, yields);
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
        mm_activate(next->proc->mm);
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
