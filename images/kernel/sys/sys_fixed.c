// SPDX-License-Identifier: Apache-2.0
/*
 * System calls whose answer is always the same, each with the reason. A call
 * without a row in sys/table.c answers ENOSYS.
 */
#include "proc/proc.h"
#include "sysproto.h"

#define FIXED(name, value)                                                                         \
    long sys_##name(const long a[6])                                                               \
    {                                                                                              \
        (void)a;                                                                                   \
        return value;                                                                              \
    }

/* The host owns the clock and the machine. */
FIXED(clock_settime, -EPERM)
FIXED(clock_adjtime, -EPERM)
FIXED(adjtimex, -EPERM)
FIXED(settimeofday, -EPERM)
FIXED(reboot, -EPERM)
/* I/O ports are the VMM's. */
FIXED(iopl, -EPERM)
FIXED(ioperm, -EPERM)
/* There is no other process to trace. */
FIXED(ptrace, -EPERM)
/* There are no filters. A program that wants to confine itself must learn that it has not. */
FIXED(seccomp, -EINVAL)
/* No terminal is hung up on request. */
FIXED(vhangup, -EPERM)
/* I/O is never queued, so it has no priority; 0 is "none set". */
FIXED(ioprio_get, 0)
