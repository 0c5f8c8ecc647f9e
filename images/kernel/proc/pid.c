// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers of processes and threads, which are the same numbers, and finding either by its number.
 */
#include "proc/proc.h"

struct process_list processes = LIST_HEAD_INITIALIZER(processes);
KERNEL_COLD struct process *process_first;
static int pid_next = PROC_PPID;
static bool pid_look; /* the next numbers may be in use */

static bool pid_in_use(int n)
{
    const struct process_full *pf;
    struct thread *t;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->p.pid == n || pf->pgid == n || pf->sid == n) {
            return true;
        }
        LIST_FOREACH (t, &pf->p.threads, proc_link) {
            if (t->tid == n) {
                return true;
            }
        }
    }
    return false;
}

int pid_take(int wanted)
{
    if (wanted < 1 || wanted >= PID_MAX) {
        return -EINVAL;
    }
    if (pid_in_use(wanted)) {
        return -EEXIST;
    }
    pid_look = true;
    return wanted;
}

int pid_alloc(void)
{
    for (int tries = 0; tries < PID_MAX; tries++) {
        int n = pid_next++;

        if (pid_next >= PID_MAX) {
            pid_next = PROC_PID;
            pid_look = true;
        }
        if (!pid_look || !pid_in_use(n)) {
            return n;
        }
    }
    return -EAGAIN;
}

struct process *process_find(int pid)
{
    struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->p.pid == pid) {
            return &pf->p;
        }
    }
    return NULL;
}

int process_next(int pid)
{
    const struct process_full *pf;
    int best = -1;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->p.pid >= pid && (best < 0 || pf->p.pid < best)) {
            best = pf->p.pid;
        }
    }
    return best;
}

int thread_next(const struct process *p, int tid)
{
    const struct thread *t;
    int best = -1;

    LIST_FOREACH (t, &p->threads, proc_link) {
        if (t->tid >= tid && (best < 0 || t->tid < best)) {
            best = t->tid;
        }
    }
    return best;
}

struct thread *thread_find_in(struct process *p, int tid)
{
    struct thread *t;

    LIST_FOREACH (t, &p->threads, proc_link) {
        if (t->tid == tid) {
            return t;
        }
    }
    return NULL;
}

struct thread *thread_find(int tid)
{
    return thread_find_in(cur_proc(), tid);
}

struct thread *thread_find_any(int tid)
{
    struct thread *t = thread_find(tid);
    struct process_full *pf;

    for (pf = LIST_FIRST(&processes); t == NULL && pf != NULL; pf = LIST_NEXT(pf, link)) {
        t = thread_find_in(&pf->p, tid);
    }
    return t;
}
