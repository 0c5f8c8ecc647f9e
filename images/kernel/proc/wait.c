// SPDX-License-Identifier: Apache-2.0
/*
 * Blocking and wait queues. The kernel is never preempted inside, so a caller
 * that looks at its condition, enters a queue and blocks cannot miss a wake.
 * Whoever wakes first decides what thread_block() returns. The host's handles
 * (vmm/abi.h) have a queue each, so that poll, select and epoll compose.
 */
#include "proc/proc.h"

static void wake_with(struct thread *t, int cause)
{
    if (t->state != THREAD_BLOCKED) {
        return;
    }
    t->p->wake_cause = cause;
    t->state = THREAD_RUNNABLE;
    sched_enqueue(t, cause == -ETIMEDOUT);
}

void thread_wake(struct thread *t)
{
    wake_with(t, 0);
}

void thread_interrupt(struct thread *t)
{
    bool may = t->p->interruptible || (t->p->killable && signal_killed(t));

    if (!may || t->state != THREAD_BLOCKED) {
        return;
    }
    t->p->sigwork |= SIGWORK_INTERRUPTED;
    wake_with(t, -EINTR);
}

static void block_timeout(struct ktimer *k)
{
    wake_with(CONTAINER_OF(k, struct proc_thread, block_timer)->thread, -ETIMEDOUT);
}

int thread_block(u64 deadline, bool interruptible)
{
    struct thread *t = current;
    struct proc_thread *p = t->p;

    if (interruptible && signal_pending(t)) {
        return -EINTR;
    }
    if (deadline != HV_NO_DEADLINE && deadline <= time_mono()) {
        return -ETIMEDOUT;
    }
    KASSERT(t->state == THREAD_RUNNABLE && !p->on_runq && !p->block_timer.armed);
    p->wake_cause = 0;
    p->interruptible = interruptible;
    t->state = THREAD_BLOCKED;
    if (deadline != HV_NO_DEADLINE) {
        ktimer_insert(&p->block_timer, deadline, block_timeout);
    }
    schedule();
    KASSERT(current == t && t->state == THREAD_RUNNABLE);
    ktimer_cancel(&p->block_timer);
    p->interruptible = false;
    return p->wake_cause;
}

int thread_block_killable(void)
{
    struct proc_thread *p = current->p;
    int rc;

    if (signal_killed(current)) {
        return -EINTR;
    }
    p->killable = true;
    rc = thread_block(HV_NO_DEADLINE, false);
    p->killable = false;
    return rc;
}

void waitq_init(struct waitq *q)
{
    TAILQ_INIT(&q->list);
}

/* Not inlined, or gcc would warn that the queue keeps a caller's local: it does, until
 * waitq_remove(). */
__attribute__((noinline)) void waitq_add(struct waitq *q, struct wait_entry *e)
{
    KASSERT(e->q == NULL);
    e->q = q;
    e->woken = false;
    TAILQ_INSERT_TAIL(&q->list, e, link);
}

void waitq_remove(struct wait_entry *e)
{
    if (e->q == NULL) {
        return;
    }
    TAILQ_REMOVE(&e->q->list, e, link);
    e->q = NULL;
}

int waitq_wake(struct waitq *q, int exclusive_max)
{
    struct wait_entry *e = TAILQ_FIRST(&q->list);
    int woken = 0;

    while (e != NULL) {
        struct wait_entry *next = TAILQ_NEXT(e, link);

        KASSERT(e->q == q);
        if (!e->exclusive || (exclusive_max > 0 && !e->woken)) {
            if (e->exclusive) {
                exclusive_max--;
            }
            e->woken = true;
            woken++;
            if (e->fn != NULL) {
                e->fn(e);
            } else {
                thread_wake(e->thread);
            }
        }
        e = next;
    }
    return woken;
}

int waitq_wait(struct waitq *q, bool (*cond)(void *), void *arg, u64 deadline, bool interruptible)
{
    struct wait_entry e = {.thread = current};
    int rc = 0;

    if (cond(arg)) {
        return 0;
    }
    waitq_add(q, &e);
    while (rc == 0) {
        rc = thread_block(deadline, interruptible);
        if (cond(arg)) {
            rc = 0;
            break;
        }
    }
    waitq_remove(&e);
    return rc;
}

/* Those in use. All zero: a queue that nobody has stood in. */
static KERNEL_COLD struct waitq handle_queues[HV_HANDLES];

struct waitq *handle_queue(u32 handle)
{
    struct waitq *q = &handle_queues[handle];

    if (q->list.tqh_last == NULL) {
        waitq_init(q);
    }
    return q;
}

void handle_watch(u32 handle)
{
    hv_shared()->watched |= 1ull << handle;
}

/* Who finds nothing watches again. */
void handles_take(void)
{
    struct hv_shared *s = hv_shared();
    u64 ready = __atomic_exchange_n(&s->ready, 0, __ATOMIC_ACQ_REL);

    s->watched &= ~ready;
    for (; ready; ready &= ready - 1) {
        waitq_wake(handle_queue((u32)__builtin_ctzll(ready)), 1);
    }
}
