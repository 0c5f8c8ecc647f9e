// SPDX-License-Identifier: Apache-2.0
/*
 * The limits of a run: CPU time, and memory. They hold against a guest that knows nothing of them.
 */
#include "vt.h"
#include "vmm/vmm_int.h"

#include <unistd.h>

#define CPU_SHORT 100000000ull

static struct vmm_outcome run_limited(struct vmm *vm, const char *name, const char *arg,
                                      const struct vmm_run *limits)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {name, arg, NULL};
    struct vmm_run run = *limits;
    run.argv = argv;
    run.cwd = "/";
    run.timeout_ns = run.timeout_ns != 0 ? run.timeout_ns : VT_TIMEOUT;
    OK(vmm_run(vm, &run, &o, &err));
    return o;
}

static void t_cpu(void)
{
    static const char *const busy[][2] = {{"spin", ""}, {"calls", "768"}};
    for (size_t i = 0; i < 2; i++) {
        struct vmm *vm = vt_boot(&vt_no_io);
        const struct vmm_outcome o =
            run_limited(vm, busy[i][0], busy[i][1], &(struct vmm_run){.cpu_ns = CPU_SHORT});
        IS(o, VMM_CPU, 0, "out of CPU time");
        CHECK(o.counters.cpu_ns >= CPU_SHORT && o.counters.cpu_ns < CPU_SHORT + VT_LATE);
        CHECK(o.counters.run_ns >= CPU_SHORT);
        vmm_destroy(vm);
    }
}

/* Sleeping takes no CPU time, and a limit that is far away no exit. */
static void t_cpu_unused(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = run_limited(vm, "wait", "300", &(struct vmm_run){.cpu_ns = CPU_SHORT});
    IS(o, VMM_EXITED, 0, "");
    CHECK(o.counters.run_ns >= 3 * CPU_SHORT && o.counters.cpu_ns < CPU_SHORT);
    vmm_destroy(vm);

    uint64_t exits[2];
    for (int i = 0; i < 2; i++) {
        vm = vt_boot(&vt_no_io);
        const struct vmm_run limits = {.cpu_ns = i == 0 ? 0 : 10 * VT_SHORT};
        o = run_limited(vm, "status", "0", &limits);
        IS(o, VMM_EXITED, 0, "");
        exits[i] = o.counters.exits;
        vmm_destroy(vm);
    }
    CHECK_INT(exits[1], exits[0]);
}

/* The sooner one of CPU time and timeout ends the run. A guest that does not end in its grace is
 * ended after it, but not after its timeout. */
static void t_cpu_grace(void)
{
    static const struct {
        struct vmm_run run;
        enum vmm_outcome_kind kind;
        uint64_t least_ns;
        uint64_t most_ns;
    } rows[] = {
        {{.cpu_ns = CPU_SHORT, .timeout_ns = 100 * CPU_SHORT}, VMM_CPU, CPU_SHORT, 0},
        {{.cpu_ns = 100 * CPU_SHORT, .timeout_ns = CPU_SHORT}, VMM_TIMEOUT, CPU_SHORT, 0},
        {{.cpu_ns = CPU_SHORT, .grace_ns = 2 * CPU_SHORT}, VMM_CPU, 3 * CPU_SHORT, 0},
        {{.cpu_ns = CPU_SHORT, .grace_ns = 1000 * CPU_SHORT, .timeout_ns = 6 * CPU_SHORT},
         VMM_CPU,
         6 * CPU_SHORT,
         6 * CPU_SHORT},
        {{.cpu_ns = CPU_SHORT, .grace_ns = UINT64_MAX, .timeout_ns = 6 * CPU_SHORT},
         VMM_CPU,
         6 * CPU_SHORT,
         6 * CPU_SHORT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm *vm = vt_boot(&vt_no_io);
        const struct vmm_outcome o = run_limited(vm, "spin", "", &rows[i].run);
        IS(o, rows[i].kind, 0, "");
        CHECK(o.counters.run_ns >= rows[i].least_ns);
        CHECK(rows[i].most_ns == 0 || o.counters.run_ns < rows[i].most_ns + VT_LATE);
        vmm_destroy(vm);
    }
}

/* Each run has its own, whatever the one before has used. */
static void t_cpu_each(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    for (int i = 0; i < 3; i++) {
        IS(run_limited(vm, "spin", "", &(struct vmm_run){.cpu_ns = CPU_SHORT}), VMM_CPU, 0, "");
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
        IS(run_limited(vm, "status", "3", &(struct vmm_run){.cpu_ns = CPU_SHORT}), VMM_EXITED, 3,
           "");
        OK(vmm_rewind(vm, &err));
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

#define ROOMY (256ull << 20)
#define SMALL (32ull << 20)

static struct vmm *roomy(bool rewindable, const struct vmm_io *io)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_sized(ROOMY, 0);
    OK(vmm_restore(snap, io, rewindable, &vm, &err));
    return vm;
}

/* Accesses below the limit and beyond it, by the guest and by calls of the host. */
static void reach(struct vmm *vm, bool rewindable, uint64_t memory)
{
    static const struct {
        const char *name;
        const char *arg;
        bool beyond; /* of SMALL */
        enum vmm_outcome_kind kind;
    } rows[] = {
        {"touch", "33554424 store", false, VMM_EXITED},
        {"touch", "33554432 store", true, VMM_EXITED},
        {"touch", "33554432 load", true, VMM_EXITED},
        {"touch", "33554432 movups-store", true, VMM_EXITED},
        {"touch", "268435448 store", true, VMM_EXITED},
        {"call", "769 33554400 32", false, VMM_EXITED},
        {"call", "769 33554400 33", true, VMM_EXITED},
        {"call", "512 33554432 4096", true, VMM_EXITED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm_err err;
        const bool broken = rows[i].beyond && memory != 0;
        if (!rewindable && i > 0) {
            vmm_destroy(vm);
            vm = roomy(false, &vt_no_io);
        }
        const struct vmm_outcome o =
            run_limited(vm, rows[i].name, rows[i].arg, &(struct vmm_run){.memory = memory});
        if (o.kind != (broken ? VMM_BROKEN : rows[i].kind) ||
            (broken && strstr(o.detail, "not ") == NULL && strstr(o.detail, "KVM") == NULL)) {
            vt_fail(__FILE__, __LINE__, "%s %s with %llu: outcome %d (%s)", rows[i].name,
                    rows[i].arg, (unsigned long long)memory, (int)o.kind, o.detail);
        }
        if (rewindable) {
            OK(vmm_rewind(vm, &err));
            OK(vmm_check(vm, &err));
        }
    }
    if (!rewindable) {
        vmm_destroy(vm);
    }
}

static void t_memory(void)
{
    struct vmm *vm = roomy(true, &vt_no_io);
    for (int i = 0; i < 2; i++) {
        reach(vm, true, SMALL);
        reach(vm, true, 0);
    }
    vmm_destroy(vm);
    reach(roomy(false, &vt_no_io), false, SMALL);
    reach(roomy(false, &vt_no_io), false, 0);
}

/* The guest is told, in whole pieces of 2 MiB, and only when there is a limit. */
static void t_memory_told(void)
{
    struct vmm_err err;
    struct vmm *vm = roomy(true, &vt_no_io);
    IS(run_limited(vm, "status", "0", &(struct vmm_run){.memory = SMALL - 1000}), VMM_EXITED, 0,
       "");
    CHECK_INT(vm->shared->memory, SMALL);
    OK(vmm_rewind(vm, &err));
    IS(run_limited(vm, "status", "0", &(struct vmm_run){0}), VMM_EXITED, 0, "");
    CHECK_INT(vm->shared->memory, 0);
    OK(vmm_rewind(vm, &err));
    IS(run_limited(vm, "status", "0", &(struct vmm_run){.memory = ROOMY}), VMM_EXITED, 0, "");
    CHECK_INT(vm->shared->memory, ROOMY);
    vmm_destroy(vm);
}

/* In a machine that goes on, what an earlier run might use stays there; a rewind ends that. */
static void t_memory_turns(void)
{
    struct vmm_err err;
    struct vmm *vm = roomy(true, &vt_no_io);
    IS(run_limited(vm, "turn", "1", &(struct vmm_run){.memory = 2 * SMALL}), VMM_READY, 1, "");
    IS(run_limited(vm, "turn", "2", &(struct vmm_run){.memory = SMALL}), VMM_READY, 2, "");
    CHECK_INT(vm->shared->memory, SMALL);
    IS(run_limited(vm, "touch", "67108856 store", &(struct vmm_run){.memory = SMALL}), VMM_EXITED,
       0, "");
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    IS(run_limited(vm, "turn", "1", &(struct vmm_run){.memory = SMALL}), VMM_READY, 1, "");
    IS(run_limited(vm, "touch", "67108856 store", &(struct vmm_run){.memory = SMALL}), VMM_BROKEN,
       0, "not memory");
    vmm_destroy(vm);
}

static void t_memory_refused(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_snapshot_info info;
    const char *const argv[] = {"status", "0", NULL};
    struct vmm_run run = {.argv = argv, .cwd = "/"};
    struct vmm *vm = roomy(true, &vt_no_io);
    vmm_snapshot_info(vm->snap, &info);
    CHECK(info.memory_least >= vm->ram_low && info.memory_least < SMALL);
    const uint64_t wrong[] = {1, info.memory_least - (2 << 20), ROOMY + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        run.memory = wrong[i];
        FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "to 256 MiB of memory");
    }
    run.memory = info.memory_least;
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    vmm_destroy(vm);

    vm = vt_boot(&vt_no_io); /* it has the memory that it was made with */
    run.memory = 14 << 20;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "16 to 16 MiB");
    run.memory = 16 << 20;
    OK(vmm_run(vm, &run, &o, &err));
    vmm_destroy(vm);
}

/* What the guest says of its use of memory is cut to what there is. */
static void t_memory_peak(void)
{
    static const struct {
        const char *claim;
        uint64_t peak;
    } rows[] = {{"123456", 123456}, {"18446744073709551615", 16 << 20}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_INT(vt_once("peak", rows[i].claim).counters.memory_peak, rows[i].peak);
    }
}

const struct vt_test vt_limit_tests[] = {
    {"limit-cpu", t_cpu},
    {"limit-cpu-unused", t_cpu_unused},
    {"limit-cpu-grace", t_cpu_grace},
    {"limit-cpu-each", t_cpu_each},
    {"limit-memory", t_memory},
    {"limit-memory-told", t_memory_told},
    {"limit-memory-turns", t_memory_turns},
    {"limit-memory-refused", t_memory_refused},
    {"limit-memory-peak", t_memory_peak},
    {NULL, NULL},
};
