// SPDX-License-Identifier: Apache-2.0
/*
 * The vDSO (vdso(7)): clock reads as plain function calls, which the C library
 * finds through AT_SYSINFO_EHDR. The code runs in the program, on the program's
 * stack. It reads the clock page, which the kernel maps right before this
 * image. For a clock that it does not know it makes the system call.
 */
#include <stddef.h>
#include <asm/unistd.h>
#include <linux/time.h>
#include <stdint.h>

#include "hv/clock.h"

extern const struct clock_page clock_page __attribute__((visibility("hidden")));

struct vdso_timeval {
    int64_t sec, usec;
};

struct vdso_timezone {
    int minuteswest, dsttime;
};

int __vdso_clock_gettime(int clock, struct timespec *ts);
int __vdso_clock_getres(int clock, struct timespec *ts);
int __vdso_gettimeofday(struct vdso_timeval *tv, struct vdso_timezone *tz);
int64_t __vdso_time(int64_t *t);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static long syscall2(long nr, long a, const void *b)
{
    long rc;
    __asm__ volatile("syscall" : "=a"(rc) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return rc;
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
    uint64_t ns;
    switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        ns = clock_read(&clock_page, clock_page.mono_base);
        break;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        ns = clock_read(&clock_page, clock_page.wall_base);
        break;
    default:
        return (int)syscall2(__NR_clock_gettime, clock, ts);
    }
    ts->tv_sec = (long)(ns / 1000000000u);
    ts->tv_nsec = (long)(ns % 1000000000u);
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *ts)
{
    return (int)syscall2(__NR_clock_getres, clock, ts);
}

int __vdso_gettimeofday(struct vdso_timeval *tv, struct vdso_timezone *tz)
{
    uint64_t ns = clock_read(&clock_page, clock_page.wall_base);
    if (tv != NULL) {
        *tv =
            (struct vdso_timeval){(int64_t)(ns / 1000000000u), (int64_t)(ns % 1000000000u / 1000u)};
    }
    if (tz != NULL) {
        *tz = (struct vdso_timezone){0, 0};
    }
    return 0;
}

int64_t __vdso_time(int64_t *t)
{
    int64_t now = (int64_t)(clock_read(&clock_page, clock_page.wall_base) / 1000000000u);
    if (t != NULL) {
        *t = now;
    }
    return now;
}

/* One vCPU, one node. */
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    (void)unused;
    if (cpu != NULL) {
        *cpu = 0;
    }
    if (node != NULL) {
        *node = 0;
    }
    return 0;
}
