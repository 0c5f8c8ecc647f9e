// SPDX-License-Identifier: Apache-2.0
/*
 * Progress and figures on standard output.
 */
#include "report.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define STEP_WIDTH 34
#define NOTE_WIDTH 22

struct report_text report_size(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    struct report_text text;
    double value = (double)bytes;
    int unit = 0;

    for (; value >= 1024 && unit < 4; unit++) {
        value /= 1024;
    }
    snprintf(text.s, sizeof(text.s), unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

struct report_text report_time(uint64_t ns)
{
    struct report_text text;

    if (ns >= 1000000000u) {
        snprintf(text.s, sizeof(text.s), "%.2f s", (double)ns / 1e9);
    } else {
        snprintf(text.s, sizeof(text.s), "%.1f ms", (double)ns / 1e6);
    }
    return text;
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t report_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t report_cpu(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static bool report_on_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

void report_begin(const char *step)
{
    if (!report_on_terminal()) {
        return;
    }
    printf("%-*s ...", STEP_WIDTH, step);
    fflush(stdout);
}

void report_end(const char *step, const char *note, uint64_t ns)
{
    if (report_on_terminal()) {
        printf("\r");
    }
    printf("%-*s %*s %10s\n", STEP_WIDTH, step, NOTE_WIDTH, note, report_time(ns).s);
    fflush(stdout);
}

void report_abandon(void)
{
    if (report_on_terminal()) {
        printf("\n");
    }
    fflush(stdout);
}
