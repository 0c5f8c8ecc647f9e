// SPDX-License-Identifier: Apache-2.0
/*
 * What a process and its threads are: numbers, groups and sessions, names, TLS bases, prctl.
 */
#include <asm/prctl.h>
#include <linux/prctl.h>

#include "proc/proc.h"
#include "sysproto.h"

long sys_getpid(const long a[6])
{
    (void)a;
    return cur_proc()->pid;
}

long sys_getppid(const long a[6])
{
    (void)a;
    return cur_proc()->ppid;
}

long sys_gettid(const long a[6])
{
    (void)a;
    return current->tid;
}

long sys_getpgrp(const long a[6])
{
    (void)a;
    return process_full(cur_proc())->pgid;
}

/* 0 is the process itself. */
static struct process_full *of_pid(int pid)
{
    struct process *p = pid == 0 ? cur_proc() : process_find(pid);

    return p != NULL ? process_full(p) : NULL;
}

long sys_getpgid(const long a[6])
{
    const struct process_full *pf = of_pid((int)a[0]);

    return pf != NULL ? pf->pgid : -ESRCH;
}

long sys_getsid(const long a[6])
{
    const struct process_full *pf = of_pid((int)a[0]);

    return pf != NULL ? pf->sid : -ESRCH;
}

static bool group_in_session(int pgid, int sid)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->pgid == pgid && pf->sid == sid) {
            return true;
        }
    }
    return false;
}

long sys_setpgid(const long a[6])
{
    struct process_full *self = process_full(cur_proc()), *pf = of_pid((int)a[0]);
    int pgid = (int)a[1];

    if (pgid < 0) {
        return -EINVAL;
    }
    if (pf == NULL || (pf != self && pf->parent != self)) {
        return -ESRCH;
    }
    if (pf != self && pf->sid == self->sid && pf->executed) {
        return -EACCES;
    }
    pgid = pgid == 0 ? pf->p.pid : pgid;
    if (pf->sid != self->sid || pf->sid == pf->p.pid ||
        (pgid != pf->p.pid && !group_in_session(pgid, self->sid))) {
        return -EPERM;
    }
    pf->pgid = pgid;
    return 0;
}

/* Not for the leader of a group (setsid(2)). */
long sys_setsid(const long a[6])
{
    struct process_full *self = process_full(cur_proc()), *pf;

    (void)a;
    LIST_FOREACH (pf, &processes, link) {
        if (pf->pgid == self->p.pid) {
            return -EPERM;
        }
    }
    self->no_terminal = false; /* the new session has none */
    return self->pgid = self->sid = self->p.pid;
}

long sys_arch_prctl(const long a[6])
{
    u64 value = (u64)a[1];
    u64 base;

    switch ((int)a[0]) {
    case ARCH_SET_FS:
        if (value >= USER_TOP) {
            return -EPERM;
        }
        __asm__ volatile("wrfsbase %0" ::"r"(value));
        return 0;
    case ARCH_SET_GS:
        if (value >= USER_TOP) {
            return -EPERM;
        }
        __asm__ volatile("wrgsbase %0" ::"r"(value));
        return 0;
    case ARCH_GET_FS:
        __asm__ volatile("rdfsbase %0" : "=r"(base));
        return copy_to_user((vaddr_t)value, &base, sizeof(base));
    case ARCH_GET_GS:
        __asm__ volatile("rdgsbase %0" : "=r"(base));
        return copy_to_user((vaddr_t)value, &base, sizeof(base));
    default:
        return -EINVAL;
    }
}

static long set_name(vaddr_t addr)
{
    char name[THREAD_NAME_LEN] = "";
    long len = strncpy_from_user(name, addr, sizeof(name));

    if (len < 0 && len != -ENAMETOOLONG) { /* a longer name is cut */
        return len;
    }
    name[THREAD_NAME_LEN - 1] = '\0';
    memcpy(current->name, name, sizeof(name));
    return 0;
}

static long set_dumpable(u64 value)
{
    if (value > 1) {
        return -EINVAL;
    }
    process_full(cur_proc())->dumpable = (u8)value;
    return 0;
}

static long set_pdeathsig(u64 sig)
{
    if (sig > SIG_COUNT) {
        return -EINVAL;
    }
    process_full(cur_proc())->pdeathsig = (u32)sig;
    return 0;
}

/* PR_SET_MM: sets the addresses from which /proc reads the command line and the environment. */
static long set_strings(u64 which, vaddr_t addr, long a3, long a4)
{
    struct process *p = cur_proc();
    vaddr_t at[] = {p->arg_start, p->arg_end, p->env_start, p->env_end};

    if (a3 != 0 || a4 != 0 || which < PR_SET_MM_ARG_START || which > PR_SET_MM_ENV_END) {
        return -EINVAL;
    }
    if (addr < PAGE_SIZE || addr >= USER_TOP) {
        return -EINVAL;
    }
    at[which - PR_SET_MM_ARG_START] = addr;
    if (at[0] > at[1] || at[2] > at[3]) {
        return -EINVAL;
    }
    p->arg_start = at[0];
    p->arg_end = at[1];
    p->env_start = at[2];
    p->env_end = at[3];
    return 0;
}

long sys_prctl(const long a[6])
{
    struct process_full *pf = process_full(cur_proc());
    u64 arg = (u64)a[1];
    int on;

    switch ((int)a[0]) {
    case PR_SET_NAME:
        return set_name(arg);
    case PR_GET_NAME:
        return copy_to_user(arg, current->name, THREAD_NAME_LEN);
    case PR_SET_PDEATHSIG:
        return set_pdeathsig(arg);
    case PR_GET_PDEATHSIG:
        return copy_to_user(arg, &pf->pdeathsig, sizeof(pf->pdeathsig));
    case PR_SET_CHILD_SUBREAPER:
        pf->subreaper = arg != 0;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        on = pf->subreaper;
        return copy_to_user(arg, &on, sizeof(on));
    case PR_SET_DUMPABLE:
        return set_dumpable(arg);
    case PR_GET_DUMPABLE:
        return pf->dumpable;
    case PR_SET_NO_NEW_PRIVS:
        if (arg != 1 || a[2] != 0 || a[3] != 0 || a[4] != 0) {
            return -EINVAL;
        }
        pf->no_new_privs = true;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return pf->no_new_privs;
    case PR_SET_MM:
        return set_strings(arg, (vaddr_t)a[2], a[3], a[4]);
    case PR_GET_TIMERSLACK:
        return 1; /* ns: timers are not delayed on purpose */
    default:
        return caps_prctl((int)a[0], a);
    }
}

/* Restartable sequences need a kernel that watches every preemption. Told ENOSYS, glibc does
 * without them. */
long sys_rseq(const long a[6])
{
    const long known_flags = 1; /* RSEQ_FLAG_UNREGISTER */

    return (a[2] & ~known_flags) != 0 ? -EINVAL : -ENOSYS;
}

long sys_personality(const long a[6])
{
    struct process_full *pf = process_full(cur_proc());
    u32 old = pf->personality;

    if ((u32)a[0] != 0xffffffff) {
        pf->personality = (u32)a[0];
    }
    return old;
}
