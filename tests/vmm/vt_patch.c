// SPDX-License-Identifier: Apache-2.0
/*
 * Patches: pages that differ from the base in any number of lines, in any mixture, are the same in
 * every copy of a checkpoint. And what a chain of checkpoints keeps.
 */
#include "vt_branch.h"
#include "vmm/snapshot_int.h"

#include <stdlib.h>
#include <unistd.h>

#define LINES (HV_PAGE_SIZE / PATCH_LINE)

static uint64_t seed = 1;

static uint64_t any(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* Changes so many lines of a page, one byte each, and returns them. */
static uint64_t change_lines(uint8_t *page, unsigned count)
{
    uint64_t changed = 0;
    while ((unsigned)__builtin_popcountll(changed) < count) {
        const uint64_t line = any(LINES);
        if ((changed >> line & 1) == 0) {
            page[line * PATCH_LINE + any(PATCH_LINE)] ^= (uint8_t)(1 + any(255));
            changed |= 1ull << line;
        }
    }
    return changed;
}

static void t_lines(void)
{
    uint8_t base[HV_PAGE_SIZE], have[HV_PAGE_SIZE], got[HV_PAGE_SIZE];
    uint8_t patch[sizeof(uint64_t) + HV_PAGE_SIZE];
    for (unsigned turn = 0; turn < 400; turn++) {
        const bool zero = turn % 2;
        for (unsigned i = 0; i < sizeof(base); i++) {
            base[i] = zero ? 0 : (uint8_t)any(256);
        }
        memcpy(have, base, sizeof(have));
        const unsigned count = turn / 2 % (LINES + 1);
        const uint64_t changed = change_lines(have, count);
        const uint64_t lines = patch_lines(have, zero ? NULL : base);
        CHECK(lines == (count <= PATCH_LINES ? changed : PATCH_NONE));
        CHECK_INT(patch_put(patch, changed, have) - patch, patch_size(changed));
        memcpy(got, base, sizeof(got));
        patch_apply(patch, got);
        CHECK(memcmp(got, have, sizeof(got)) == 0);
    }
}

/* Changes pages of all areas, by the host: few and many lines, alone and in runs. */
static void scatter(struct vmm *vm)
{
    for (int area = 0; area < AREAS; area++) {
        uint64_t at = branch_areas[area] + any(20) * HV_PAGE_SIZE;
        for (int runs = 0; runs < 12; runs++) {
            const uint64_t pages = any(8) == 0 ? 1 + any(30) : 1 + any(3);
            const unsigned most = any(3) == 0 ? LINES : PATCH_LINES + 1;
            for (uint64_t i = 0; i < pages; i++, at += HV_PAGE_SIZE) {
                (void)change_lines(mem_write_ptr(vm, at, HV_PAGE_SIZE), (unsigned)any(most + 1));
            }
            at += any(5) * HV_PAGE_SIZE;
        }
    }
}

static void check_same(const struct vmm *vm, const uint8_t *want)
{
    for (int area = 0; area < AREAS; area++) {
        const uint64_t size = 400 * HV_PAGE_SIZE;
        CHECK(memcmp(vm->ram + branch_areas[area], want + area * size, size) == 0);
    }
}

static uint8_t *keep(const struct vmm *vm)
{
    const uint64_t size = 400 * HV_PAGE_SIZE;
    uint8_t *kept = malloc(AREAS * size);
    CHECK(kept != NULL);
    for (int area = 0; area < AREAS; area++) {
        memcpy(kept + area * size, vm->ram + branch_areas[area], size);
    }
    return kept;
}

/* Copies of a checkpoint, and rewinds to it, have its memory. */
static void check_copies(struct vmm *vm, struct vmm_snapshot *snap, const uint8_t *want)
{
    struct vmm_err err;
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        struct vmm *other;
        OK(vmm_restore(snap, &vt_no_io, rewindable, &other, &err));
        OK(vmm_check(other, &err));
        check_same(other, want);
        vmm_destroy(other);
    }
    scatter(vm);
    branch_rewind_to(vm, snap);
    check_same(vm, want);
    OK(vmm_renew(vm, &err));
    OK(vmm_check(vm, &err));
    check_same(vm, want);
}

static void t_pages(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base = branch_base(), *again, *chain[6];
    struct vmm *vm = branch_copy(base);
    for (int i = 0; i < 6; i++) {
        scatter(vm);
        uint8_t *const want = keep(vm);
        const int fd = vt_memfd("", 0);
        OK(vmm_checkpoint_save(vm, fd, &err));
        OK(vmm_checkpoint_open_fd(fd, base, &again, &err));
        OK(vmm_snapshot_verify(again, &err));
        chain[i] = branch_checkpoint(vm);
        check_copies(vm, chain[i], want);
        check_copies(vm, again, want);
        if (i > 0) {
            branch_rewind_to(vm, chain[any((uint64_t)i)]);
        }
        free(want);
        vmm_snapshot_close(again);
        close(fd);
    }
    for (int i = 0; i < 6; i++) {
        vmm_snapshot_close(chain[i]);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

/* Few changed bytes take few bytes; pages that many machines share are whole. */
static void t_memory(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base = branch_base();
    struct vmm_snapshot_info info;
    struct vmm *vm = branch_copy(base);
    for (uint64_t i = 0; i < 50; i++) {
        branch_fill(vm, branch_areas[0] + 3 * i * HV_PAGE_SIZE, 1, i + 1);
    }
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    vmm_snapshot_info(snap, &info);
    CHECK(info.delta_pages >= 50 && info.delta_memory < 50 * 400 + 8 * HV_PAGE_SIZE);
    vmm_snapshot_close(snap);
    OK(vmm_rewind_to(vm, base, &err));
    branch_fill(vm, branch_areas[0], 50, 1);
    snap = branch_checkpoint(vm);
    vmm_snapshot_info(snap, &info);
    CHECK(info.delta_memory >= 50 * HV_PAGE_SIZE);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
}

static uint64_t private_pages(struct vmm_snapshot *snap)
{
    struct vmm_err err;
    struct vmm_footprint footprint;
    struct vmm *vm = branch_copy(snap);
    OK(vmm_footprint(vm, &footprint, &err));
    CHECK_INT(footprint.changed_pages, 0);
    vmm_destroy(vm);
    return footprint.private_pages;
}

/* Pages that lie near each other are one run of a file, which is mapped: a restore copies none of
 * them. The pages between them are the base's. */
static void t_bridge(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base = branch_base(), *snap;
    struct vmm *vm = branch_copy(base);
    const uint64_t before = private_pages(base);
    const int fd = vt_memfd("", 0);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 30; i++) {
        branch_fill(vm, branch_areas[0] + 6 * i * HV_PAGE_SIZE, 1, i + 1);
        sum += 2 * (6 * i + 1) * (i + 1);
    }
    OK(vmm_checkpoint_save(vm, fd, &err));
    vmm_destroy(vm);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    CHECK(private_pages(snap) < before + 20);
    vm = branch_copy(snap);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(branch_sum(vm, branch_areas[0], 6 * 30), sum);
        branch_fill(vm, branch_areas[0], 6 * 30, 7);
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
    }
    branch_fill(vm, branch_areas[0], 1, 9);
    struct vmm_snapshot *next = branch_checkpoint(vm);
    CHECK(next->delta.count < 50); /* without the pages that are the base's */
    vmm_snapshot_close(next);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
}

/* In each turn 16 pages are written that stay, and 100 that the next turn writes again. Of the
 * checkpoints that were given back nearly nothing is needed, and so it is not kept. */
static void t_chain(void)
{
    struct vmm_snapshot *base = branch_base(), *last = NULL;
    struct vmm_snapshot_info info;
    struct vmm *vm = branch_copy(base);
    for (uint64_t i = 0; i < 11; i++) {
        branch_fill(vm, branch_areas[0] + i * 17 * HV_PAGE_SIZE, 16, i + 1);
        branch_fill(vm, branch_areas[1], 100, i + 1);
        struct vmm_snapshot *snap = branch_checkpoint(vm);
        vmm_snapshot_close(last);
        last = snap;
        vmm_snapshot_info(last, &info);
        CHECK(info.delta_memory <= 2 * (100 + 16 * (i + 1) + 20) * HV_PAGE_SIZE);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(last);
    vmm_snapshot_close(base);
}

const struct vt_test vt_patch_tests[] = {
    {"patch-lines", t_lines}, {"patch-pages", t_pages},   {"patch-memory", t_memory},
    {"patch-chain", t_chain}, {"patch-bridge", t_bridge}, {NULL, NULL},
};
