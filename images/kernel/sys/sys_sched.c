// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduling as the program sees it: one CPU, SCHED_OTHER for everyone, no
 * priorities. A call that asks for anything else is refused rather than
 * ignored.
 */
#include <linux/membarrier.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "proc/proc.h"
#include "sysproto.h"

static struct thread *sched_target(int tid)
{
    return tid == 0 ? current : thread_find(tid);
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
    u8 mask = 0;

    if (sched_target((int)a[0]) == NULL) {
        return -ESRCH;
    }
    if (a[1] > 0 && copy_from_user(&mask, (vaddr_t)a[2], 1) != 0) {
        return -EFAULT;
    }
    return (mask & 1) != 0 ? 0 : -EINVAL;
}

long sys_sched_getscheduler(const long a[6])
{
    return sched_target((int)a[0]) != NULL ? SCHED_NORMAL : -ESRCH;
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

static long set_policy(int tid, int policy, vaddr_t param)
{
    int priority;

    if (copy_from_user(&priority, param, sizeof(priority)) != 0) {
        return -EFAULT;
    }
    if (sched_target(tid) == NULL) {
        return -ESRCH;
    }
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        return -EPERM;
    }
    return fair_policy(policy) && priority == 0 ? 0 : -EINVAL;
}

long sys_sched_setscheduler(const long a[6])
{
    return set_policy((int)a[0], (int)a[1] & ~(int)SCHED_RESET_ON_FORK, (vaddr_t)a[2]);
}

long sys_sched_setparam(const long a[6])
{
    return set_policy((int)a[0], SCHED_NORMAL, (vaddr_t)a[1]);
}

long sys_sched_getattr(const long a[6])
{
    struct sched_attr attr = {.size = SCHED_ATTR_SIZE_VER0, .sched_policy = SCHED_NORMAL};

    if ((u32)a[2] < SCHED_ATTR_SIZE_VER0 || (u32)a[2] > PAGE_SIZE || a[3] != 0) {
        return -EINVAL;
    }
    if (sched_target((int)a[0]) == NULL) {
        return -ESRCH;
    }
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

/* The thread that a priority is about. For a group or a user, the caller stands for all its
 * threads. */
static struct thread *priority_of(int which, int who)
{
    return which == PRIO_PROCESS ? sched_target(who) : current;
}

/* Linux returns 20 - nice, so that no valid result is negative. */
long sys_getpriority(const long a[6])
{
    struct thread *t;

    if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER) {
        return -EINVAL;
    }
    t = priority_of((int)a[0], (int)a[1]);
    return t != NULL ? 20 - t->p->nice : -ESRCH;
}

/* Niceness is kept and reported; the scheduler, made for a handful of threads, ignores
 * it. */
long sys_setpriority(const long a[6])
{
    struct thread *t;

    if ((int)a[0] < PRIO_PROCESS || (int)a[0] > PRIO_USER) {
        return -EINVAL;
    }
    t = priority_of((int)a[0], (int)a[1]);
    if (t == NULL) {
        return -ESRCH;
    }
    t->p->nice = MAX(-20, MIN((int)a[2], 19));
    return 0;
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
