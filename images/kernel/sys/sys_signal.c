// SPDX-License-Identifier: Apache-2.0
/*
 * System calls about signals: handlers, masks, waiting, the alternate stack.
 * Sending them is in sys_kill.c.
 */
#include "proc/proc.h"
#include "sysproto.h"

#define SIGSET_SIZE sizeof(u64)

static int sigset_get(vaddr_t addr, long size, u64 *set)
{
    if ((size_t)size != SIGSET_SIZE) {
        return -EINVAL;
    }
    return copy_from_user(set, addr, sizeof(*set));
}

long sys_rt_sigaction(const long a[6])
{
    int sig = (int)a[0];
    struct sigaction act, *slot;
    struct sigaction old;

    if ((size_t)a[3] != SIGSET_SIZE || sig < 1 || sig > SIG_COUNT) {
        return -EINVAL;
    }
    if (a[1] != 0 && (SIGBIT(sig) & SIG_NOMASK) != 0) {
        return -EINVAL;
    }
    if (a[1] != 0 && copy_from_user(&act, (vaddr_t)a[1], sizeof(act)) != 0) {
        return -EFAULT;
    }
    slot = &cur_proc()->signals->act[sig];
    old = *slot;
    if (a[1] != 0) {
        act.sa_mask &= ~SIG_NOMASK;
        *slot = act;
        if (act.sa_handler == SIG_IGN ||
            (act.sa_handler == SIG_DFL && signal_default_ignored(sig))) {
            signals_discard(cur_proc(), SIGBIT(sig));
        }
    }
    return a[2] != 0 ? copy_to_user((vaddr_t)a[2], &old, sizeof(old)) : 0;
}

long sys_rt_sigprocmask(const long a[6])
{
    u64 old = current->p->blocked;
    u64 set;

    if ((size_t)a[3] != SIGSET_SIZE) {
        return -EINVAL;
    }
    if (a[1] != 0) {
        if (copy_from_user(&set, (vaddr_t)a[1], sizeof(set)) != 0) {
            return -EFAULT;
        }
        if (a[0] == SIG_BLOCK) {
            set |= old;
        } else if (a[0] == SIG_UNBLOCK) {
            set = old & ~set;
        } else if (a[0] != SIG_SETMASK) {
            return -EINVAL;
        }
        signal_set_blocked(current, set);
    }
    return a[2] != 0 ? copy_to_user((vaddr_t)a[2], &old, sizeof(old)) : 0;
}

long sys_rt_sigpending(const long a[6])
{
    u64 set = (current->p->pending.mask | cur_proc()->signals->shared.mask) & current->p->blocked;

    if ((size_t)a[1] > SIGSET_SIZE) {
        return -EINVAL;
    }
    return copy_to_user((vaddr_t)a[0], &set, (size_t)a[1]);
}

/* A frame that cannot be loaded is as fatal as on Linux: there is no state to return to. */
long sys_rt_sigreturn(const long a[6])
{
    (void)a;
    if (sigframe_pop(current->tf) != 0) {
        process_kill(SIGSEGV);
    }
    return (long)current->tf->rax;
}

long sys_rt_sigsuspend(const long a[6])
{
    u64 set;
    int rc = sigset_get((vaddr_t)a[0], a[1], &set);

    if (rc != 0) {
        return rc;
    }
    signal_mask_push(set);
    while (thread_block(HV_NO_DEADLINE, true) != -EINTR) {
    }
    signal_mask_pop(true);
    return -ERESTARTNOHAND;
}

long sys_pause(const long a[6])
{
    (void)a;
    while (thread_block(HV_NO_DEADLINE, true) != -EINTR) {
    }
    return -ERESTARTNOHAND;
}

static int sigwait(u64 set, u64 deadline, siginfo_t *info)
{
    struct proc_thread *p = current->p;
    int sig = signal_dequeue(current, set, info);
    int rc = 0;

    while (sig == 0 && rc == 0) {
        p->sigwait = set & ~SIG_NOMASK;
        rc = thread_block(deadline, true);
        p->sigwait = 0;
        sig = signal_dequeue(current, set, info);
    }
    if (sig != 0) {
        return sig;
    }
    return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

long sys_rt_sigtimedwait(const long a[6])
{
    u64 set, ns, deadline = HV_NO_DEADLINE;
    siginfo_t info;
    int rc = sigset_get((vaddr_t)a[0], a[3], &set);

    if (rc == 0 && a[2] != 0) {
        rc = timespec_get((vaddr_t)a[2], &ns);
        deadline = time_add(time_mono(), ns);
    }
    if (rc != 0) {
        return rc;
    }
    rc = sigwait(set & ~SIG_NOMASK, deadline, &info);
    if (rc > 0 && a[1] != 0 && copy_to_user((vaddr_t)a[1], &info, sizeof(info)) != 0) {
        return -EFAULT;
    }
    return rc;
}

long sys_sigaltstack(const long a[6])
{
    u64 sp = current->tf->t.rsp;
    stack_t new, old;

    if (a[0] != 0 && copy_from_user(&new, (vaddr_t)a[0], sizeof(new)) != 0) {
        return -EFAULT;
    }
    altstack_get(current, sp, &old);
    if (a[0] != 0) {
        int rc = altstack_set(current, sp, &new);

        if (rc != 0) {
            return rc;
        }
    }
    return a[1] != 0 ? copy_to_user((vaddr_t)a[1], &old, sizeof(old)) : 0;
}

long sys_restart_syscall(const long a[6])
{
    struct restart_block *r = &current->p->restart;

    (void)a;
    return r->fn != NULL ? r->fn(current) : -EINTR;
}
