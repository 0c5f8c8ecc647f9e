// SPDX-License-Identifier: Apache-2.0
/*
 * What a branch of a session costs. A session has written 1 MiB since its last checkpoint, and is
 * made a checkpoint again; from that one VMs are made, beside VMs from the snapshot itself. Times
 * are CPU times of this thread, which other work on the machine changes least. Each line of the
 * output is a name, a median and the least. The last one is pages: how many more of its own a VM
 * from the checkpoint has than one from the snapshot, before it runs.
 *
 * usage: branch HOME TIMES
 */
#include "vmm/abi.h"
#include "vmm/vmm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMES_MAX 1000

static struct vmm_err err;

static void must(int rc)
{
    if (rc < 0) {
        (void)fprintf(stderr, "branch: %s\n", err.msg);
        exit(1);
    }
}

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct vmm *restored(struct vmm_snapshot *snap)
{
    static const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    struct vmm *vm;
    must(vmm_restore(snap, &io, true, &vm, &err));
    return vm;
}

static void cell(struct vmm *vm, const char *code)
{
    static const char *const argv[] = {"-", NULL};
    static const char *const env[] = {NULL};
    const struct vmm_run run = {.mode = HV_RUN_CELL,
                                .argv = argv,
                                .env = env,
                                .cwd = "/",
                                .source = code,
                                .source_len = strlen(code)};
    struct vmm_outcome outcome;
    must(vmm_run(vm, &run, &outcome, &err));
    if (outcome.kind != VMM_READY || outcome.status != 0) {
        (void)fprintf(stderr, "branch: a cell ended as %d, status %d: %s\n", (int)outcome.kind,
                      outcome.status, outcome.detail);
        exit(1);
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_size);
    printf("%s %.4f %.4f\n", name, values[count / 2], values[0]);
}

/* Memory of a checkpoint, of which it may share some; the shares of all add up (vmm.h). */
static double bytes_of(const struct vmm_snapshot *snap)
{
    struct vmm_snapshot_info info = {.delta_memory = 0};
    if (snap != NULL) {
        vmm_snapshot_info(snap, &info);
    }
    return (double)info.delta_memory;
}

static double private_pages(struct vmm_snapshot *snap)
{
    struct vmm_footprint footprint;
    struct vmm *vm = restored(snap);
    must(vmm_footprint(vm, &footprint, &err));
    vmm_destroy(vm);
    return (double)footprint.private_pages;
}

static void measure(struct vmm_snapshot *snap, int times)
{
    static double checkpoint[TIMES_MAX], bytes[TIMES_MAX], restore[TIMES_MAX], fork_[TIMES_MAX],
        more[TIMES_MAX], back[TIMES_MAX];
    struct vmm *vm = restored(snap);
    struct vmm_snapshot *last = NULL;
    cell(vm, "block, turn = bytearray(1 << 20), 0");
    for (int i = 0; i < times; i++) {
        struct vmm_snapshot *made;
        cell(vm, "turn += 1\n"
                 "for i in range(0, 1 << 20, 4096): block[i] = turn % 255 + 1");
        const double held = bytes_of(last);
        double at = now_ms();
        must(vmm_checkpoint(vm, &made, &err));
        checkpoint[i] = now_ms() - at;
        bytes[i] = (bytes_of(made) + bytes_of(last) - held) / 1048576;
        vmm_snapshot_close(last);
        last = made;
        at = now_ms();
        must(vmm_rewind(vm, &err));
        back[i] = now_ms() - at;
        at = now_ms();
        struct vmm *plain = restored(snap);
        restore[i] = now_ms() - at;
        at = now_ms();
        struct vmm *other = restored(last);
        fork_[i] = now_ms() - at;
        more[i] = fork_[i] - restore[i];
        vmm_destroy(plain);
        vmm_destroy(other);
    }
    print("checkpoint", checkpoint, times);
    print("bytes", bytes, times);
    print("rewind", back, times);
    print("restore", restore, times);
    print("fork", fork_, times);
    print("more", more, times);
    double pages = private_pages(last) - private_pages(snap);
    print("pages", &pages, 1);
    vmm_destroy(vm);
    vmm_snapshot_close(last);
}

int main(int argc, char **argv)
{
    char path[2][4096];
    struct vmm_snapshot *snap;
    const int times = argc == 3 ? atoi(argv[2]) : 0;
    if (times < 1 || times > TIMES_MAX) {
        (void)fprintf(stderr, "usage: branch HOME TIMES (1 to %d)\n", TIMES_MAX);
        return 2;
    }
    (void)snprintf(path[0], sizeof(path[0]), "%s/snapshot", argv[1]);
    (void)snprintf(path[1], sizeof(path[1]), "%s/initrd.cpio", argv[1]);
    must(vmm_snapshot_open(path[0], path[1], NULL, &snap, &err));
    measure(snap, times);
    vmm_snapshot_close(snap);
    return 0;
}
