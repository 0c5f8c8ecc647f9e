// SPDX-License-Identifier: Apache-2.0
/*
 * How processes are made: the first at boot, the others as copies of one that is there.
 */
#include <linux/resource.h>
#include <linux/utsname.h>

#include "proc/proc.h"

struct new_utsname system_name = {
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
    pf->p.ppid = PROC_PPID;
    pf->pgid = pf->sid = pf->p.pid;
    pf->dumpable = 1;
    pf->cred.cap_effective = pf->cred.cap_permitted = pf->cred.cap_bounding = CAPS_ALL;
}

static void host_events(u32 events)
{
    if (events & HV_EVENT_IO) {
        handles_take();
    }
    signal_host_events(events);
}

/* A process with a number and nothing else; NULL when there is no memory. */
static struct process_full *process_new(int pid)
{
    struct process_full *pf = kzalloc(sizeof(*pf));

    if (pf == NULL) {
        return NULL;
    }
    LIST_INIT(&pf->p.threads);
    LIST_INIT(&pf->children);
    waitq_init(&pf->child_waiters);
    pf->p.start_ns = time_mono();
    pf->p.signals = kzalloc(sizeof(*pf->p.signals));
    pf->p.pid = pid;
    if (pf->p.signals == NULL || proc_timers_create(&pf->p.timers) != 0) {
        kfree(pf->p.signals);
        kfree(pf);
        return NULL;
    }
    sigpending_init(&pf->p.signals->shared);
    waitq_init(&pf->p.signals->readers);
    LIST_INSERT_HEAD(&processes, pf, link);
    kernel_counts.processes++;
    return pf;
}

/* Init, which is the kernel: a process to look at, with a thread that never runs. It ignores all
 * signals, and its children are in no list (struct process_full). */
static int init_create(void)
{
    struct process_full *pf = process_new(pid_alloc());
    struct thread *t = pf != NULL ? thread_create(&pf->p) : NULL;

    if (t == NULL) {
        return -ENOMEM;
    }
    identity_init(pf);
    pf->p.ppid = 0;
    rlimits_init(&pf->p);
    snprintf(t->name, sizeof(t->name), "init");
    for (int sig = 1; sig <= SIG_COUNT; sig++) {
        pf->p.signals->act[sig].sa_handler = SIG_IGN;
    }
    return 0;
}

int process_create(struct process **out)
{
    int rc = init_create();
    struct process_full *pf = rc == 0 ? process_new(pid_alloc()) : NULL;

    if (pf == NULL) {
        return -ENOMEM;
    }
    identity_init(pf);
    rlimits_init(&pf->p);
    sched_other_events = host_events;
    sched_nothing_left = signal_continue_first;
    process_first = &pf->p;
    *out = &pf->p;
    return 0;
}

static void copy_limits(struct process *to, const struct process *from)
{
    memcpy(to->rlimit_cur, from->rlimit_cur, sizeof(to->rlimit_cur));
    memcpy(to->rlimit_max, from->rlimit_max, sizeof(to->rlimit_max));
    to->stack_size = from->stack_size;
}

/* What describes the program in memory. */
static void copy_program(struct process *to, const struct process *from)
{
    to->stack_top = from->stack_top;
    to->arg_start = from->arg_start;
    to->arg_end = from->arg_end;
    to->env_start = from->env_start;
    to->env_end = from->env_end;
    memcpy(to->auxv, from->auxv, sizeof(to->auxv));
}

int process_copy(int exit_signal, bool siblings, int wanted, struct process **out)
{
    struct process_full *from = process_full(cur_proc()), *pf;
    int pid = wanted != 0 ? pid_take(wanted) : pid_alloc();

    if (pid < 0) {
        return pid;
    }
    pf = process_new(pid);
    if (pf == NULL) {
        return -ENOMEM;
    }
    copy_limits(&pf->p, &from->p);
    copy_program(&pf->p, &from->p);
    memcpy(pf->p.signals->act, from->p.signals->act, sizeof(pf->p.signals->act));
    pf->cred = from->cred;
    pf->pgid = from->pgid;
    pf->sid = from->sid;
    pf->no_terminal = from->no_terminal;
    pf->personality = from->personality;
    pf->no_new_privs = from->no_new_privs;
    pf->dumpable = from->dumpable;
    pf->oom_score_adj = from->oom_score_adj;
    pf->oom_score_adj_min = from->oom_score_adj_min;
    pf->exit_signal = exit_signal;
    pf->parent = siblings ? from->parent : from;
    pf->p.ppid = pf->parent != NULL ? pf->parent->p.pid : PROC_PPID;
    if (pf->parent != NULL) {
        LIST_INSERT_HEAD(&pf->parent->children, pf, sibling);
    }
    *out = &pf->p;
    return 0;
}

/* Whoever stands in a queue of the process does not stand there any more. */
static void empty_queue(struct waitq *q)
{
    struct wait_entry *e;

    while ((e = TAILQ_FIRST(&q->list)) != NULL) {
        waitq_remove(e);
    }
}

void process_free(struct process_full *pf)
{
    KASSERT(pf->p.thread_count == 0 && pf->p.mm == NULL && LIST_EMPTY(&pf->children));
    empty_queue(&pf->p.signals->readers);
    empty_queue(&pf->child_waiters);
    sigpending_flush(pf->p.signals, &pf->p.signals->shared, ~0ull);
    kfree(pf->p.signals);
    kfree(pf);
    kernel_counts.processes--;
}
