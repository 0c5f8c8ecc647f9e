// SPDX-License-Identifier: Apache-2.0
/*
 * Makes VMs, and runs the threads that run them.
 */
#include "scale.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "scale: ");
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
    _exit(1);
}

uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct vmm *pool_restore(struct vmm_snapshot *snap, bool rewindable)
{
    static const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    struct vmm_err err;
    struct vmm *vm;
    if (vmm_restore(snap, &io, rewindable, &vm, &err) < 0) {
        die("%s", err.msg);
    }
    return vm;
}

struct vmm_outcome pool_run(struct vmm *vm, const char *code)
{
    static const char *const argv[] = {"-c", NULL};
    static const char *const env[] = {NULL};
    const struct vmm_run run = {.mode = HV_RUN_CODE,
                                .argv = argv,
                                .env = env,
                                .cwd = "/",
                                .source = code,
                                .source_len = strlen(code)};
    struct vmm_err err;
    struct vmm_outcome outcome;
    if (vmm_run(vm, &run, &outcome, &err) < 0) {
        die("%s", err.msg);
    }
    if (outcome.kind != VMM_EXITED || outcome.status != 0) {
        die("a run ended as %d, status %d: %s", (int)outcome.kind, outcome.status, outcome.detail);
    }
    return outcome;
}

static void start(pthread_t *thread, void *(*main)(void *), void *arg)
{
    if (pthread_create(thread, NULL, main, arg) != 0) {
        die("cannot start a thread");
    }
}

/* The threads share this: each makes the next VM, until there are enough. */
struct growth {
    struct scale *scale;
    size_t count;
    uint64_t *took;
    size_t next; /* atomic */
};

static void *growth_main(void *arg)
{
    struct growth *g = arg;
    for (size_t i; now_ns() < g->scale->grow_until &&
                   (i = __atomic_fetch_add(&g->next, 1, __ATOMIC_RELAXED)) < g->count;) {
        const uint64_t began = now_ns();
        struct vmm *vm = pool_restore(g->scale->snap, true);
        (void)pool_run(vm, "print(1)");
        if (g->took != NULL) {
            g->took[i] = now_ns() - began;
        }
        g->scale->vm[i] = vm;
    }
    return NULL;
}

void pool_grow(struct scale *scale, size_t count, uint64_t *took)
{
    struct growth g = {.scale = scale, .count = count, .took = took, .next = scale->count};
    pthread_t *threads = calloc(scale->cores, sizeof(*threads));
    for (size_t i = 0; i < scale->cores; i++) {
        start(&threads[i], growth_main, &g);
    }
    for (size_t i = 0; i < scale->cores; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    free(threads);
    count = g.next < count ? g.next : count;
    scale->count = count > scale->count ? count : scale->count;
}

void pool_shrink(struct scale *scale, size_t count)
{
    while (scale->count > count) {
        vmm_destroy(scale->vm[--scale->count]);
    }
}

size_t pool_rung(const struct scale *scale, size_t i)
{
    const size_t vms = (size_t)1 << i;
    return vms < scale->vms ? vms : scale->vms;
}

size_t pool_rungs(const struct scale *scale)
{
    size_t i = 0;
    while (pool_rung(scale, i) < scale->vms) {
        i++;
    }
    return i + 1;
}

/* One of the threads by which a throughput is measured. */
struct runner {
    struct vmm **vm;
    size_t count;
    const char *code;
    size_t output; /* bytes that each run must have written */
    double seconds;
    pthread_barrier_t *barrier;
    pthread_t thread;
    uint64_t runs;
    double cpu_s;
};

static double cpu_seconds(int who)
{
    struct rusage use;
    (void)getrusage(who, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void runner_step(const struct runner *r, struct vmm *vm, int out)
{
    struct vmm_err err;
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = out, .stderr_fd = out};
    if (vmm_rewind(vm, &err) < 0) {
        die("%s", err.msg);
    }
    vmm_io_set(vm, &io);
    (void)pool_run(vm, r->code);
}

static void *runner_main(void *arg)
{
    struct runner *r = arg;
    const int out = memfd_create("out", MFD_CLOEXEC);
    if (out < 0) {
        die("memfd_create failed");
    }
    for (size_t i = 0; i < r->count; i++) { /* pages that the script writes become hot */
        runner_step(r, r->vm[i], out);
    }
    (void)ftruncate(out, 0);
    (void)lseek(out, 0, SEEK_SET);
    (void)pthread_barrier_wait(r->barrier);
    const double cpu = cpu_seconds(RUSAGE_THREAD);
    const uint64_t end = now_ns() + (uint64_t)(r->seconds * 1e9);
    for (; now_ns() < end; r->runs++) {
        runner_step(r, r->vm[r->runs % r->count], out);
    }
    r->cpu_s = cpu_seconds(RUSAGE_THREAD) - cpu;
    if (lseek(out, 0, SEEK_END) != (off_t)(r->runs * r->output)) {
        die("%zu runs wrote %lld bytes", (size_t)r->runs, (long long)lseek(out, 0, SEEK_END));
    }
    (void)close(out);
    (void)pthread_barrier_wait(r->barrier);
    return NULL;
}

struct rate pool_rate(struct scale *scale, size_t threads, const char *code, size_t output)
{
    const size_t count = scale->count;
    struct rate rate = {0};
    pthread_barrier_t barrier;
    threads = threads < count ? threads : count;
    struct runner *r = calloc(threads, sizeof(*r));
    (void)pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (size_t i = 0; i < threads; i++) {
        const size_t first = count * i / threads;
        r[i] = (struct runner){.vm = scale->vm + first,
                               .count = count * (i + 1) / threads - first,
                               .code = code,
                               .output = output,
                               .seconds = scale->seconds,
                               .barrier = &barrier};
        start(&r[i].thread, runner_main, &r[i]);
    }
    (void)pthread_barrier_wait(&barrier);
    const uint64_t began = now_ns();
    (void)pthread_barrier_wait(&barrier);
    rate.wall_s = (double)(now_ns() - began) / 1e9;
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(r[i].thread, NULL);
        rate.runs += r[i].runs;
        rate.cpu_s += r[i].cpu_s;
    }
    (void)pthread_barrier_destroy(&barrier);
    free(r);
    return rate;
}
