// SPDX-License-Identifier: Apache-2.0
/*
 * How threads are made and how they end: one by itself, or all but one for
 * execve.
 */
#include <linux/sched.h>

#include "proc/proc.h"

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

static void thread_unlink(struct thread *t)
{
    process_full(t->proc)->dead_cpu_ns += thread_cpu_ns(t);
    KASSERT(t->proc->thread_count > 1); /* the last one ends the process */
    LIST_REMOVE(t, proc_link);
    t->proc->thread_count--;
    sigpending_flush(t->proc->signals, &t->p->pending, ~0ull);
    t->state = THREAD_DEAD;
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
    thread_bury(t);
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
 * until then others have pointers to wait entries and locals on its kernel stack. */
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
