// SPDX-License-Identifier: Apache-2.0
/*
 * Stopping and continuing a process (signal(7)). A signal that stops does so when a thread takes
 * it: then every thread is told to stop on its way back to the program. Those that wait are
 * interrupted for it, so that none takes what comes while the process is stopped. SIGCONT continues
 * the process when it is sent, whatever its handler. sigdeliver.c keeps the threads, children.c
 * tells the parent.
 */
#include "proc/proc.h"

static void stop_end(struct process *p, bool continued)
{
    struct process_full *pf = process_full(p);
    struct thread *t;

    if (pf->stop_sig == 0) {
        return;
    }
    if (pf->stopped && continued) {
        pf->continue_news = pf->tell_continued = true;
    }
    pf->stop_sig = pf->stop_news = 0;
    pf->stopped = false;
    LIST_FOREACH (t, &p->threads, proc_link) {
        t->p->sigwork &= ~SIGWORK_STOP;
        if (t->p->parked) {
            thread_wake(t);
        }
    }
}

void stop_signal_sent(struct process *p, int sig)
{
    if (sig == SIGCONT) {
        signals_discard(p, SIG_STOPS);
        stop_end(p, true);
    } else if ((SIGBIT(sig) & SIG_STOPS) != 0) {
        signals_discard(p, SIGBIT(SIGCONT));
    } else if (sig == SIGKILL) {
        stop_end(p, false);
    }
}

void stop_begin(struct process *p, int sig)
{
    struct process_full *pf = process_full(p);
    struct thread *t;

    if (pf->stop_sig == 0) {
        pf->stop_sig = sig;
    }
    LIST_FOREACH (t, &p->threads, proc_link) {
        t->p->sigwork |= SIGWORK_STOP;
        thread_interrupt(t);
    }
}

bool stop_complete(struct process *p)
{
    struct process_full *pf = process_full(p);
    const struct thread *t;

    if (pf->stop_sig == 0 || pf->stopped || p->thread_count == 0) {
        return false;
    }
    LIST_FOREACH (t, &p->threads, proc_link) {
        if (!t->p->parked) {
            return false;
        }
    }
    pf->stopped = true;
    pf->stop_news = pf->stop_sig;
    pf->continue_news = false;
    return true;
}
