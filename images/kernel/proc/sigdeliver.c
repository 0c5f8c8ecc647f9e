// SPDX-License-Identifier: Apache-2.0
/*
 * Delivery of signals on the way back to the program: default actions,
 * handlers, and the end or restart of an interrupted system call (signal(7)).
 * All restarting is in restart_call().
 */
#include "proc/proc.h"

enum { PAGE_FAULT = 14 };

/* Makes the program make its call again, with number nr. */
static void restart_call(struct trapframe *tf, u64 nr)
{
    tf->rax = nr;
    tf->t.rip = sites_restart(cur_proc()->mm, tf->t.rip, nr);
}

static bool interrupted_call(const struct trapframe *tf, bool from_syscall)
{
    s64 rc = (s64)tf->rax;

    return from_syscall &&
           (rc == -ERESTARTSYS || rc == -ERESTARTNOHAND || rc == -ERESTART_RESTARTBLOCK);
}

/* Ends or restarts an interrupted call. With act NULL no handler runs, and the call goes on as
 * if nothing had happened. */
static void fix_call(struct trapframe *tf, const struct sigaction *act)
{
    s64 rc = (s64)tf->rax;

    if (act == NULL && rc == -ERESTART_RESTARTBLOCK) {
        restart_call(tf, __NR_restart_syscall);
    } else if (act == NULL || (rc == -ERESTARTSYS && (act->sa_flags & SA_RESTART) != 0)) {
        restart_call(tf, tf->t.error);
    } else {
        tf->rax = (u64)-EINTR;
    }
}

static void run_handler(struct trapframe *tf, int sig, const siginfo_t *info)
{
    struct proc_thread *p = current->p;
    struct sigaction act = cur_proc()->signals->act[sig];
    u64 old = (p->sigwork & SIGWORK_RESTORE) != 0 ? p->saved_mask : p->blocked;
    u64 mask = p->blocked | act.sa_mask;

    if ((act.sa_flags & SA_NODEFER) == 0) {
        mask |= SIGBIT(sig);
    }
    p->sigwork &= ~SIGWORK_RESTORE;
    tf->t.rip = sites_shown(cur_proc()->mm, tf->t.rip);
    if ((act.sa_flags & SA_RESETHAND) != 0) {
        cur_proc()->signals->act[sig].sa_handler = SIG_DFL;
    }
    if (sigframe_push(tf, sig, &act, info, old) != 0) {
        process_kill(SIGSEGV);
    }
    signal_set_blocked(current, mask);
}

/* Stays in the kernel until the process goes on, or this thread is to end. */
static void stay_stopped(void)
{
    struct process_full *pf = process_full(cur_proc());
    struct proc_thread *p = current->p;

    p->parked = true;
    child_stops(pf);
    while ((p->sigwork & (SIGWORK_STOP | SIGWORK_KILLED)) == SIGWORK_STOP) {
        (void)thread_block(HV_NO_DEADLINE, false);
    }
    p->parked = false;
    child_continues(pf);
}

/* Does what every thread must do that has been told so. */
static void leave_or_stay(void)
{
    struct proc_thread *p = current->p;

    if ((p->sigwork & (SIGWORK_STOP | SIGWORK_KILLED)) == SIGWORK_STOP) {
        stay_stopped();
    }
    if ((p->sigwork & SIGWORK_KILLED) != 0) {
        thread_exit(0);
    }
}

/* A process stops only where another could continue it, unless by SIGSTOP. */
static void default_action(int sig)
{
    if ((SIGBIT(sig) & SIG_STOPS) == 0) {
        process_kill(sig);
    }
    if (sig == SIGSTOP || !group_orphaned(process_full(cur_proc())->pgid)) {
        stop_begin(cur_proc(), sig);
        leave_or_stay();
    }
}

void signal_deliver(struct trapframe *tf, bool from_syscall)
{
    struct proc_thread *p = current->p;
    bool interrupted = interrupted_call(tf, from_syscall);
    siginfo_t info;
    int sig;

    leave_or_stay();
    p->sigwork &= ~SIGWORK_INTERRUPTED;
    while ((sig = signal_dequeue(current, signal_deliverable(current), &info)) != 0) {
        const struct sigaction *act = &cur_proc()->signals->act[sig];

        if (act->sa_handler == SIG_IGN ||
            (act->sa_handler == SIG_DFL && signal_default_ignored(sig))) {
            continue;
        }
        if (act->sa_handler == SIG_DFL) {
            default_action(sig);
            continue;
        }
        if (interrupted) {
            fix_call(tf, act);
        }
        interrupted = false;
        run_handler(tf, sig, &info);
    }
    if (interrupted) {
        fix_call(tf, NULL);
    }
    if ((p->sigwork & SIGWORK_RESTORE) != 0) {
        p->sigwork &= ~SIGWORK_RESTORE;
        signal_set_blocked(current, p->saved_mask);
    }
}

void signal_fault(struct trapframe *tf, int sig, int si_code, vaddr_t addr)
{
    struct proc_thread *p = current->p;
    siginfo_t info;

    p->trapno = tf->t.vector;
    p->trap_error = tf->t.error;
    if (tf->t.vector == PAGE_FAULT) {
        p->trap_addr = addr;
    }
    /* The signal cannot be handled, and returning to the same instruction would fault for ever. */
    if ((p->blocked & SIGBIT(sig)) != 0 || cur_proc()->signals->act[sig].sa_handler == SIG_IGN) {
        process_kill(sig);
    }
    siginfo_fill(&info, sig, si_code, 0);
    info.si_addr = (void *)addr;
    signal_queue(cur_proc(), current, &info);
}
