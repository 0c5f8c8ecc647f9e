// SPDX-License-Identifier: Apache-2.0
/*
 * Clock numbers (clock_gettime(2)). The CPU clock of a process or thread is a
 * negative number that holds its pid or tid.
 */
#include "proc/proc.h"

/* Low bits of a dynamic CPU clock, as glibc's pthread_getcpuclockid() makes them. */
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_KIND      3
#define CPUCLOCK_FD        3

static int cpu_clock_read(int clock, u64 *ns)
{
    int id = ~(clock >> 3);
    struct thread *t;

    if ((clock & CPUCLOCK_KIND) == CPUCLOCK_FD) {
        return -EINVAL;
    }
    if ((clock & CPUCLOCK_PERTHREAD) == 0) {
        if (id != 0 && id != cur_proc()->pid) {
            return -EINVAL;
        }
        *ns = process_cpu_ns(cur_proc());
        return 0;
    }
    t = id == 0 ? current : thread_find(id);
    if (t == NULL) {
        return -EINVAL;
    }
    *ns = thread_cpu_ns(t);
    return 0;
}

int clock_read(int clock, u64 *ns)
{
    if (clock < 0) {
        return cpu_clock_read(clock, ns);
    }
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI: /* as on a Linux that was never told the offset */
        *ns = time_wall();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = time_mono();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = process_cpu_ns(cur_proc());
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = thread_cpu_ns(current);
        return 0;
    default:
        return -EINVAL;
    }
}

bool clock_is_cpu(int clock)
{
    return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

int clock_to_mono(int clock, u64 ns, u64 *mono)
{
    u64 now;
    int rc = clock_read(clock, &now);

    if (rc != 0) {
        return rc;
    }
    *mono = ns > now ? time_add(time_mono(), ns - now) : 0;
    return 0;
}
