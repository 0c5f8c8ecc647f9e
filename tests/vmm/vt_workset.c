// SPDX-License-Identifier: Apache-2.0
/*
 * The working set, the pages that a restore copies ahead: what is recorded of small and of longer
 * runs, and which part of it is copied when.
 */
#include "vt_branch.h"
#include "vmm/snapshot_int.h"

#include <stdlib.h>
#include <unistd.h>

#define FIRST 0x800u /* the page where "dirty" and "look" begin */
#define DATA  128u   /* pages of data from there */

/* A snapshot with data where the test guest writes. */
static int snapshot_with_data(void)
{
    struct vmm_err err;
    const int fd = vt_memfd("", 0);
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_run(vm, "again", ""), VMM_READY, 0, "");
    memset(mem_write_ptr(vm, FIRST * HV_PAGE_SIZE, DATA * HV_PAGE_SIZE), 1, DATA * HV_PAGE_SIZE);
    OK(vmm_snapshot_write(vm, fd, &(struct vmm_key){{1}}, &err));
    vmm_destroy(vm);
    return fd;
}

/* Records 40 pages written and 60 read by small runs, 100 written by a longer one. True if reading
 * could be seen. */
static bool record(int fd)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm;
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    vmm_workset_watch(vm);
    const bool sees = vm->notes.watch >= 0;
    IS(vt_run(vm, "dirty", "40"), VMM_EXITED, 0, "");
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "look", "60"), VMM_EXITED, 1, "");
    OK(vmm_workset_small(vm, &err));
    OK(vmm_rewind(vm, &err));
    IS(vt_run(vm, "dirty", "100"), VMM_EXITED, 0, "");
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    return sees;
}

static uint32_t entry_of(const struct vmm_snapshot *snap, uint32_t page)
{
    for (uint64_t i = 0; i < snap->header.workset_pages; i++) {
        if ((snap->workset[i] & SNAP_PAGE_NUMBER) == page) {
            return snap->workset[i];
        }
    }
    return 0;
}

static void t_entries(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm_snapshot_info info;
    int fd = snapshot_with_data();
    const bool sees = record(fd);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_snapshot_verify(snap, &err));
    vmm_snapshot_info(snap, &info);
    CHECK_INT(info.workset_longer, 60);
    CHECK(info.workset_pages >= 40 && info.workset_pages < 40 + 60);
    for (uint32_t i = 0; i < DATA; i++) {
        const uint32_t page = FIRST + i;
        const uint32_t longer = page | SNAP_PAGE_LONGER;
        const uint32_t wanted = i < 40           ? page
                                : i < 60 && sees ? longer | SNAP_PAGE_READ
                                : i < 100        ? longer
                                                 : 0;
        CHECK_INT(entry_of(snap, page), wanted);
    }
    /* The kernel's text is in the image, too; vectors and tables are KVM's to read. */
    CHECK(!sees || (entry_of(snap, HV_KERNEL_GPA / HV_PAGE_SIZE) & SNAP_PAGE_READ) != 0);
    CHECK_INT(entry_of(snap, HV_VECTORS_GPA / HV_PAGE_SIZE), 0);
    vmm_snapshot_close(snap);
}

/* Checks how much is copied in a run that lasts so long, and that the run sees the right memory. */
static uint64_t copied(struct vmm_snapshot *snap, bool rewindable, uint64_t ms)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
    struct vmm_outcome o;
    if (ms > 0) {
        o = vt_run_for(vm, "spin", "", ms * 1000000);
        CHECK_INT(o.kind, VMM_TIMEOUT);
    } else {
        o = vt_run(vm, "look", "128");
        IS(o, VMM_EXITED, 1, "");
    }
    for (uint32_t i = 0; i < DATA; i++) {
        CHECK(memcmp(vm->ram + (FIRST + i) * HV_PAGE_SIZE,
                     snap->pristine + (FIRST + i) * HV_PAGE_SIZE, HV_PAGE_SIZE) == 0);
    }
    vmm_destroy(vm);
    return o.counters.prefaulted_pages;
}

/* The same for a run that writes so many pages first. */
static uint64_t copied_of_writer(struct vmm_snapshot *snap, const char *pages)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
    struct vmm_outcome o = vt_run_for(vm, "dirty-spin", pages, 400000000);
    CHECK_INT(o.kind, VMM_TIMEOUT);
    vmm_destroy(vm);
    return o.counters.prefaulted_pages;
}

static void t_longer(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    int fd = snapshot_with_data();
    (void)record(fd);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    struct policy policy = *policy_of(POLICY_PVM);
    vt_policy_fit(&policy);
    snap->policy = &policy;
    policy.longer_ns = 1000000000;
    policy.longer_faults = 0;
    const uint64_t small = copied(snap, false, 0);
    CHECK(small >= 40 && small < 100);
    CHECK_INT(copied(snap, false, 50), small);
    policy.longer_ns = 5000000;
    CHECK_INT(copied(snap, false, 50), small + 60);
    CHECK_INT(copied(snap, true, 50), copied(snap, true, 0));
    policy.longer_ns = 0;
    CHECK_INT(copied(snap, false, 50), small);
    /* However long it takes, a run that faults little is a small one. */
    policy.longer_ns = policy_of(POLICY_PVM)->longer_ns;
    policy.longer_faults = policy_of(POLICY_PVM)->longer_faults;
    CHECK_INT(copied(snap, false, 400), small);
    CHECK_INT(copied_of_writer(snap, "100"), small);
    CHECK_INT(copied_of_writer(snap, "400"), small + 60);
    vmm_snapshot_close(snap);
}

/* A file with a checkpoint that has a run of 40 pages in each of two areas, which a restore maps:
 * one in the image, and one after it; and a run of 3 pages, which a restore copies. */
static int checkpoint_file(struct vmm_snapshot *base)
{
    struct vmm_err err;
    struct vmm *vm = branch_copy(base);
    const int fd = vt_memfd("", 0);
    branch_fill(vm, branch_areas[0], 40, 1);
    branch_fill(vm, branch_areas[1], 40, 2);
    branch_fill(vm, branch_areas[2], 3, 3);
    OK(vmm_checkpoint_save(vm, fd, &err));
    vmm_destroy(vm);
    return fd;
}

/* Records that small runs write 5 pages of the first area and read 10 of the second, and that a
 * longer one writes 20 of the first. True if reading could be seen. */
static bool record_checkpoint(int fd, struct vmm_snapshot *base)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    struct vmm *vm = branch_copy(snap);
    vmm_workset_watch(vm);
    const bool sees = vm->notes.watch >= 0;
    branch_fill(vm, branch_areas[0], 5, 1);
    CHECK_INT(branch_sum(vm, branch_areas[1], 10), 2 * 2 * 55);
    CHECK_INT(branch_sum(vm, branch_areas[2], 3), 2 * 3 * 6); /* of a short run, which is copied */
    OK(vmm_workset_small(vm, &err));
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    branch_fill(vm, branch_areas[0], 20, 9);
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    OK(vmm_rewind(vm, &err)); /* the file is as it should be */
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    return sees;
}

static void check_entries(const struct vmm_snapshot *snap, bool sees)
{
    for (uint32_t i = 0; i < 40; i++) {
        const uint32_t first = (uint32_t)(branch_areas[0] / HV_PAGE_SIZE) + i;
        const uint32_t second = (uint32_t)(branch_areas[1] / HV_PAGE_SIZE) + i;
        CHECK_INT(entry_of(snap, first), i < 5 ? first : i < 20 ? first | SNAP_PAGE_LONGER : 0);
        CHECK_INT(entry_of(snap, second), i < 10 && sees ? second | SNAP_PAGE_READ : 0);
    }
}

static void t_checkpoint(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base = branch_base(), *snap;
    struct vmm *vm;
    size_t size;
    int fd = checkpoint_file(base);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    CHECK(snap->workset == base->workset && snap->header.workset_pages == 0);
    vmm_snapshot_close(snap);
    const bool sees = record_checkpoint(fd, base);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    OK(vmm_snapshot_verify(snap, &err));
    check_entries(snap, sees);
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        OK(vmm_check(vm, &err));
        CHECK(vm->counters.prefaulted_pages >= 5 && vm->counters.prefaulted_pages < 200);
        vmm_destroy(vm);
    }
    char *bytes = vt_content(fd, &size);
    bytes[size - 1] ^= 1;
    fd = vt_memfd(bytes, size);
    struct vmm_snapshot *bad;
    FAILS(vmm_checkpoint_open_fd(fd, base, &bad, &err), EBADMSG,
          "the checkpoint's working set is damaged");
    free(bytes);
    /* A checkpoint of a machine that came from the file, with pages of that file alone. */
    vm = branch_copy(snap);
    bad = branch_checkpoint(vm);
    OK(vmm_snapshot_verify(bad, &err));
    FAILS(vmm_snapshot_set_workset(vm, fd, &err), EINVAL, "no working set");
    vmm_destroy(vm);
    vmm_snapshot_close(bad);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
}

/* What longer runs write by the base's list is in the checkpoint's, too. */
static void t_inherited(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base, *snap;
    struct vmm *vm;
    const int file = snapshot_with_data();
    (void)record(file);
    OK(vmm_snapshot_open_fd(file, vt_initrd, NULL, &base, &err));
    OK(vmm_restore(base, &vt_no_io, true, &vm, &err));
    const int fd = vt_memfd("", 0);
    OK(vmm_checkpoint_save(vm, fd, &err));
    vmm_destroy(vm);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    IS(vt_run(vm, "dirty", "50"), VMM_EXITED, 0, "");
    OK(vmm_workset_small(vm, &err));
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    for (uint32_t i = 0; i < DATA; i++) {
        const uint32_t page = FIRST + i;
        CHECK_INT(entry_of(snap, page), i < 50 ? page : i < 100 ? page | SNAP_PAGE_LONGER : 0);
    }
    CHECK_INT(snap->workset_longer, 50);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
}

const struct vt_test vt_workset_tests[] = {
    {"workset-entries", t_entries},
    {"workset-longer", t_longer},
    {"workset-checkpoint", t_checkpoint},
    {"workset-inherited", t_inherited},
    {NULL, NULL},
};
