// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for children (wait4(2), waitid(2)).
 */
#include <linux/resource.h>
#include <linux/wait.h>

#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

#define WAIT4_OPTIONS  (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define WAITID_STATES  (WEXITED | WSTOPPED | WCONTINUED)
#define WAITID_OPTIONS (WNOHANG | WNOWAIT | WAITID_STATES | __WNOTHREAD | __WCLONE | __WALL)

static int usage_put(vaddr_t addr, const struct child_wait *w)
{
    struct rusage r = {0};

    r.ru_utime.tv_sec = (long)(w->cpu_ns / NSEC_PER_SEC);
    r.ru_utime.tv_usec = (long)(w->cpu_ns % NSEC_PER_SEC / 1000);
    r.ru_maxrss = (long)(w->memory * PAGE_SIZE / 1024);
    return addr != 0 ? copy_to_user(addr, &r, sizeof(r)) : 0;
}

long sys_wait4(const long a[6])
{
    int pid = (int)a[0], options = (int)a[2];
    struct child_wait w = {.type = P_PID, .id = pid, .options = options | WEXITED};
    int rc;

    if ((options & ~(int)WAIT4_OPTIONS) != 0) {
        return -EINVAL;
    }
    if (pid == INT32_MIN) {
        return -ESRCH;
    }
    if (pid == -1) {
        w.type = P_ALL;
    } else if (pid <= 0) {
        w.type = P_PGID;
        w.id = pid == 0 ? process_full(cur_proc())->pgid : -pid;
    }
    rc = child_wait(&w);
    if (rc != 0 || w.pid == 0) {
        return rc;
    }
    if ((a[1] != 0 && copy_to_user((vaddr_t)a[1], &w.status, sizeof(w.status)) != 0) ||
        usage_put((vaddr_t)a[3], &w) != 0) {
        return -EFAULT;
    }
    return w.pid;
}

static int info_put(vaddr_t addr, const struct child_wait *w)
{
    siginfo_t info;
    int value;

    if (addr == 0) {
        return 0;
    }
    memset(&info, 0, sizeof(info));
    if (w->pid != 0) {
        info.si_signo = SIGCHLD;
        info.si_code = child_code(w->status, &value);
        info.si_pid = w->pid;
        info.si_uid = w->uid;
        info.si_status = value;
    }
    return copy_to_user(addr, &info, sizeof(info));
}

/* Waiting for P_PIDFD is waiting for the process; a descriptor with O_NONBLOCK does not wait. */
static int pidfd_wanted(struct child_wait *w, bool *nonblock)
{
    struct process *p;
    int rc = w->id < 0 ? -EINVAL : pidfd_process(w->id, &p, nonblock);

    if (rc < 0) {
        return rc == -ESRCH ? -ECHILD : rc;
    }
    w->type = P_PID;
    w->id = p->pid;
    w->options |= *nonblock ? WNOHANG : 0;
    return 0;
}

long sys_waitid(const long a[6])
{
    bool nonblock = false;
    struct child_wait w = {.type = (int)a[0], .id = (int)a[1], .options = (int)a[3]};
    int rc;

    if ((w.options & ~(int)WAITID_OPTIONS) != 0 || (w.options & WAITID_STATES) == 0) {
        return -EINVAL;
    }
    if (w.type == P_PIDFD) {
        rc = pidfd_wanted(&w, &nonblock);
        if (rc < 0) {
            return rc;
        }
    }
    if ((w.type != P_ALL && w.type != P_PID && w.type != P_PGID) ||
        (w.type == P_PID && w.id <= 0) || (w.type == P_PGID && w.id < 0)) {
        return -EINVAL;
    }
    if (w.type == P_PGID && w.id == 0) {
        w.id = process_full(cur_proc())->pgid;
    }
    rc = child_wait(&w);
    if (rc == 0 && w.pid == 0 && nonblock && (a[3] & WNOHANG) == 0) {
        rc = -EAGAIN;
    }
    if (rc != 0) {
        return rc;
    }
    if (info_put((vaddr_t)a[2], &w) != 0 || usage_put((vaddr_t)a[4], &w) != 0) {
        return -EFAULT;
    }
    return 0;
}
