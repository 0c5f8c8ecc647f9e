// SPDX-License-Identifier: Apache-2.0
/*
 * Parents and children: zombies, waiting for them, and orphans, which belong to the nearest
 * ancestor that asked for them (PR_SET_CHILD_SUBREAPER) or to init. The kernel is init: it forgets
 * a child of its own as soon as it has ended. A parent also learns when a child stops or goes on,
 * and a group of processes is told when none is left that could continue it.
 */
#include <linux/wait.h>

#include "proc/proc.h"

/* Statuses of wait(2). */
#define CONTINUED    0xffff
#define STOPPED(sig) ((sig) << 8 | 0x7f)

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

int child_code(int wait_status, int *value)
{
    int sig = wait_status & 0x7f;

    if (wait_status == CONTINUED) {
        *value = SIGCONT;
        return CLD_CONTINUED;
    }
    *value = sig != 0 && sig != 0x7f ? sig : wait_status >> 8;
    return sig == 0x7f ? CLD_STOPPED : sig != 0 ? CLD_KILLED : CLD_EXITED;
}

/* What the parent is told of a child with this status. */
static void child_info(const struct process_full *pf, int sig, int wait_status, siginfo_t *info)
{
    int value, code = child_code(wait_status, &value);

    siginfo_fill(info, sig, code, 0);
    info->si_pid = pf->p.pid;
    info->si_uid = pf->cred.uid[ID_REAL];
    info->si_status = value;
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
    child_info(pf, pf->exit_signal, pf->wait_status, &info);
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

/* Tells the parent of a child that has stopped, or goes on. */
static void tell_change(struct process_full *pf, int wait_status)
{
    struct process_full *parent = pf->parent;
    const struct sigaction *act;
    siginfo_t info;

    if (parent == NULL) {
        return;
    }
    act = &parent->p.signals->act[SIGCHLD];
    if (act->sa_handler != SIG_IGN && (act->sa_flags & SA_NOCLDSTOP) == 0) {
        child_info(pf, SIGCHLD, wait_status, &info);
        (void)signal_queue(&parent->p, NULL, &info); /* without memory it comes without siginfo */
    }
    waitq_wake(&parent->child_waiters, 1);
}

void child_stops(struct process_full *pf)
{
    if (stop_complete(&pf->p)) {
        tell_change(pf, STOPPED(pf->stop_sig));
    }
}

void child_continues(struct process_full *pf)
{
    if (pf->tell_continued) {
        pf->tell_continued = false;
        tell_change(pf, CONTINUED);
    }
}

/* leaving: the number of a process that does not count; 0: all do. */
static bool orphaned_without(int pgid, int leaving)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        bool counts = pf->pgid == pgid && !pf->zombie && pf->parent != NULL &&
                      pf->parent->pgid != pgid && pf->parent->sid == pf->sid;
        if (counts && pf->p.pid != leaving) {
            return false;
        }
    }
    return true;
}

bool group_orphaned(int pgid)
{
    return orphaned_without(pgid, 0);
}

static bool group_has_stopped(int pgid)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->pgid == pgid && pf->stopped) {
            return true;
        }
    }
    return false;
}

/* A process and its parent part, because one of them ends. If nobody is left who could continue the
 * stopped processes of its group, they are told (setpgid(2)). */
static void part(const struct process_full *pf, const struct process_full *parent, int leaving)
{
    int pgid = pf->pgid;

    if (parent != NULL && parent->pgid != pgid && parent->sid == pf->sid &&
        orphaned_without(pgid, leaving) && group_has_stopped(pgid)) {
        (void)signal_group(pgid, SIGHUP);
        (void)signal_group(pgid, SIGCONT);
    }
}

static void orphan(struct process_full *pf, struct process_full *parent)
{
    const struct process_full *before = pf->parent;

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
    part(pf, before, 0);
}

void child_exited(struct process_full *pf, int wait_status)
{
    struct process_full *child, *parent = adopter(pf);

    while ((child = LIST_FIRST(&pf->children)) != NULL) {
        orphan(child, parent);
    }
    pf->wait_status = wait_status;
    pf->zombie = true;
    pf->stop_sig = pf->stop_news = 0;
    pf->continue_news = pf->tell_continued = false;
    waitq_wake(&process_ends, 1);
    part(pf, pf->parent, pf->p.pid);
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

static void child_describe(struct child_wait *w, struct process_full *pf, int status)
{
    w->pid = pf->p.pid;
    w->status = status;
    w->uid = pf->cred.uid[ID_REAL];
    w->cpu_ns = process_cpu_ns(&pf->p) + pf->child_cpu_ns;
    w->memory = MAX(pf->last_memory, pf->child_memory);
}

static void take(struct child_wait *w, struct process_full *pf)
{
    struct process_full *parent = pf->parent;

    child_describe(w, pf, pf->wait_status);
    if ((w->options & WNOWAIT) == 0) {
        parent->child_cpu_ns += w->cpu_ns;
        parent->child_memory = MAX(parent->child_memory, w->memory);
        LIST_REMOVE(pf, sibling);
        forget(pf);
    }
}

/* Takes what is new of a child: its end, or that it has stopped or goes on. False: nothing. */
static bool take_news(struct child_wait *w, struct process_full *pf)
{
    bool keep = (w->options & WNOWAIT) != 0;

    if (pf->zombie && (w->options & WEXITED) != 0) {
        take(w, pf);
    } else if (pf->stop_news != 0 && (w->options & WSTOPPED) != 0) {
        child_describe(w, pf, STOPPED(pf->stop_news));
        pf->stop_news = keep ? pf->stop_news : 0;
    } else if (pf->continue_news && (w->options & WCONTINUED) != 0) {
        child_describe(w, pf, CONTINUED);
        pf->continue_news = keep;
    } else {
        return false;
    }
    return true;
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
        if (take_news(w, pf)) {
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
