// SPDX-License-Identifier: Apache-2.0
/*
 * Sending signals. There is one process, so every other pid is unknown; its
 * process group and "everyone" are the process itself.
 */
#include "proc/proc.h"
#include "sysproto.h"

static int sig_check(int sig)
{
    return sig < 0 || sig > SIG_COUNT ? -EINVAL : 0;
}

static long kill_send(struct thread *t, int sig, int si_code)
{
    return sig == 0 ? 0 : signal_send(cur_proc(), t, sig, si_code, 0);
}

long sys_kill(const long a[6])
{
    int pid = (int)a[0], sig = (int)a[1];
    int pgid = process_full(cur_proc())->pgid;

    if (sig_check(sig) != 0) {
        return -EINVAL;
    }
    /* kill(-1) spares the caller (kill(2)), and there is no other process. */
    if (pid != cur_proc()->pid && pid != 0 && (pid == -1 || pid != -pgid)) {
        return -ESRCH;
    }
    return kill_send(NULL, sig, SI_USER);
}

static long thread_signal(int tgid, int tid, int sig)
{
    struct thread *t = thread_find(tid);

    if (sig_check(sig) != 0 || tid <= 0) {
        return -EINVAL;
    }
    if (t == NULL || tgid != cur_proc()->pid) {
        return -ESRCH;
    }
    return kill_send(t, sig, SI_TKILL);
}

long sys_tkill(const long a[6])
{
    return thread_signal(cur_proc()->pid, (int)a[0], (int)a[1]);
}

long sys_tgkill(const long a[6])
{
    if ((int)a[0] <= 0) {
        return -EINVAL;
    }
    return thread_signal((int)a[0], (int)a[1], (int)a[2]);
}

static long queue(struct thread *t, int sig, vaddr_t uinfo)
{
    siginfo_t info;

    if (sig_check(sig) != 0) {
        return -EINVAL;
    }
    if (copy_from_user(&info, uinfo, sizeof(info)) != 0) {
        return -EFAULT;
    }
    info.si_signo = sig;
    return sig == 0 ? 0 : signal_queue(cur_proc(), t, &info);
}

long sys_rt_sigqueueinfo(const long a[6])
{
    if ((int)a[0] != cur_proc()->pid) {
        return -ESRCH;
    }
    return queue(NULL, (int)a[1], (vaddr_t)a[2]);
}

long sys_rt_tgsigqueueinfo(const long a[6])
{
    struct thread *t = thread_find((int)a[1]);

    if ((int)a[0] <= 0 || (int)a[1] <= 0) {
        return -EINVAL;
    }
    if ((int)a[0] != cur_proc()->pid || t == NULL) {
        return -ESRCH;
    }
    return queue(t, (int)a[2], (vaddr_t)a[3]);
}
