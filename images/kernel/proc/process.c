// SPDX-License-Identifier: Apache-2.0
/*
 * The process: made once at boot.
 */
#include <linux/resource.h>
#include <linux/utsname.h>

#include "proc/proc.h"

const struct new_utsname system_name = {
    .sysname = "Linux",
    .nodename = "pyhl",
    .release = "6.1.0-pyhl",
    .version = "#1 SMP PREEMPT_DYNAMIC",
    .machine = "x86_64",
    .domainname = "(none)",
};

void process_stack(struct process *p, u64 bytes)
{
    p->stack_size = (bytes + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1);
    p->rlimit_cur[RLIMIT_STACK] = p->stack_size;
}

static void rlimits_init(struct process *p)
{
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        p->rlimit_cur[i] = p->rlimit_max[i] = RLIM64_INFINITY;
    }
    process_stack(p, HV_STACK_DEFAULT);
    p->rlimit_cur[RLIMIT_CORE] = 0;
    p->rlimit_cur[RLIMIT_NOFILE] = 1024;
    p->rlimit_max[RLIMIT_NOFILE] = 1u << 20;
    p->rlimit_cur[RLIMIT_MEMLOCK] = p->rlimit_max[RLIMIT_MEMLOCK] = 8u << 20;
    p->rlimit_cur[RLIMIT_SIGPENDING] = p->rlimit_max[RLIMIT_SIGPENDING] = SIGQUEUE_MAX;
    p->rlimit_cur[RLIMIT_MSGQUEUE] = p->rlimit_max[RLIMIT_MSGQUEUE] = 819200;
    p->rlimit_cur[RLIMIT_NICE] = p->rlimit_max[RLIMIT_NICE] = 0;
    p->rlimit_cur[RLIMIT_RTPRIO] = p->rlimit_max[RLIMIT_RTPRIO] = 0;
}

static void identity_init(struct process_full *pf)
{
    pf->p.pid = pf->next_tid = PROC_PID; /* the first thread takes the process's own number */
    pf->p.ppid = PROC_PPID;
    pf->pgid = pf->sid = PROC_PID;
    pf->dumpable = 1;
    pf->cred.cap_effective = pf->cred.cap_permitted = CAPS_ALL;
}

static void host_events(u32 events)
{
    if (events & HV_EVENT_IO) {
        handles_take();
    }
    signal_host_events(events);
}

int process_create(struct process **out)
{
    struct process_full *pf = kzalloc(sizeof(*pf));
    int rc = -ENOMEM;

    if (pf == NULL) {
        return rc;
    }
    LIST_INIT(&pf->p.threads);
    identity_init(pf);
    rlimits_init(&pf->p);
    pf->p.start_ns = time_mono();
    pf->p.signals = kzalloc(sizeof(*pf->p.signals));
    if (pf->p.signals == NULL) {
        goto fail;
    }
    sched_other_events = host_events;
    sigpending_init(&pf->p.signals->shared);
    waitq_init(&pf->p.signals->readers);
    rc = proc_timers_create(&pf->p.timers);
    if (rc != 0) {
        goto fail_signals;
    }
    *out = &pf->p;
    return 0;

fail_signals:
    kfree(pf->p.signals);
fail:
    kfree(pf);
    return rc;
}
