// SPDX-License-Identifier: Apache-2.0
/*
 * Sending signals: to a process, a group, everyone, or a thread.
 */
#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

static int sig_check(int sig)
{
    return sig < 0 || sig > SIG_COUNT ? -EINVAL : 0;
}

/* A process may signal itself, and SIGCONT may go to the whole session. */
static bool may_signal(const struct process_full *to, int sig)
{
    const struct process_full *from = process_full(cur_proc());

    return from == to || cred_may_signal(&to->cred) || (sig == SIGCONT && from->sid == to->sid);
}

/* A zombie takes any signal and does nothing. */
static int kill_one(struct process_full *pf, int sig)
{
    if (!may_signal(pf, sig)) {
        return -EPERM;
    }
    return sig == 0 || pf->p.thread_count == 0 ? 0 : signal_send(&pf->p, NULL, sig, SI_USER, 0);
}

/* Signals all processes of a group, or with pgid 0 all but the caller and init. It has failed when
 * nobody was signalled. */
static long kill_many(int pgid, int sig)
{
    struct process_full *pf;
    long rc = -ESRCH;

    LIST_FOREACH (pf, &processes, link) {
        if (pgid != 0 ? pf->pgid == pgid : &pf->p != cur_proc() && pf->p.pid != PROC_PPID) {
            int one = kill_one(pf, sig);

            rc = rc == 0 ? 0 : one;
        }
    }
    return rc;
}

long sys_kill(const long a[6])
{
    int pid = (int)a[0], sig = (int)a[1];
    struct process *p;

    if (sig_check(sig) != 0) {
        return -EINVAL;
    }
    if (pid == INT32_MIN) {
        return -ESRCH;
    }
    if (pid <= 0) {
        return kill_many(pid == 0 ? process_full(cur_proc())->pgid : pid == -1 ? 0 : -pid, sig);
    }
    p = process_find(pid);
    return p != NULL ? kill_one(process_full(p), sig) : -ESRCH;
}

/* The thread tid, of the process tgid unless that is 0. */
static long thread_signal(int tgid, int tid, int sig)
{
    struct thread *t;

    if (sig_check(sig) != 0 || tid <= 0) {
        return -EINVAL;
    }
    t = thread_find_any(tid);
    if (t == NULL || (tgid != 0 && t->proc->pid != tgid)) {
        return -ESRCH;
    }
    if (!may_signal(process_full(t->proc), sig)) {
        return -EPERM;
    }
    return sig == 0 ? 0 : signal_send(t->proc, t, sig, SI_TKILL, 0);
}

long sys_tkill(const long a[6])
{
    return thread_signal(0, (int)a[0], (int)a[1]);
}

long sys_tgkill(const long a[6])
{
    if ((int)a[0] <= 0) {
        return -EINVAL;
    }
    return thread_signal((int)a[0], (int)a[1], (int)a[2]);
}

/* With t NULL the signal is for the process. To another process no program may say that the kernel,
 * or kill(2), has sent it (rt_sigqueueinfo(2)). */
static long queue(struct process *p, struct thread *t, int sig, vaddr_t uinfo)
{
    siginfo_t info;

    if (sig_check(sig) != 0) {
        return -EINVAL;
    }
    if (copy_from_user(&info, uinfo, sizeof(info)) != 0) {
        return -EFAULT;
    }
    if (p != cur_proc() && (info.si_code >= 0 || info.si_code == SI_TKILL)) {
        return -EPERM;
    }
    if (!may_signal(process_full(p), sig)) {
        return -EPERM;
    }
    info.si_signo = sig;
    return sig == 0 || p->thread_count == 0 ? 0 : signal_queue(p, t, &info);
}

long sys_rt_sigqueueinfo(const long a[6])
{
    struct process *p = process_find((int)a[0]);

    return p != NULL ? queue(p, NULL, (int)a[1], (vaddr_t)a[2]) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(const long a[6])
{
    struct thread *t = thread_find_any((int)a[1]);

    if ((int)a[0] <= 0 || (int)a[1] <= 0) {
        return -EINVAL;
    }
    if (t == NULL || t->proc->pid != (int)a[0]) {
        return -ESRCH;
    }
    return queue(t->proc, t, (int)a[2], (vaddr_t)a[3]);
}

long sys_pidfd_open(const long a[6])
{
    struct process *p = process_find((int)a[0]);
    struct file *f;
    int rc;

    if ((int)a[0] <= 0 || ((u32)a[1] & ~(u32)O_NONBLOCK) != 0) {
        return -EINVAL;
    }
    if (p == NULL) {
        return thread_find_any((int)a[0]) != NULL ? -ENOENT : -ESRCH;
    }
    rc = pidfd_create(p, (u32)a[1], &f);
    return rc < 0 ? rc : fd_install(f, 0, true);
}

long sys_pidfd_send_signal(const long a[6])
{
    struct process *p;
    siginfo_t info;
    int rc;

    if (a[3] != 0) {
        return -EINVAL;
    }
    rc = pidfd_target((int)a[0], &p);
    if (rc < 0) {
        return rc;
    }
    if (sig_check((int)a[1]) != 0) {
        return -EINVAL;
    }
    if (a[2] == 0) {
        return kill_one(process_full(p), (int)a[1]);
    }
    if (copy_from_user(&info, (vaddr_t)a[2], sizeof(info)) != 0) {
        return -EFAULT;
    }
    return info.si_signo != (int)a[1] ? -EINVAL : queue(p, NULL, (int)a[1], (vaddr_t)a[2]);
}

long sys_pidfd_getfd(const long a[6])
{
    struct process *p;
    struct file *f;
    bool nonblock;
    int rc;

    if (a[2] != 0) {
        return -EINVAL;
    }
    rc = pidfd_process((int)a[0], &p, &nonblock);
    if (rc < 0) {
        return rc;
    }
    if (p->fds == NULL) {
        return -ESRCH;
    }
    if (!cred_may_look(p, false)) {
        return -EPERM;
    }
    f = fdtable_get(p->fds, (int)a[1]);
    return f != NULL ? fd_install(f, 0, true) : -EBADF;
}
