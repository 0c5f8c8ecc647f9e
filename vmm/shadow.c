// SPDX-License-Identifier: Apache-2.0
/*
 * Makes KVM and the CPU forget translations that a rewind has made wrong. With shadow paging
 * (kvm-pvm, or no EPT/NPT) KVM keeps page tables of its own, made from the guest's. A rewind writes
 * guest memory from outside, and KVM does not see that. After a run that changed a page table, KVM
 * would go on with that run's translations. So the pages that hold page tables, vectors and
 * descriptors are watched pages: the dirty log tells whether a run has written one. A run that only
 * used memory has not, and its rewind costs nothing more. After any other run the memory slot is
 * removed and set again, which makes KVM forget everything that it derived from the old contents.
 *
 * This is enough against hostile code as well. To gain ring 0, or to make a page a page table, code
 * has first to write one of the watched pages. Its bit in the dirty log stays set until the slot is
 * set again. A guest may have other roots, whose tables are not watched, but the only code that
 * loads one writes a watched page first (HV_ROOT_MARK). So it does not matter either which root is
 * loaded in a snapshot: only the tables of that one are watched, and KVM knows no others when a run
 * begins.
 *
 * With nested paging KVM has no such tables, but the CPU may hold translations that a run made and
 * the rewind took back. The log does not tell which pages of tables a run wrote, because there each
 * walk of the tables counts as a write. So every rewind makes the CPU forget. KVM does that when a
 * bit of the dirty log is cleared. That bit is the one of the root table, which every guest has to
 * walk. The next walk sets it again, at the price of one fault.
 */
#include "paging.h"
#include "snapshot_int.h"

static hv_gpa_t shadow_root(const struct vmm *vm)
{
    return vm->snap->header.state.sregs.cr3 & PTE_ADDR;
}

static void shadow_mark(struct vmm *vm, uint64_t gpa)
{
    bitmap_set(vm->watch, gpa / HV_PAGE_SIZE);
}

struct shadow_walk {
    struct paging_walk walk;
    struct vmm *vm;
    uint64_t tables[PAGING_LEVELS][PAGING_ENTRIES]; /* room for one of each level */
};

static const uint64_t *shadow_table(struct paging_walk *walk, hv_gpa_t gpa, int level)
{
    struct shadow_walk *const w = (struct shadow_walk *)walk;
    struct vmm *vm = w->vm;
    if (gpa > vm->ram_size - HV_PAGE_SIZE) {
        return NULL;
    }
    shadow_mark(vm, gpa);
    uint8_t *const room = (uint8_t *)w->tables[level - 1];
    return level > 1 ? (const uint64_t *)(const void *)snap_page(vm->snap, gpa / HV_PAGE_SIZE, room)
                     : NULL;
}

int shadow_watch(struct vmm *vm, struct vmm_err *err)
{
    vm->watch = os_zeroes(vm->ram_size / HV_PAGE_SIZE / 8);
    if (vm->watch == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory%s", os_limit(ENOMEM));
    }
    shadow_mark(vm, HV_TABLES_GPA);
    shadow_mark(vm, HV_VECTORS_GPA);
    shadow_watch_tables(vm);
    return 0;
}

void shadow_watch_tables(struct vmm *vm)
{
    struct shadow_walk tables; /* most of it is room */
    tables.walk = (struct paging_walk){.table = shadow_table};
    tables.vm = vm;
    paging_walk(&tables.walk, shadow_root(vm));
}

int shadow_reset(struct vmm *vm, struct vmm_err *err)
{
    vm->counters.shadow_resets++;
    return mem_slots_renew(vm, err);
}

int shadow_flush(struct vmm *vm, const uint64_t *log, struct vmm_err *err)
{
    const uint64_t page = shadow_root(vm) / HV_PAGE_SIZE;
    if (page * HV_PAGE_SIZE < vm->ram_low && bitmap_test(log, page)) {
        return mem_log_clear_page(vm, page * HV_PAGE_SIZE, err);
    }
    return shadow_reset(vm, err); /* nothing ran, or KVM does not do as said above */
}
