// SPDX-License-Identifier: Apache-2.0
/*
 * Lifetimes of threads. A thread that ends is unlinked at once, but its kernel
 * stack is still in use until the next thread runs: thread_reap() frees it
 * then.
 */
#include <linux/sched.h>

#include "proc/proc.h"

#define KSTACK_PAGES 4

static TAILQ_HEAD(dead_list, thread) dead = TAILQ_HEAD_INITIALIZER(dead);

static int tid_alloc(struct process *p)
{
    return process_full(p)->next_tid++;
}

struct thread *thread_create(struct process *p)
{
    struct thread *t;

    thread_reap();
    t = kzalloc(sizeof(*t) + sizeof(*t->p));
    if (t == NULL) {
        return NULL;
    }
    t->p = (struct proc_thread *)(t + 1);
    t->p->thread = t;
    t->p->cpu_start = HV_NO_DEADLINE;
    sigpending_init(&t->p->pending);
    t->proc = p;
    t->tid = tid_alloc(p);
    t->state = THREAD_BLOCKED;
    LIST_INSERT_HEAD(&p->threads, t, proc_link);
    p->thread_count++;
    return t;
}

void thread_start(struct thread *t)
{
    t->state = THREAD_RUNNABLE;
    sched_enqueue(t, false);
}

static void thread_free(struct thread *t)
{
    if (t->kstack) {
        pmm_free(t->kstack, KSTACK_PAGES);
    }
    if (t->xstate != NULL) {
        pmm_free((paddr_t)t->xstate, 1);
    }
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

static void thread_unlink(struct thread *t)
{
    process_full(t->proc)->dead_cpu_ns += thread_cpu_ns(t);
    LIST_REMOVE(t, proc_link);
    t->proc->thread_count--;
    sigpending_flush(t->proc->signals, &t->p->pending, ~0ull);
    t->state = THREAD_DEAD;
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

void thread_exit(int status)
{
    struct thread *t = current;
    struct process_full *pf = process_full(t->proc);

    if (t->tid == t->proc->pid) {
        pf->leader_status = status;
    }
    if (t->proc->thread_count == 1) {
        process_exit(pf->leader_status);
    }
    futex_thread_exit(t);
    thread_unlink(t);
    TAILQ_INSERT_TAIL(&dead, t, p->dead_link);
    schedule();
    panic("a dead thread was scheduled");
}

struct thread *thread_find(int tid)
{
    struct thread *t;

    LIST_FOREACH (t, &current->proc->threads, proc_link) {
        if (t->tid == tid) {
            return t;
        }
    }
    return NULL;
}

/* The new thread starts as the caller's copy, returning 0 from the same call on its own stack. */
struct thread *thread_clone(u64 flags, u64 stack, u64 tls, int *error)
{
    struct thread *self = current;
    struct trapframe tf = *self->tf;
    struct thread *t = thread_create(self->proc);

    if (t == NULL) {
        *error = -EAGAIN;
        return NULL;
    }
    tf.rax = 0;
    if (stack != 0) {
        tf.t.rsp = stack;
    }
    xstate_save(self->xstate);
    *error = thread_context(t, &tf, self->xstate);
    if (*error != 0) {
        thread_unlink(t);
        thread_free(t);
        return NULL;
    }
    t->fs_base = flags & CLONE_SETTLS ? tls : self->fs_base;
    t->gs_base = self->gs_base;
    t->p->blocked = self->p->blocked;
    t->p->nice = self->p->nice;
    memcpy(t->name, self->name, sizeof(t->name));
    return t;
}

/* For execve: every other thread leaves the kernel by its normal way out and ends there, because
 * its wait entries and locals on its kernel stack are known to others until then. */
void thread_kill_others(void)
{
    struct thread *t;

    LIST_FOREACH (t, &current->proc->threads, proc_link) {
        if (t != current) {
            t->p->sigwork |= SIGWORK_KILLED;
        }
    }
    while (current->proc->thread_count > 1) {
        LIST_FOREACH (t, &current->proc->threads, proc_link) {
            if (t != current) {
                thread_interrupt(t);
            }
        }
        schedule();
    }
    thread_reap();
}
