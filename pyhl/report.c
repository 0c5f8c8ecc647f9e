// SPDX-License-Identifier: Apache-2.0
/*
 * Progress and figures, on standard output unless it is a run's.
 */
#include "report.h"

#include <stdbool.h>
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

static FILE *report_stream;
static bool report_is_set;

void report_to(FILE *stream)
{
    report_stream = stream;
    report_is_set = true;
}

/* stdout is no constant, so the variable cannot begin with it. */
static FILE *report_out(void)
{
    return report_is_set ? report_stream : stdout;
}

static bool report_on_terminal(void)
{
    return report_out() != NULL && isatty(fileno(report_out())) == 1;
}

void report_begin(const char *step)
{
    if (!report_on_terminal()) {
        return;
    }
    fprintf(report_out(), "%-*s ...", STEP_WIDTH, step);
    fflush(report_out());
}

void report_end(const char *step, const char *note, uint64_t ns)
{
    if (report_out() == NULL) {
        return;
    }
    fprintf(report_out(), "%s%-*s %*s %10s\n", report_on_terminal() ? "\r" : "", STEP_WIDTH, step,
            NOTE_WIDTH, note, report_time(ns).s);
    fflush(report_out());
}

void report_abandon(void)
{
    if (report_on_terminal()) {
        fprintf(report_out(), "\n");
        fflush(report_out());
    }
}
