// SPDX-License-Identifier: Apache-2.0
/*
 * HV_CALL_DISCARD in every part of memory: what was discarded is zero at once, what lies beside it
 * is not touched, the host has its memory back where that is possible, and a rewind is still right.
 */
#include "vt.h"

#include "vmm/vmm_int.h"

#define MEMORY (192ull << 20)
#define DATA   (64ull << 20)

static struct vmm_outcome discard(struct vmm *vm, uint64_t at, uint64_t end)
{
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %llu", (unsigned long long)at,
                   (unsigned long long)(end - at) / HV_PAGE_SIZE);
    return vt_run_for(vm, "discard", arg, 4 * VT_TIMEOUT);
}

/* How much of the memory from this address on the host has. */
static uint64_t private_pages(const struct vmm *vm, uint64_t at, uint64_t end)
{
    static uint64_t map[MEMORY / HV_PAGE_SIZE / 64];
    struct vmm_err err;
    uint64_t count = 0;
    OK(pagemap_private(vm, vm->ram + at, (end - at) / HV_PAGE_SIZE, map, &err));
    for (uint64_t page = 0; page < (end - at) / HV_PAGE_SIZE; page++) {
        count += map[page / 64] >> page % 64 & 1;
    }
    return count;
}

static void t_parts(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap = vt_snapshot_sized(MEMORY, DATA);
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        struct vmm *vm;
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        const uint64_t ranges[][2] = {
            {DATA - 20 * HV_PAGE_SIZE, DATA},
            {DATA - 20 * HV_PAGE_SIZE, DATA + 20 * HV_PAGE_SIZE},
            {DATA + 0x5000, DATA + 0x205000},
            {vm->ram_low - 0x5000, vm->ram_low + 0x5000},
            {vm->ram_low + 0x5000, vm->ram_low + 0x405000},
            {DATA - 0x5000, vm->ram_low + 0x5000},
        };
        const size_t count = rewindable ? sizeof(ranges) / sizeof(ranges[0]) : 1;
        for (size_t i = 0; i < 3 * count; i++) {
            const uint64_t *r = ranges[i % count];
            IS(discard(vm, r[0], r[1]), VMM_EXITED, 0, "");
            if (rewindable) {
                OK(vmm_rewind(vm, &err));
                OK(vmm_check(vm, &err));
                continue;
            }
            vmm_destroy(vm);
            OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
        }
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

/* In single runs 32 MiB that were written and discarded are 32 MiB less. So it is before a
 * snapshot. */
static void t_given_back(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap = vt_snapshot_sized(MEMORY, DATA);
    for (int restored = 0; restored < 2; restored++) {
        struct vmm_outcome o;
        struct vmm *vm;
        const struct vmm_config config = {
            .kernel_path = vt_kernel, .initrd_path = vt_initrd, .memory = MEMORY, .io = vt_no_io};
        if (restored) {
            OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
        } else {
            OK(vmm_create(&config, &vm, &err));
            OK(vmm_start(vm, VT_TIMEOUT, &o, &err));
        }
        IS(discard(vm, 2 * DATA, 2 * DATA + (32 << 20)), VMM_EXITED, 0, "");
        CHECK(private_pages(vm, 2 * DATA + PAGE_2M, 2 * DATA + (30 << 20)) == 0);
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

/* Where a log is kept, what was never written is not touched. */
static void t_untouched(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_sized(MEMORY, DATA);
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(mem_discard(vm, DATA, MEMORY - DATA, &err));
    CHECK_INT(private_pages(vm, DATA, MEMORY), 0);
    OK(vmm_rewind(vm, &err));
    CHECK(vm->counters.rewound_pages < 64);
    OK(vmm_check(vm, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void t_refused(void)
{
    static const char *const cases[][2] = {
        {"0 4096", "not in memory"}, /* of 16 MiB: one page after their end */
        {"16773120 4", "not in memory"},
        {"8388609 4", "no whole pages"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS(vt_once("discard-only", cases[i][0]), VMM_BROKEN, 0, cases[i][1]);
    }
}

const struct vt_test vt_discard_tests[] = {
    {"discard-parts", t_parts},
    {"discard-given-back", t_given_back},
    {"discard-untouched", t_untouched},
    {"discard-refused", t_refused},
    {NULL, NULL},
};
