// SPDX-License-Identifier: Apache-2.0
/*
 * How threads are made, and taken out of their process when they end.
 */
#include <linux/sched.h>

#include "cpu/cpu.h"
#include "proc/proc.h"

/* The first thread has its process's number. */
struct thread *thread_create(struct process *p)
{
    struct thread *t;
    int tid;

    thread_reap();
    tid = p->thread_count == 0 ? p->pid : pid_alloc();
    if (tid < 0) {
        return NULL;
    }
    t = kzalloc(sizeof(*t) + sizeof(*t->p));
    if (t == NULL) {
        return NULL;
    }
    kernel_counts.threads++;
    t->p = (struct proc_thread *)(t + 1);
    t->p->thread = t;
    t->p->cpu_start = HV_NO_DEADLINE;
    sigpending_init(&t->p->pending);
    t->proc = p;
    t->tid = tid;
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

void thread_unlink(struct thread *t)
{
    process_full(t->proc)->dead_cpu_ns += thread_cpu_ns(t);
    KASSERT(t->proc->thread_count > 0);
    LIST_REMOVE(t, proc_link);
    t->proc->thread_count--;
    sigpending_flush(t->proc->signals, &t->p->pending, ~0ull);
    t->state = THREAD_DEAD;
}

/* The new thread starts as the caller's copy, returning 0 from the same call on its own stack. */
struct thread *thread_clone(struct process *p, u64 flags, u64 stack, u64 tls, int *error)
{
    struct thread *self = current;
    struct trapframe tf = *self->tf;
    struct thread *t = thread_create(p);

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
    t->fs_base = flags & CLONE_SETTLS ? tls : cpu_rdfsbase();
    t->gs_base = cpu_rdgsbase();
    t->p->blocked = self->p->blocked;
    t->p->nice = self->p->nice;
    t->p->policy = self->p->policy;
    memcpy(t->name, self->name, sizeof(t->name));
    return t;
}
