// SPDX-License-Identifier: Apache-2.0
/*
 * Parents and children: zombies, waiting for them, and orphans, which belong to the nearest
 * ancestor that asked for them (PR_SET_CHILD_SUBREAPER) or to init. The kernel is init: it forgets
 * a child of its own as soon as it has ended.
 */
#include <linux/wait.h>

#include "proc/proc.h"

/* Processes that have ended and that nobody waits for. They are freed later, because their last
 * thread still runs. */
static LIST_HEAD(, process_full) forgotten = LIST_HEAD_INITIALIZER(forgotten);

struct waitq process_ends = {.list = TAILQ_HEAD_INITIALIZER(process_ends.list)};

void children_sweep(void)
{
    struct process_full *pf = LIST_FIRST(&forgotten);

    thread_reap();
    while (pf != NULL) {
        struct process_full *next = LIST_NEXT(pf, sibling);

        if (&pf->p != cur_proc()) {
            LIST_REMOVE(pf, sibling);
            process_free(pf);
        }
        pf = next;
    }
}

static void forget(struct process_full *pf)
{
    pf->zombie = false;
    LIST_REMOVE(pf, link); /* its number is free */
    LIST_INSERT_HEAD(&forgotten, pf, sibling);
    waitq_wake(&process_ends, 1);
}

static struct process_full *adopter(struct process_full *pf)
{
    struct process_full *a = pf->parent;

    while (a != NULL && (!a->subreaper || a->dying)) {
        a = a->parent;
    }
    return a;
}

static int status_code(int wait_status)
{
    return (wait_status & 0x7f) != 0 ? CLD_KILLED : CLD_EXITED;
}

/* Tells the parent of a zombie. A parent that ignores SIGCHLD will not wait (sigaction(2)). */
static void tell_parent(struct process_full *pf)
{
    struct process_full *parent = pf->parent;
    const struct sigaction *act;
    siginfo_t info;

    if (parent == NULL) {
        forget(pf);
        return;
    }
    siginfo_fill(&info, pf->exit_signal, status_code(pf->wait_status), 0);
    info.si_pid = pf->p.pid;
    info.si_uid = pf->cred.uid[ID_REAL];
    info.si_status = (pf->wait_status & 0x7f) != 0 ? pf->wait_status & 0x7f : pf->wait_status >> 8;
    if (pf->exit_signal != 0) {
        (void)signal_queue(&parent->p, NULL, &info); /* without memory it comes without siginfo */
    }
    act = &parent->p.signals->act[SIGCHLD];
    if (pf->exit_signal == SIGCHLD &&
        (act->sa_handler == SIG_IGN || (act->sa_flags & SA_NOCLDWAIT) != 0)) {
        LIST_REMOVE(pf, sibling);
        forget(pf);
    }
    waitq_wake(&parent->child_waiters, 1);
}

static void orphan(struct process_full *pf, struct process_full *parent)
{
    LIST_REMOVE(pf, sibling);
    pf->parent = parent;
    pf->p.ppid = parent != NULL ? parent->p.pid : PROC_PPID;
    pf->exit_signal = SIGCHLD;
    if (parent != NULL) {
        LIST_INSERT_HEAD(&parent->children, pf, sibling);
    }
    if (pf->zombie) {
        tell_parent(pf);
    } else if (pf->pdeathsig != 0) {
        (void)signal_send(&pf->p, NULL, (int)pf->pdeathsig, SI_USER, 0);
    }
}

void child_exited(struct process_full *pf, int wait_status)
{
    struct process_full *child, *parent = adopter(pf);

    while ((child = LIST_FIRST(&pf->children)) != NULL) {
        orphan(child, parent);
    }
    pf->wait_status = wait_status;
    pf->zombie = true;
    waitq_wake(&process_ends, 1);
    tell_parent(pf);
}

static bool wanted(const struct child_wait *w, const struct process_full *pf)
{
    bool clone = pf->exit_signal != SIGCHLD;

    if ((w->options & __WALL) == 0 && clone != ((w->options & __WCLONE) != 0)) {
        return false;
    }
    return w->type == P_ALL || (w->type == P_PID && pf->p.pid == w->id) ||
           (w->type == P_PGID && pf->pgid == w->id);
}

static void take(struct child_wait *w, struct process_full *pf)
{
    struct process_full *parent = pf->parent;

    w->pid = pf->p.pid;
    w->status = pf->wait_status;
    w->uid = pf->cred.uid[ID_REAL];
    w->cpu_ns = pf->dead_cpu_ns + pf->child_cpu_ns;
    if ((w->options & WNOWAIT) == 0) {
        parent->child_cpu_ns += w->cpu_ns;
        LIST_REMOVE(pf, sibling);
        forget(pf);
    }
}

/* True when waiting is over: a child was taken, or there is none to wait for. */
static bool child_look(void *arg)
{
    struct child_wait *w = arg;
    struct process_full *pf;
    bool any = false;

    w->pid = 0;
    LIST_FOREACH (pf, &process_full(cur_proc())->children, sibling) {
        if (!wanted(w, pf)) {
            continue;
        }
        any = true;
        if (pf->zombie && (w->options & WEXITED) != 0) {
            take(w, pf);
            return true;
        }
    }
    if (!any) {
        w->pid = -ECHILD;
    }
    return !any;
}

int child_wait(struct child_wait *w)
{
    int rc = 0;

    if (!child_look(w) && (w->options & WNOHANG) == 0) {
        rc = waitq_wait(&process_full(cur_proc())->child_waiters, child_look, w, HV_NO_DEADLINE,
                        true);
    }
    children_sweep();
    if (rc < 0) {
        return -ERESTARTSYS;
    }
    return w->pid < 0 ? w->pid : 0;
}
