// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of a process's CPU time and of a user's processes (setrlimit(2)). Other limits are where
 * what they limit is.
 */
#include <linux/capability.h>
#include <linux/resource.h>

#include "proc/cred.h"
#include "proc/timers.h"

static u64 limit_ns(u64 seconds)
{
    return seconds > HV_NO_DEADLINE / NSEC_PER_SEC - 1 ? HV_NO_DEADLINE
                                                       : MAX(seconds, 1ul) * NSEC_PER_SEC;
}

static void cpu_arm(struct process *p, u64 now);

/* As on Linux, the soft limit grows by a second each time that it has told of itself. */
static void cpu_used(struct ktimer *k)
{
    struct process *p = CONTAINER_OF(k, struct proc_timers, cpu_limit)->proc;
    u64 now = process_cpu_ns(p);

    if (now >= limit_ns(p->rlimit_max[RLIMIT_CPU])) {
        signal_send(p, NULL, SIGKILL, SI_KERNEL, 0);
        return;
    }
    if (now >= limit_ns(p->rlimit_cur[RLIMIT_CPU])) {
        signal_send(p, NULL, SIGXCPU, SI_KERNEL, 0);
        p->rlimit_cur[RLIMIT_CPU] = now / NSEC_PER_SEC + 1;
    }
    cpu_arm(p, now);
}

/* Set for the earliest moment at which the process can have used up its time. */
static void cpu_arm(struct process *p, u64 now)
{
    u64 at = MIN(limit_ns(p->rlimit_cur[RLIMIT_CPU]), limit_ns(p->rlimit_max[RLIMIT_CPU]));

    if (at != HV_NO_DEADLINE) {
        ktimer_arm(&p->timers->cpu_limit, time_add(time_mono(), at > now ? at - now : 0), cpu_used);
    }
}

void limit_cpu(struct process *p)
{
    if (p->timers == NULL) { /* it has ended */
        return;
    }
    p->timers->proc = p;
    ktimer_cancel(&p->timers->cpu_limit);
    cpu_arm(p, process_cpu_ns(p));
}

int limit_threads(void)
{
    const struct cred *c = cur_cred();
    u64 limit = cur_proc()->rlimit_cur[RLIMIT_NPROC], count = 0;
    const struct process_full *pf;

    if (limit == RLIM64_INFINITY || c->uid[ID_REAL] == 0 || cred_has(c, CAP_SYS_RESOURCE) ||
        cred_has(c, CAP_SYS_ADMIN)) {
        return 0;
    }
    LIST_FOREACH (pf, &processes, link) {
        if (pf->cred.uid[ID_REAL] == c->uid[ID_REAL]) {
            count += MAX(pf->p.thread_count, 1u); /* also one that has ended */
        }
    }
    return count < limit ? 0 : -EAGAIN;
}
