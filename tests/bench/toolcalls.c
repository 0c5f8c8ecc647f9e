// SPDX-License-Identifier: Apache-2.0
/*
 * What a call of a function of the host costs a guest program, from its write to the device to the
 * reply, and a record that the host drops, beside a bare exit: the doorbell with no call. Runs in
 * the guest, with the functions of vmmrun. The ways take turns in each round. Prints for each the
 * median of the rounds and the least, in ns, then of its ratios to the bare exit of the same round.
 * The figures are printed, not judged.
 */
#include "vmm/abi.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 31, CALLS = 300, TOGETHER = 10 };

static int fds[TOGETHER], records;
static char reply[65536 + 16];

static void must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static void make(int fd, const char *function, size_t size)
{
    must(write(fd, function, size) == (ssize_t)size, "write");
}

static void take(int fd, size_t size)
{
    must(read(fd, reply, sizeof(reply)) == (ssize_t)(sizeof(struct hv_reply) + size), "read");
}

static void bare(void)
{
    __asm__ volatile("outb %%al, %0" : : "i"(HV_PORT_DOORBELL), "a"(0) : "memory");
}

static void plain(void)
{
    make(fds[0], "echo\0{\"a\": 1}", 13);
    take(fds[0], 8);
}

static void kilobytes(void)
{
    static char request[4096] = "echo";
    make(fds[0], request, sizeof(request));
    take(fds[0], sizeof(request) - 5);
}

static void together(const char *request)
{
    for (int i = 0; i < TOGETHER; i++) {
        make(fds[i], request, 6);
    }
    for (int i = 0; i < TOGETHER; i++) {
        take(fds[i], 1);
    }
}

static void ten(void)
{
    together("echo\0x");
}

static void ten_late(void)
{
    together("late\0x");
}

static void record(void)
{
    static const char bytes[105] = "kind";
    must(write(records, bytes, sizeof(bytes)) == sizeof(bytes), "record");
}

static const struct way {
    const char *name;
    void (*fn)(void);
    int calls; /* of the function, in one fn() */
} ways[] = {
    {"bare", bare, 1},
    {"plain", plain, 1},
    {"4KiB", kilobytes, 1},
    {"ten", ten, TOGETHER},
    {"ten-late", ten_late, TOGETHER},
    {"record", record, 1},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static double ns_of(const struct way *way)
{
    struct timespec a, b;
    const int times = CALLS / way->calls;

    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < times; i++) {
        way->fn();
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
           (times * way->calls);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    double ns[WAYS][ROUNDS], ratios[WAYS][ROUNDS];

    for (int i = 0; i < TOGETHER; i++) {
        fds[i] = open(HV_TOOL_DEVICE, O_RDWR);
        must(fds[i] >= 0, HV_TOOL_DEVICE);
    }
    records = open(HV_RECORD_DEVICE, O_WRONLY);
    must(records >= 0, HV_RECORD_DEVICE);
    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < WAYS; way++) {
            ns[way][round] = ns_of(&ways[way]);
            ratios[way][round] = ns[way][round] / ns[0][round];
        }
    }
    for (int way = 0; way < WAYS; way++) {
        qsort(ns[way], ROUNDS, sizeof(double), compare);
        qsort(ratios[way], ROUNDS, sizeof(double), compare);
        printf("%s %.0f %.0f %.2f %.2f\n", ways[way].name, ns[way][ROUNDS / 2], ns[way][0],
               ratios[way][ROUNDS / 2], ratios[way][0]);
    }
    return 0;
}
