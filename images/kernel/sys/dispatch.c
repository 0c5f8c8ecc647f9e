// SPDX-License-Identifier: Apache-2.0
/*
 * From a system call's trapframe to its handler and back: arguments and result
 * registers as in syscall(2).
 */
#include "cpu/cpu.h"
#include "proc/proc.h"
#include "sys/trace.h"

long syscall_dispatch(struct trapframe *tf)
{
    u32 nr = (u32)tf->t.error; /* Linux looks at eax only */
    const long a[6] = {(long)tf->rdi, (long)tf->rsi, (long)tf->rdx,
                       (long)tf->r10, (long)tf->r8,  (long)tf->r9};
    const struct syscall *s = nr < syscall_table_size ? &syscall_table[nr] : NULL;
    if (__builtin_expect(hv_trace_enabled, 0)) {
        return trace_call(nr, s, a);
    }
    return s != NULL && s->fn != NULL ? s->fn(a) : -ENOSYS;
}

/* Runs the call and puts its result into rax. False when the call has replaced the whole frame,
 * the vector included, as execve and rt_sigreturn do: then rax is left alone. */
static bool handle(struct trapframe *tf)
{
    current->tf = tf;
    long rc = syscall_dispatch(tf);
    while (__builtin_expect(rc == -EFAULT && current->p->oom, 0)) {
        current->p->oom = false;
        rc = oom_wait() == 0 ? syscall_dispatch(tf) : -ERESTARTSYS;
    }
    if (tf->t.vector != VECTOR_SYSCALL) {
        return false;
    }
    tf->rax = (u64)rc;
    return true;
}

void syscall_handle(struct trapframe *tf)
{
    hv_shared()->counts.syscalls_trapped++;
    handle(tf);
    user_return_work(tf);
}

/* True when user_return_work() may have something to do. The short way back to the program is
 * taken only when it has not. */
static inline bool work_pending(void)
{
    const struct proc_thread *p = current->p;
    u64 signals = p->pending.mask | cur_proc()->signals->shared.mask;

    return hv_shared()->events | p->sigwork | sched_slice_over ||
           signals & (~p->blocked | p->sigwait);
}

/* A call through a rewritten site (mm/sites.c). True when nothing in the frame but rax has
 * changed: then the short way back, a plain jump, is enough. */
bool syscall_handle_call(struct trapframe *tf)
{
    hv_shared()->counts.syscalls_rewritten++;
    if (handle(tf) && !work_pending()) {
        return true;
    }
    user_return_work(tf);
    return false;
}
