// SPDX-License-Identifier: Apache-2.0
/*
 * The timers of a process: what itimer.c and ptimer.c share.
 */
#ifndef TIMERS_H
#define TIMERS_H

#include "proc/proc.h"

#define ITIMERS 3

struct itimer {
    struct ktimer ktimer;
    struct process *proc;
    int which;
    u64 at; /* on the timer's clock; 0 when not armed */
    u64 interval;
};

struct ptimer {
    LIST_ENTRY(ptimer) link;
    struct ktimer ktimer;
    struct sigq sigq;
    struct process *proc;
    int id;
    int clock;
    int notify; /* SIGEV_* */
    int tid;    /* SIGEV_THREAD_ID: whom to signal */
    u64 at, interval;
    u64 overrun;      /* expiries while its signal is pending */
    u64 overrun_last; /* what timer_getoverrun says */
};

struct proc_timers {
    struct itimer itimers[ITIMERS];
    struct ktimer cpu_limit; /* limits.c */
    struct process *proc;    /* whose limit it is */
    LIST_HEAD(, ptimer) ptimers;
    int next_id;
};

#endif
