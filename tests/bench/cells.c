// SPDX-License-Identifier: Apache-2.0
/*
 * What a cell of a session costs, beside what it is made of: `exec(compile(...))` of the same text
 * and a call to the host (an exit), both timed by Python in the same guest, in loops. Each line of
 * the output is a name, a median and the least, in us.
 *
 * usage: cells HOME TIMES
 */
#include "vmm/abi.h"
#include "vmm/vmm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES_MAX 100000
#define TOGETHER  20 /* times of one way in a row, after one that is not counted */

static struct vmm_err err;
static struct vmm *vm;
static char said[64];
static size_t said_size;

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "cells: %s\n", what);
    exit(1);
}

static int on_output(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    (void)stream;
    if (size < sizeof(said) - said_size) {
        memcpy(said + said_size, bytes, size);
        said_size += size;
        said[said_size] = 0;
    }
    return 0;
}

static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    (void)arg;
    (void)kind;
    (void)bytes;
    (void)size;
    return 0;
}

/* Returns how long a cell takes, us. */
static double cell(const char *code)
{
    static const char *const argv[] = {"-", NULL}, *const env[] = {NULL};
    const struct vmm_run run = {.mode = HV_RUN_CELL,
                                .argv = argv,
                                .env = env,
                                .cwd = "/",
                                .source = code,
                                .source_len = strlen(code)};
    struct vmm_outcome outcome;
    said_size = 0;
    if (vmm_run(vm, &run, &outcome, &err) < 0) {
        fail(err.msg);
    }
    if (outcome.kind != VMM_READY || outcome.status != 0) {
        fail(said);
    }
    return (double)outcome.counters.run_ns / 1e3;
}

/* What a cell prints: a time that Python has measured, us. */
static double told(const char *code)
{
    (void)cell(code);
    return strtod(said, NULL);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#define FIVE_LINES                                                                                 \
    "import os\\nfor i in range(3):\\n    os.sep\\nx = [2 * i for i in range(9)]\\nsum(x)"
#define MILLISECOND "total = 0\\nfor i in range(20000):\\n    total += i\\ntotal"

/* The ways take turns, so that other work on the machine falls on all alike. */
static const struct way {
    const char *name;
    double (*measure)(const char *);
    const char *code;
} ways[] = {
    {"short", cell, "1+1"},
    {"short-native", told, "print(timed(run, short))"},
    {"silent", cell, "1+1;"},
    {"five", cell,
     "import os\nfor i in range(3):\n    os.sep\nx = [2 * i for i in range(9)]\nsum(x)"},
    {"five-native", told, "print(timed(run, five))"},
    {"ms", cell, "total = 0\nfor i in range(20000):\n    total += i\ntotal"},
    {"ms-native", told, "print(timed(run, ms, 1))"},
    {"exit", told, "print(timed(leave, None))"},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static const char preparation[] = "import os, time\n"
                                  "short, five, ms = '1+1', '" FIVE_LINES "', '" MILLISECOND "'\n"
                                  "names = {}\n"
                                  "device = os.open('/dev/pyhl-record', os.O_WRONLY)\n"
                                  "def run(text): exec(compile(text, '<x>', 'exec'), names)\n"
                                  "def leave(text, write=os.write): write(device, b'bench\\0')\n"
                                  "def timed(function, text, times=20):\n"
                                  "    began = time.perf_counter()\n"
                                  "    for _ in range(times): function(text)\n"
                                  "    return (time.perf_counter() - began) / times * 1e6\n";

int main(int argc, char **argv)
{
    static double us[WAYS][TIMES_MAX];
    static const struct vmm_io io = {.stdin_fd = -1, .write = on_output, .record = on_record};
    struct vmm_snapshot *snap;
    char snapshot[4096], initrd[4096];
    const int times = argc == 3 ? atoi(argv[2]) : 0;
    if (times < 1 || times > TIMES_MAX) {
        fail("usage: cells HOME TIMES");
    }
    (void)snprintf(snapshot, sizeof(snapshot), "%s/snapshot", argv[1]);
    (void)snprintf(initrd, sizeof(initrd), "%s/initrd.cpio", argv[1]);
    if (vmm_snapshot_open(snapshot, initrd, NULL, &snap, &err) < 0 ||
        vmm_restore(snap, &io, true, &vm, &err) < 0) {
        fail(err.msg);
    }
    (void)cell(preparation);
    for (int first = 0; first < times; first += TOGETHER) {
        for (int way = 0; way < WAYS; way++) {
            (void)ways[way].measure(ways[way].code);
            for (int i = first; i < first + TOGETHER && i < times; i++) {
                us[way][i] = ways[way].measure(ways[way].code);
            }
        }
    }
    for (int way = 0; way < WAYS; way++) {
        qsort(us[way], (size_t)times, sizeof(double), by_size);
        printf("%s %.2f %.2f\n", ways[way].name, us[way][times / 2], us[way][0]);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    return 0;
}
