// SPDX-License-Identifier: Apache-2.0
/*
 * What a thread needs to run in the kernel: its kernel stack and the room for its vector state. A
 * thread that has ended still uses its stack until the next thread runs; thread_reap() frees it
 * then.
 */
#include "proc/proc.h"

#define KSTACK_PAGES 4

static TAILQ_HEAD(dead_list, thread) dead = TAILQ_HEAD_INITIALIZER(dead);

void thread_free(struct thread *t)
{
    KASSERT(t != current && t->state == THREAD_DEAD && !t->p->on_runq);
    if (t->kstack) {
        pmm_free(t->kstack, KSTACK_PAGES);
    }
    if (t->xstate != NULL) {
        pmm_free((paddr_t)t->xstate, 1);
    }
    kernel_counts.threads--;
    kfree(t);
}

int thread_context(struct thread *t, const struct trapframe *tf, const void *xstate)
{
    t->kstack = pmm_alloc(KSTACK_PAGES, 0);
    if (!t->kstack) {
        return -ENOMEM;
    }
    paddr_t area = pmm_alloc(1, PMM_ZERO);
    if (!area) {
        return -ENOMEM;
    }
    t->xstate = phys_ptr(area);
    t->kstack_top = t->kstack + KSTACK_PAGES * PAGE_SIZE;
    cpu_thread_init(t, tf, xstate);
    return 0;
}

void thread_bury(struct thread *t)
{
    KASSERT(t->state == THREAD_DEAD);
    TAILQ_INSERT_TAIL(&dead, t, p->dead_link);
}

void thread_reap(void)
{
    struct thread *t = TAILQ_FIRST(&dead);

    while (t != NULL) {
        struct thread *next = TAILQ_NEXT(t, p->dead_link);

        if (t != current) {
            TAILQ_REMOVE(&dead, t, p->dead_link);
            thread_free(t);
        }
        t = next;
    }
}
