// SPDX-License-Identifier: Apache-2.0
/*
 * Sets of pending signals: which signals are in them, which thread may take one, and taking it.
 * Nothing here sends a signal or wakes a thread. signal.c does, which stands above wait.c; wait.c
 * asks here whether a signal is pending.
 */
#include "proc/proc.h"

void sigpending_init(struct sigpending *p)
{
    p->mask = 0;
    TAILQ_INIT(&p->queue);
}

void sigq_unlink(struct proc_signals *s, struct sigpending *p, struct sigq *q)
{
    KASSERT(q->queued);
    TAILQ_REMOVE(&p->queue, q, link);
    q->queued = false;
    if (q->taken == NULL) {
        KASSERT(s->queued > 0);
        s->queued--;
        kfree(q);
    }
}

void sigpending_flush(struct proc_signals *s, struct sigpending *p, u64 mask)
{
    struct sigq *q = TAILQ_FIRST(&p->queue);

    while (q != NULL) {
        struct sigq *next = TAILQ_NEXT(q, link);

        if ((SIGBIT(q->info.si_signo) & mask) != 0) {
            sigq_unlink(s, p, q);
        }
        q = next;
    }
    p->mask &= ~mask;
}

void signals_discard(struct process *p, u64 mask)
{
    struct thread *t;

    sigpending_flush(p->signals, &p->signals->shared, mask);
    LIST_FOREACH (t, &p->threads, proc_link) {
        sigpending_flush(p->signals, &t->p->pending, mask);
    }
}

void siginfo_fill(siginfo_t *info, int sig, int si_code, u64 value)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = sig;
    info->si_code = si_code;
    if (si_code <= 0) {
        info->si_pid = cur_proc()->pid;
        info->si_uid = process_full(cur_proc())->cred.uid[ID_REAL];
        info->si_value.sival_ptr = (void *)value;
    }
}

bool signal_wanted(const struct thread *t, int sig)
{
    return (SIGBIT(sig) & (~t->p->blocked | t->p->sigwait)) != 0;
}

/* The thread that takes a process-directed signal: the oldest that does not block it. That is
 * the first thread, unless it blocks the signal. Python's handlers do their work in the first
 * thread, so its wait is the one that must end. */
struct thread *signal_target(struct process *p, int sig)
{
    struct thread *t, *best = NULL;

    LIST_FOREACH (t, &p->threads, proc_link) {
        if (signal_wanted(t, sig) && (best == NULL || t->tid < best->tid)) {
            best = t;
        }
    }
    return best;
}

u64 signal_deliverable(struct thread *t)
{
    u64 wanted = ~t->p->blocked | t->p->sigwait;
    u64 shared = t->proc->signals->shared.mask & wanted;
    u64 mine = t->p->pending.mask & wanted;

    for (; shared != 0; shared &= shared - 1) {
        int sig = __builtin_ctzll(shared) + 1;

        if (signal_target(t->proc, sig) == t) {
            mine |= SIGBIT(sig);
        }
    }
    return mine;
}

bool signal_pending(struct thread *t)
{
    return t->p->sigwork != 0 || signal_deliverable(t) != 0;
}

bool signal_killed(const struct thread *t)
{
    u64 ready = (t->p->pending.mask | t->proc->signals->shared.mask) & ~t->p->blocked;

    ready &= ~(SIG_IGNORED | SIG_STOPS | SIG_DUMPS);
    for (; ready != 0; ready &= ready - 1) {
        if (t->proc->signals->act[__builtin_ctzll(ready) + 1].sa_handler == SIG_DFL) {
            return true;
        }
    }
    return (t->p->sigwork & SIGWORK_KILLED) != 0;
}

static void signal_take(struct thread *t, struct sigpending *from, int sig, siginfo_t *info)
{
    struct proc_signals *s = t->proc->signals;
    struct sigq *q, *more = NULL;

    TAILQ_FOREACH (q, &from->queue, link) {
        if (q->info.si_signo == sig) {
            break;
        }
    }
    if (q == NULL) { /* sent when no memory was left for its siginfo */
        siginfo_fill(info, sig, SI_USER, 0);
        info->si_pid = 0;
    } else {
        for (more = TAILQ_NEXT(q, link); more != NULL; more = TAILQ_NEXT(more, link)) {
            if (more->info.si_signo == sig) {
                break;
            }
        }
        *info = q->info;
        if (q->taken != NULL) {
            q->taken(q, info);
        }
        sigq_unlink(s, from, q);
    }
    if (more == NULL) {
        from->mask &= ~SIGBIT(sig);
    }
}

int signal_dequeue(struct thread *t, u64 wanted, siginfo_t *info)
{
    struct sigpending *from = &t->p->pending;
    u64 ready = from->mask & wanted;
    int sig;

    if (ready == 0) {
        from = &t->proc->signals->shared;
        ready = from->mask & wanted;
    }
    if (ready == 0) {
        return 0;
    }
    if ((ready & SIG_SYNC) != 0) {
        ready &= SIG_SYNC;
    }
    sig = __builtin_ctzll(ready) + 1;
    signal_take(t, from, sig, info);
    return sig;
}
