// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of `scale` share: many VMs of one snapshot in one process, threads that run
 * scripts in them, and the memory that all this takes. A bench that cannot do what it is to measure
 * says so and exits.
 */
#ifndef SCALE_H
#define SCALE_H

#include "vmm/abi.h"
#include "vmm/vmm.h"

#include <pthread.h>

struct scale {
    const char *home;
    const char *pyhl; /* the command, to compare with processes; NULL: not known */
    size_t vms;       /* the most that are alive at once */
    size_t cores;
    double seconds; /* how long a throughput is measured */
    struct vmm_snapshot *snap;
    struct vmm **vm; /* the VMs that are alive; all have run print(1) */
    size_t count;
    uint64_t grow_until; /* no more VMs after this instant */
};

/* scale_pool.c */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t now_ns(void);
struct vmm *pool_restore(struct vmm_snapshot *snap, bool rewindable);
/* Runs code, which must end with status 0. */
struct vmm_outcome pool_run(struct vmm *vm, const char *code);
/* Restores VMs and runs print(1) in each, on all cores, until count are alive. For VM i took[i]
 * gets the nanoseconds from the beginning of its restore to the end of its run, unless took is
 * NULL. */
void pool_grow(struct scale *scale, size_t count, uint64_t *took);
void pool_shrink(struct scale *scale, size_t count);
/* The numbers of VMs at which to measure: 1, 2, 4, ... and all. */
#define SCALE_RUNGS 64u
size_t pool_rungs(const struct scale *scale);
size_t pool_rung(const struct scale *scale, size_t i);

/* How fast threads run a script in VMs, warm: rewind and run. */
struct rate {
    uint64_t runs;
    double wall_s; /* of all threads at once */
    double cpu_s;  /* of all threads together */
};
/* Deals all VMs out to so many threads; each goes round its own VMs. output: bytes that a run
 * writes. */
struct rate pool_rate(struct scale *scale, size_t threads, const char *code, size_t output);

/* scale_memory.c: all in KiB */
struct memory {
    long private_dirty; /* from smaps_rollup */
    long private_clean;
    long rss;
    long pss;
    long page_tables; /* from status: the host's page tables for the mappings of the process */
    long maps;        /* mappings */
    long fds;         /* descriptors */
    /* From meminfo, so of the whole machine. */
    long available;
    long vmalloc; /* has what KVM keeps per page of a slot */
    long shadow;  /* SecPageTables: KVM's page tables for guests */
    long slab;
};
struct memory memory_of(pid_t pid);

/* Each prints a table. The first two leave no VM alive, the next leaves all alive. */
void table_sharing(struct scale *scale);
void table_first_output(struct scale *scale);
void table_memory(struct scale *scale); /* and how long the VMs took to come */
void table_sleep(struct scale *scale);

#endif
