// SPDX-License-Identifier: Apache-2.0
/*
 * Sending signals, and whom that wakes. Standard signals coalesce, real-time ones queue with their
 * values. A process-directed signal stays in the shared set until the oldest thread that does not
 * block it returns to the program. The sets of pending signals are in sigpending.c, delivery is in
 * sigdeliver.c and sigframe.c.
 */
#include <linux/resource.h>

#include "proc/proc.h"

bool signal_default_ignored(int sig)
{
    return (SIGBIT(sig) & SIG_IGNORED) != 0;
}

/* Is the signal dropped when it is sent to t? A blocked one is not: its handler may be set
 * before it is unblocked. */
static bool ignored(struct process *p, const struct thread *t, int sig)
{
    __sighandler_t handler = p->signals->act[sig].sa_handler;

    if (t == NULL || ((t->p->blocked | t->p->sigwait) & SIGBIT(sig)) != 0) {
        return false;
    }
    return handler == SIG_IGN || (handler == SIG_DFL && signal_default_ignored(sig));
}

/* As on Linux, the limit is for what programs queue (sigqueue(3)). */
static bool may_queue(const struct process *p, const siginfo_t *info)
{
    u64 limit = info->si_signo >= SIGRTMIN || info->si_code < 0 ? p->rlimit_cur[RLIMIT_SIGPENDING]
                                                                : SIGQUEUE_MAX;

    return p->signals->queued < MIN(limit, (u64)SIGQUEUE_MAX);
}

static int enqueue(struct process *p, struct sigpending *to, const siginfo_t *info)
{
    int sig = info->si_signo;
    struct sigq *q;

    if (sig < SIGRTMIN && (to->mask & SIGBIT(sig)) != 0) {
        return 0;
    }
    q = may_queue(p, info) ? kzalloc(sizeof(*q)) : NULL;
    if (q == NULL && sig >= SIGRTMIN) {
        return -EAGAIN;
    }
    to->mask |= SIGBIT(sig); /* without memory, a standard signal only loses its siginfo */
    if (q == NULL) {
        return 0;
    }
    q->info = *info;
    q->queued = true;
    p->signals->queued++;
    TAILQ_INSERT_TAIL(&to->queue, q, link);
    return 0;
}

static void notify(struct process *p, struct thread *target, int sig)
{
    waitq_wake(&p->signals->readers, 1);
    if (target != NULL && signal_wanted(target, sig)) {
        thread_interrupt(target);
    }
}

int signal_queue(struct process *p, struct thread *t, const siginfo_t *info)
{
    int sig = info->si_signo;
    struct thread *target = t != NULL ? t : signal_target(p, sig);
    int rc;

    stop_signal_sent(p, sig);
    if (ignored(p, target, sig)) {
        return 0;
    }
    rc = enqueue(p, t != NULL ? &t->p->pending : &p->signals->shared, info);
    if (rc == 0) {
        notify(p, target, sig);
    }
    return rc;
}

int signal_send(struct process *p, struct thread *t, int sig, int si_code, u64 value)
{
    siginfo_t info;

    siginfo_fill(&info, sig, si_code, value);
    return signal_queue(p, t, &info);
}

int signal_group(int pgid, int sig)
{
    struct process_full *pf;
    int rc = -ESRCH;

    LIST_FOREACH (pf, &processes, link) {
        if (!pf->zombie && pf->pgid == pgid) {
            rc = signal_send(&pf->p, NULL, sig, SI_KERNEL, 0);
        }
    }
    return rc;
}

KERNEL_COLD int signal_host_pgid;

int signal_host_group(void)
{
    return signal_host_pgid != 0 ? signal_host_pgid : process_full(process_first)->pgid;
}

void signal_continue_first(void)
{
    if (process_full(process_first)->stop_sig != 0) {
        (void)signal_send(process_first, NULL, SIGCONT, SI_KERNEL, 0);
    }
}

/* SIGINT goes to a group, as from a terminal; to the first one when that is gone. No one but the
 * host would continue a process that does not take its signals because it is stopped. */
void signal_host_events(u32 events)
{
    if (events & HV_EVENT_INT) {
        if (signal_group(signal_host_group(), SIGINT) == -ESRCH) {
            (void)signal_group(process_full(process_first)->pgid, SIGINT);
        }
    }
    if (events & HV_EVENT_TERM) {
        signal_send(process_first, NULL, SIGTERM, SI_KERNEL, 0);
    }
    if (events & HV_EVENT_END) {
        signal_send(process_first, NULL, HV_END_SIGNAL, SI_KERNEL, 0);
    }
    if ((events & (HV_EVENT_INT | HV_EVENT_TERM | HV_EVENT_END)) != 0) {
        signal_continue_first();
    }
}

/* A timer's signal uses the entry inside the timer: it needs no memory and is pending at most once.
 */
void signal_queue_timer(struct process *p, struct thread *t, struct sigq *q)
{
    struct sigpending *to = t != NULL ? &t->p->pending : &p->signals->shared;
    struct thread *target = t != NULL ? t : signal_target(p, q->info.si_signo);

    stop_signal_sent(p, q->info.si_signo);
    if (q->queued || ignored(p, target, q->info.si_signo)) {
        return;
    }
    q->queued = true;
    q->on = to;
    TAILQ_INSERT_TAIL(&to->queue, q, link);
    to->mask |= SIGBIT(q->info.si_signo);
    notify(p, target, q->info.si_signo);
}

void signal_unqueue_timer(struct process *p, struct sigq *q)
{
    struct sigpending *from = q->on;
    int sig = q->info.si_signo;
    struct sigq *other;

    if (!q->queued) {
        return;
    }
    sigq_unlink(p->signals, from, q);
    TAILQ_FOREACH (other, &from->queue, link) {
        if (other->info.si_signo == sig) {
            return;
        }
    }
    from->mask &= ~SIGBIT(sig);
}

/* A thread that blocks a process-directed signal hands it to one that does not. */
void signal_set_blocked(struct thread *t, u64 mask)
{
    u64 newly;

    mask &= ~SIG_NOMASK;
    if (mask == t->p->blocked) {
        return;
    }
    newly = mask & ~t->p->blocked & t->proc->signals->shared.mask;
    t->p->blocked = mask;
    for (; newly != 0; newly &= newly - 1) {
        int sig = __builtin_ctzll(newly) + 1;

        notify(t->proc, signal_target(t->proc, sig), sig);
    }
}

void signal_mask_push(u64 mask)
{
    current->p->saved_mask = current->p->blocked;
    signal_set_blocked(current, mask);
}

void signal_mask_pop(bool interrupted)
{
    if (interrupted) {
        current->p->sigwork |= SIGWORK_RESTORE;
    } else {
        signal_set_blocked(current, current->p->saved_mask);
    }
}

void signals_exec(struct process *p)
{
    for (int sig = 1; sig <= SIG_COUNT; sig++) {
        struct sigaction *act = &p->signals->act[sig];
        __sighandler_t keep = act->sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL;

        memset(act, 0, sizeof(*act));
        act->sa_handler = keep;
    }
    current->p->alt_sp = current->p->alt_size = 0;
    current->p->alt_flags = SS_DISABLE;
}
