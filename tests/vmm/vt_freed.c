// SPDX-License-Identifier: Apache-2.0
/*
 * What the guest does not use is in no checkpoint, and zero in the machine, too. What the map of
 * used frames says cannot hurt anybody but the guest.
 */
#include "vt_branch.h"
#include "vmm/vmm_int.h"

#define HIGH_PAGES 1500u /* more than two large pages */

static void unused(struct vmm *vm, uint64_t at, uint64_t pages)
{
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %llu", (unsigned long long)at,
                   (unsigned long long)pages);
    (void)branch_turn(vm, "unused", arg);
}

static uint64_t delta_pages(const struct vmm_snapshot *snap)
{
    struct vmm_snapshot_info info;
    vmm_snapshot_info(snap, &info);
    return info.delta_pages;
}

static uint64_t sums(struct vmm *vm)
{
    return branch_sum(vm, branch_areas[0], 50) + branch_sum(vm, branch_areas[1], 50) +
           branch_sum(vm, branch_areas[2], HIGH_PAGES);
}

static void fill(struct vmm *vm)
{
    branch_fill(vm, branch_areas[0], 50, 1);
    branch_fill(vm, branch_areas[1], 50, 2);
    branch_fill(vm, branch_areas[2], HIGH_PAGES, 3);
}

static void t_freed(void)
{
    struct vmm_err err;
    struct vmm_footprint before, after;
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base);
    fill(vm);
    struct vmm_snapshot *full = branch_checkpoint(vm);
    CHECK(delta_pages(full) >= 100 + HIGH_PAGES);
    const uint64_t sum = sums(vm);
    unused(vm, branch_areas[0], (branch_areas[2] - branch_areas[0]) / HV_PAGE_SIZE + HIGH_PAGES);
    OK(vmm_footprint(vm, &before, &err));
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    OK(vmm_footprint(vm, &after, &err));
    CHECK(delta_pages(snap) < 30);
    CHECK(after.private_pages + 2 * 512 <= before.private_pages);
    CHECK_INT(sums(vm), 0);
    struct vmm *copy = branch_copy(snap);
    CHECK_INT(sums(copy), 0);
    for (int i = 0; i < 4; i++) {
        branch_rewind_to(vm, i % 2 ? snap : full);
        CHECK_INT(sums(vm), i % 2 ? 0 : sum);
        branch_rewind_to(copy, i % 2 ? full : snap);
        CHECK_INT(sums(copy), i % 2 ? sum : 0);
        fill(i % 2 ? vm : copy);
    }
    vmm_destroy(copy);
    copy = branch_copy(full); /* pages of the checkpoint that it came from, which it never wrote */
    unused(copy, branch_areas[0], (branch_areas[2] - branch_areas[0]) / HV_PAGE_SIZE + HIGH_PAGES);
    vmm_snapshot_close(snap);
    snap = branch_checkpoint(copy);
    CHECK(delta_pages(snap) < 30);
    CHECK_INT(sums(copy), 0);
    OK(vmm_rewind(copy, &err));
    OK(vmm_check(copy, &err));
    vmm_destroy(copy);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(full);
    vmm_snapshot_close(base);
}

/* Tables are not cleared behind KVM's back. */
static void t_freed_tables(void)
{
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base);
    (void)branch_turn(vm, "remap", "0");
    struct vmm_snapshot *first = branch_checkpoint(vm); /* from here on the table is watched */
    CHECK_INT(branch_turn(vm, "through", ""), 1000);
    unused(vm, 8 * MIB, 2 * MIB / HV_PAGE_SIZE);
    struct vmm_snapshot *second = branch_checkpoint(vm);
    CHECK_INT(branch_turn(vm, "through", ""), 1000);
    vmm_destroy(vm);
    vm = branch_copy(second);
    CHECK_INT(branch_turn(vm, "through", ""), 1000);
    vmm_destroy(vm);
    vmm_snapshot_close(second);
    vmm_snapshot_close(first);
    vmm_snapshot_close(base);
}

static void t_freed_forged(void)
{
    static const char *const places[] = {
        "0", "1", "4095", "134217720", "134217728", "18446744073709551608", "18446744073709547520"};
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base);
    fill(vm);
    const uint64_t sum = sums(vm);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)branch_turn(vm, "map-at", places[i]);
        vmm_snapshot_close(branch_checkpoint(vm));
        CHECK_INT(sums(vm), sum);
    }
    /* All of memory is free, says a map of zeroes: then the areas are zero, and the guest goes on,
     * because its own part is left alone. */
    (void)branch_turn(vm, "map-at", "62914560");
    vmm_snapshot_close(branch_checkpoint(vm));
    CHECK_INT(sums(vm), 0);
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

const struct vt_test vt_freed_tests[] = {
    {"freed", t_freed},
    {"freed-tables", t_freed_tables},
    {"freed-forged", t_freed_forged},
    {NULL, NULL},
};
