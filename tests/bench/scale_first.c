// SPDX-License-Identifier: Apache-2.0
/*
 * Time to the first output of fresh VMs: one after the other, on all cores of one process, on all
 * cores by a process each, and with all VMs staying alive. Then the memory that those take.
 */
#include "scale.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROW_NS     40000000000ull /* the most time that making them may take, when all stay alive */
#define SHORT_LIVED 200u           /* VMs in the rows where they do not stay alive */

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void first_row(const char *what, uint64_t *took, size_t n, uint64_t total)
{
    qsort(took, n, sizeof(*took), compare);
    printf("| %s | %zu | %.2f | %.2f | %.2f | %.2f | %.2f |\n", what, n, (double)took[0] / 1e6,
           (double)took[n / 2] / 1e6, (double)took[n - 1 - n / 100] / 1e6,
           (double)took[n - 1] / 1e6, (double)total / 1e9);
    (void)fflush(stdout);
}

struct part {
    struct vmm_snapshot *snap;
    uint64_t *took;
    size_t count;
};

static void *part_main(void *arg)
{
    const struct part *part = arg;
    for (size_t i = 0; i < part->count; i++) {
        const uint64_t began = now_ns();
        struct vmm *vm = pool_restore(part->snap, false);
        (void)pool_run(vm, "print(1)");
        part->took[i] = now_ns() - began;
        vmm_destroy(vm);
    }
    return NULL;
}

static void first_threads(const struct scale *scale, const char *what, size_t threads)
{
    uint64_t *took = calloc(SHORT_LIVED, sizeof(*took));
    struct part *parts = calloc(threads, sizeof(*parts));
    pthread_t *ids = calloc(threads, sizeof(*ids));
    const uint64_t began = now_ns();
    for (size_t i = 0; i < threads; i++) {
        const size_t first = SHORT_LIVED * i / threads;
        parts[i] =
            (struct part){scale->snap, took + first, SHORT_LIVED * (i + 1) / threads - first};
        if (pthread_create(&ids[i], NULL, part_main, &parts[i]) != 0) {
            die("cannot start a thread");
        }
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
    }
    first_row(what, took, SHORT_LIVED, now_ns() - began);
    free(ids);
    free(parts);
    free(took);
}

static void first_processes(const struct scale *scale, const char *what, size_t n)
{
    const size_t size = SHORT_LIVED * sizeof(uint64_t);
    uint64_t *took = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    if (took == MAP_FAILED) {
        die("no memory");
    }
    const uint64_t began = now_ns();
    for (size_t i = 0; i < n; i++) {
        const size_t first = SHORT_LIVED * i / n;
        const pid_t pid = fork();
        if (pid < 0) {
            die("cannot fork");
        }
        if (pid == 0) {
            struct part part = {scale->snap, took + first, SHORT_LIVED * (i + 1) / n - first};
            (void)part_main(&part);
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        if (status != 0) {
            die("a process failed");
        }
    }
    first_row(what, took, SHORT_LIVED, now_ns() - began);
    (void)munmap(took, size);
}

#define FIRST_HEAD                                                                                 \
    "| VMs | number | min | median | p99 | max | all, s |\n"                                       \
    "| --- | --- | --- | --- | --- | --- | --- |\n"

void table_first_output(struct scale *scale)
{
    char what[96];
    printf(
        "\n### Time to the first output of fresh VMs, ms\n\nFrom the beginning of the restore to "
        "the end of the run of `print(1)`, when the byte has been written; then the VM "
        "goes.\n\n" FIRST_HEAD);
    first_threads(scale, "one after the other", 1);
    (void)snprintf(what, sizeof(what), "on %zu threads", scale->cores);
    first_threads(scale, what, scale->cores);
    (void)snprintf(what, sizeof(what), "in %zu processes", scale->cores);
    first_processes(scale, what, scale->cores);
}

static void memory_row(const struct memory *none, const struct memory *m, size_t vms)
{
    const double n = (double)vms;
    printf("| %zu | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %.1f |\n", vms,
           (double)(m->private_dirty - none->private_dirty) / n,
           (double)(m->page_tables - none->page_tables) / n,
           (double)(m->vmalloc - none->vmalloc) / n, (double)(m->shadow - none->shadow) / n,
           (double)(m->slab - none->slab) / n, (double)(none->available - m->available) / n,
           (double)(m->maps - none->maps) / n, (double)(m->fds - none->fds) / n);
}

static void memory_print(const struct scale *scale, const struct memory *none,
                         const struct memory *rungs)
{
    printf(
        "\n### Memory of a VM after `print(1)`, KiB, by VMs alive\n\nFirst what is the process's "
        "own: private (Private_Dirty of smaps_rollup), the host's page tables for it (VmPTE). "
        "Then the kernel's, as /proc/meminfo has it for the whole machine: what KVM keeps per "
        "page of a memory slot (VmallocUsed), its own page tables (SecPageTables), small objects "
        "(SUnreclaim); and all together (MemAvailable). Last, mappings and descriptors.\n\n"
        "| VMs | private | page tables | KVM's slots | KVM's tables | slab | all | mappings | "
        "descriptors |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < pool_rungs(scale); i++) {
        memory_row(none, &rungs[i], pool_rung(scale, i));
    }
}

void table_memory(struct scale *scale)
{
    char what[96];
    struct memory rungs[SCALE_RUNGS];
    uint64_t *took = calloc(scale->vms, sizeof(*took));
    const struct memory none = memory_of(getpid());
    uint64_t total = 0;
    scale->grow_until = now_ns() + GROW_NS;
    for (size_t i = 0; i < pool_rungs(scale); i++) {
        const uint64_t began = now_ns();
        pool_grow(scale, pool_rung(scale, i), took);
        total += now_ns() - began;
        rungs[i] = memory_of(getpid());
        if (scale->count < pool_rung(scale, i)) {
            printf("\nOnly %zu of %zu VMs came to be in %.0f s.\n", scale->count, scale->vms,
                   (double)GROW_NS / 1e9);
            scale->vms = scale->count;
        }
    }
    printf("\n### The same, all staying alive, to be rewound\n\n" FIRST_HEAD);
    (void)snprintf(what, sizeof(what), "on %zu threads", scale->cores);
    first_row(what, took, scale->vms, total);
    memory_print(scale, &none, rungs);
    (void)fflush(stdout);
    free(took);
}
