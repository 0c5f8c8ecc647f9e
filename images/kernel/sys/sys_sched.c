// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduling as the program sees it: one CPU, and fair policies without real-time priorities. A
 * call that asks for anything else is refused rather than ignored. The policy and the niceness are
 * kept and reported, and change nothing.
 */
#include <linux/membarrier.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "proc/proc.h"
#include "sysproto.h"

static struct thread *sched_target(int tid)
{
    return tid == 0 ? current : thread_find_any(tid);
}

/* May the caller change how the threads of that process are scheduled? Not without a capability if
 * that one has more of them. */
static bool may_schedule(const struct process_full *pf)
{
    const struct cred *c = cur_cred(), *to = &pf->cred;
    const u32 mine = c->uid[ID_EFFECTIVE];
    bool same = mine == to->uid[ID_REAL] || mine == to->uid[ID_EFFECTIVE];

    return cred_has(c, CAP_SYS_NICE) || (same && (to->cap_permitted & ~c->cap_permitted) == 0);
}

long sys_sched_yield(const long a[6])
{
    (void)a;
    schedule();
    return 0;
}

long sys_sched_getaffinity(const long a[6])
{
    u64 mask = 1;

    if ((size_t)a[1] < sizeof(mask) || a[1] % (long)sizeof(mask) != 0) {
        return -EINVAL;
    }
    if (sched_target((int)a[0]) == NULL) {
        return -ESRCH;
    }
    return copy_to_user((vaddr_t)a[2], &mask, sizeof(mask)) != 0 ? -EFAULT : (long)sizeof(mask);
}

long sys_sched_setaffinity(const long a[6])
{
    struct thread *t = sched_target((int)a[0]);
    u8 mask = 0;

    if (t == NULL) {
        return -ESRCH;
    }
    if (!may_schedule(process_full(t->proc))) {
        return -EPERM;
    }
    if (a[1] > 0 && copy_from_user(&mask, (vaddr_t)a[2], 1) != 0) {
        return -EFAULT;
    }
    return (mask & 1) != 0 ? 0 : -EINVAL;
}

long sys_sched_getscheduler(const long a[6])
{
    const struct thread *t = sched_target((int)a[0]);

    return t != NULL ? t->p->policy : -ESRCH;
}

long sys_sched_getparam(const long a[6])
{
    int priority = 0;

    if (sched_target((int)a[0]) == NULL) {
        return -ESRCH;
    }
    return copy_to_user((vaddr_t)a[1], &priority, sizeof(priority));
}

static bool fair_policy(int policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* policy -1: it stays. */
static long set_policy(int tid, int policy, vaddr_t param)
{
    struct thread *t = sched_target(tid);
    int priority;

    if (copy_from_user(&priority, param, sizeof(priority)) != 0) {
        return -EFAULT;
    }
    if (t == NULL) {
        return -ESRCH;
    }
    policy = policy == -1 ? t->p->policy : policy;
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        return -EPERM;
    }
    if (!fair_policy(policy) || priority != 0) {
        return -EINVAL;
    }
    if (!may_schedule(process_full(t->proc))) {
        return -EPERM;
    }
    t->p->policy = policy;
    return 0;
}

long sys_sched_setscheduler(const long a[6])
{
    return set_policy((int)a[0], (int)a[1] & ~(int)SCHED_RESET_ON_FORK, (vaddr_t)a[2]);
}

long sys_sched_setparam(const long a[6])
{
    return set_policy((int)a[0], -1, (vaddr_t)a[1]);
}

long sys_sched_getattr(const long a[6])
{
    const struct thread *t = sched_target((int)a[0]);
    struct sched_attr attr = {.size = SCHED_ATTR_SIZE_VER0};

    if ((u32)a[2] < SCHED_ATTR_SIZE_VER0 || (u32)a[2] > PAGE_SIZE || a[3] != 0) {
        return -EINVAL;
    }
    if (t == NULL) {
        return -ESRCH;
    }
    attr.sched_policy = (u32)t->p->policy;
    attr.sched_nice = t->p->nice;
    return copy_to_user((vaddr_t)a[1], &attr, SCHED_ATTR_SIZE_VER0);
}

static long priority_limit(int policy, long real_time)
{
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        return real_time;
    }
    return fair_policy(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(const long a[6])
{
    return priority_limit((int)a[0], 99);
}

long sys_sched_get_priority_min(const long a[6])
{
    return priority_limit((int)a[0], 1);
}

long sys_sched_rr_get_interval(const long a[6])
{
    if (sched_target((int)a[0]) == NULL) {
        return -ESRCH;
    }
    return timespec_put((vaddr_t)a[1], SCHED_SLICE_NS);
}

/* What a priority is about: a thread, or all of a group's or a user's. 0 is the caller's. */
static bool is_about(const struct process_full *pf, const struct thread *t, int which, int who)
{
    switch (which) {
    case PRIO_PROCESS:
        return who == 0 ? t == current : t->tid == who;
    case PRIO_PGRP:
        return pf->pgid == (who == 0 ? process_full(cur_proc())->pgid : who);
    default:
        return pf->cred.uid[ID_REAL] == (who == 0 ? cur_cred()->uid[ID_REAL] : (u32)who);
    }
}

/* Linux returns 20 - nice, so that no valid result is negative. */
long sys_getpriority(const long a[6])
{
    struct process_full *pf;
    struct thread *t;
    long best = -ESRCH;

    if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER) {
        return -EINVAL;
    }
    LIST_FOREACH (pf, &processes, link) {
        LIST_FOREACH (t, &pf->p.threads, proc_link) {
            if (is_about(pf, t, (int)a[0], (int)a[1])) {
                best = MAX(best, 20l - t->p->nice);
            }
        }
    }
    return best;
}

/* Niceness is kept and reported; the scheduler, made for a handful of threads, ignores it. */
static long set_nice(struct process_full *pf, struct thread *t, int nice)
{
    const struct cred *c = cur_cred();

    if (!may_schedule(pf)) {
        return -EPERM;
    }
    if (nice < t->p->nice && !cred_has(c, CAP_SYS_NICE) &&
        (u64)(20 - nice) > pf->p.rlimit_cur[RLIMIT_NICE]) {
        return -EACCES;
    }
    t->p->nice = nice;
    return 0;
}

/* When it fails for one of several, that is the result. */
long sys_setpriority(const long a[6])
{
    int nice = MAX(-20, MIN((int)a[2], 19));
    struct process_full *pf;
    struct thread *t;
    long rc = -ESRCH, one;

    if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER) {
        return -EINVAL;
    }
    LIST_FOREACH (pf, &processes, link) {
        LIST_FOREACH (t, &pf->p.threads, proc_link) {
            if (is_about(pf, t, (int)a[0], (int)a[1])) {
                one = set_nice(pf, t, nice);
                rc = one < 0 || rc == -ESRCH ? one : rc;
            }
        }
    }
    return rc;
}

long sys_getcpu(const long a[6])
{
    u32 zero = 0;

    if (a[0] != 0 && copy_to_user((vaddr_t)a[0], &zero, sizeof(zero)) != 0) {
        return -EFAULT;
    }
    return a[1] != 0 ? copy_to_user((vaddr_t)a[1], &zero, sizeof(zero)) : 0;
}

/* With one CPU every thread sees every other's writes in order: a barrier has nothing to do. */
long sys_membarrier(const long a[6])
{
    const long supported = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
                           MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
                           MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                           MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    int cmd = (int)a[0];

    if (a[1] != 0) {
        return -EINVAL;
    }
    if (cmd == MEMBARRIER_CMD_QUERY) {
        return supported;
    }
    return (cmd & (cmd - 1)) == 0 && (cmd & supported) != 0 ? 0 : -EINVAL;
}
