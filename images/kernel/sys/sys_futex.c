// SPDX-License-Identifier: Apache-2.0
/*
 * futex(2) and the robust list: decoding. Priority inheritance is absent: with
 * one vCPU and no priorities there is nothing to inherit, and glibc uses it
 * only for mutexes that ask for it.
 */
#include <linux/futex.h>

#include "proc/proc.h"
#include "sysproto.h"

static long wait_result(int rc, u64 deadline, vaddr_t addr, u32 val, u32 bitset);

static long wait_restart(struct thread *t)
{
    struct restart_block *r = &t->p->restart;
    u32 val = (u32)r->arg[1], bitset = (u32)r->arg[2];

    return wait_result((int)futex_wait(r->arg[0], val, bitset, r->deadline), r->deadline, r->arg[0],
                       val, bitset);
}

/* The call's result from futex_wait()'s. An interrupted call without a timeout is restarted as
 * it was. One with a timeout is restarted by wait_restart(), because it must keep its deadline. */
static long wait_result(int rc, u64 deadline, vaddr_t addr, u32 val, u32 bitset)
{
    struct restart_block *r = &current->p->restart;

    if (rc != -EINTR) {
        return rc;
    }
    if (deadline == HV_NO_DEADLINE) {
        return -ERESTARTSYS;
    }
    *r = (struct restart_block){
        .fn = wait_restart, .deadline = deadline, .arg = {addr, val, bitset}};
    return -ERESTART_RESTARTBLOCK;
}

static long do_wait(const long a[6], int op, u32 bitset)
{
    u64 deadline = HV_NO_DEADLINE;
    int rc = 0;

    if (a[3] != 0) {
        rc = timespec_get((vaddr_t)a[3], &deadline);
    }
    if (rc != 0) {
        return rc;
    }
    if (a[3] != 0 && (op & FUTEX_CMD_MASK) == FUTEX_WAIT) {
        deadline = time_add(time_mono(), deadline);
    } else if (a[3] != 0) {
        rc = clock_to_mono((op & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                           deadline, &deadline);
    }
    if (rc != 0) {
        return rc;
    }
    rc = (int)futex_wait((vaddr_t)a[0], (u32)a[2], bitset, deadline);
    return wait_result(rc, deadline, (vaddr_t)a[0], (u32)a[2], bitset);
}

static long do_requeue(const long a[6], const u32 *expect)
{
    if ((int)a[2] < 0 || (int)a[3] < 0) {
        return -EINVAL;
    }
    return futex_requeue((vaddr_t)a[0], (u32)a[2], (u32)a[3], (vaddr_t)a[4], expect);
}

long sys_futex(const long a[6])
{
    int op = (int)a[1];
    u32 val3 = (u32)a[5];

    if ((op & FUTEX_CLOCK_REALTIME) != 0 && (op & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET &&
        (op & FUTEX_CMD_MASK) != FUTEX_WAIT) {
        return -ENOSYS;
    }
    switch (op & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
        return do_wait(a, op, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
        return do_wait(a, op, val3);
    case FUTEX_WAKE:
        return futex_wake((vaddr_t)a[0], MAX((u32)a[2], 1u), FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake((vaddr_t)a[0], MAX((u32)a[2], 1u), val3);
    case FUTEX_REQUEUE:
        return do_requeue(a, NULL);
    case FUTEX_CMP_REQUEUE:
        return do_requeue(a, &val3);
    case FUTEX_WAKE_OP:
        return futex_wake_op((vaddr_t)a[0], (u32)a[2], (vaddr_t)a[4], (u32)a[3], val3);
    default:
        return -ENOSYS;
    }
}

long sys_set_robust_list(const long a[6])
{
    if ((size_t)a[1] != sizeof(struct robust_list_head)) {
        return -EINVAL;
    }
    current->p->robust_head = (vaddr_t)a[0];
    return 0;
}

long sys_get_robust_list(const long a[6])
{
    u64 size = sizeof(struct robust_list_head);
    struct thread *t = (int)a[0] == 0 ? current : thread_find((int)a[0]);

    if (t == NULL) {
        return -ESRCH;
    }
    if (copy_to_user((vaddr_t)a[2], &size, sizeof(size)) != 0) {
        return -EFAULT;
    }
    return copy_to_user((vaddr_t)a[1], &t->p->robust_head, sizeof(t->p->robust_head));
}
