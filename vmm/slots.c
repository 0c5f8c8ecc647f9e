// SPDX-License-Identifier: Apache-2.0
/*
 * KVM's memory slots, the ranges of guest memory that KVM knows. A slot costs time and kernel
 * memory by its size, whether it is used or not. Few runs touch much more memory than the snapshot
 * has data. So a restored machine gets the slot for the rest of RAM when an access first misses it.
 * KVM takes such an access for one to a device. It emulates the instruction and exits with the
 * bytes to read or write. Sometimes KVM exits before it has done anything, because its emulator
 * does not know the instruction (vectors) or the instruction itself lies in that memory. Then the
 * instruction is run again. The guest can see nothing of this.
 *
 * Only the slot of low RAM, which is there from the start, has a dirty log. high.c deals with the
 * rest.
 */
#include "vmm_int.h"

#include <string.h>
#include <sys/ioctl.h>

/* The part of the guest's memory that a slot covers. */
struct slot_range {
    hv_gpa_t gpa;
    uint8_t *hva;
    uint64_t size;
    uint32_t flags;
};

static struct slot_range slot_range(const struct vmm *vm, enum mem_slot slot)
{
    const uint32_t flags = vm->rewindable ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    const uint64_t low = vm->ram_low < vm->ram_bound ? vm->ram_low : vm->ram_bound;
    switch (slot) {
    case MEM_SLOT_LOW:
        return (struct slot_range){0, vm->ram, low, flags};
    case MEM_SLOT_HIGH:
        return (struct slot_range){low, vm->ram + low, vm->ram_bound - low, 0};
    default:
        return (struct slot_range){HV_INITRD_GPA, vm->initrd.map, vm->initrd.map_size,
                                   KVM_MEM_READONLY};
    }
}

/* Gives KVM a slot, unless it has that slot already or the slot has no size. */
static int slot_add(struct vmm *vm, enum mem_slot slot, struct vmm_err *err)
{
    const struct slot_range r = slot_range(vm, slot);
    if ((vm->slots & 1u << slot) != 0 || r.size == 0) {
        return 0;
    }
    int rc = kvm_slot_set(vm, slot, r.flags, r.gpa, r.hva, r.size, err);
    if (rc == 0) {
        vm->slots |= 1u << slot;
        vm->high_used = vm->high_used || slot == MEM_SLOT_HIGH;
    }
    return rc;
}

int mem_slots_set(struct vmm *vm, struct vmm_err *err)
{
    int rc = 0;
    for (enum mem_slot slot = 0; rc == 0 && slot < MEM_SLOTS; slot++) {
        rc = slot_add(vm, slot, err);
    }
    return rc;
}

/* Without the capability (EINVAL) an instruction that KVM cannot emulate would end in the guest's
 * #UD, so all slots are set at once. */
int mem_slots_set_lazy(struct vmm *vm, struct vmm_err *err)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};
    if (!vm->policy->lazy_slots || vm->ram_low == vm->ram_size) {
        return mem_slots_set(vm, err);
    }
    if (!vm->slots_lazy && ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return errno == EINVAL ? mem_slots_set(vm, err)
                               : vmm_err_set(err, errno, "KVM_ENABLE_CAP emulation failure: %s",
                                             strerror(errno));
    }
    vm->slots_lazy = true;
    int rc = slot_add(vm, MEM_SLOT_LOW, err);
    return rc == 0 ? slot_add(vm, MEM_SLOT_INITRD, err) : rc;
}

int mem_slots_drop(struct vmm *vm, bool initrd, struct vmm_err *err)
{
    int rc = 0;
    for (enum mem_slot slot = 0; rc == 0 && slot < MEM_SLOTS; slot++) {
        if ((vm->slots & 1u << slot) != 0 && (initrd || slot != MEM_SLOT_INITRD)) {
            const struct slot_range r = slot_range(vm, slot);
            rc = kvm_slot_set(vm, slot, 0, r.gpa, r.hva, 0, err);
            vm->slots &= ~(1u << slot);
        }
    }
    vm->slot_added = false;
    vm->high_used = false;
    return rc;
}

int mem_slots_bound(struct vmm *vm, uint64_t bound, struct vmm_err *err)
{
    static const enum mem_slot ram[] = {MEM_SLOT_LOW, MEM_SLOT_HIGH};
    const uint64_t had = vm->ram_bound;
    int rc = 0;
    if (bound == had) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < sizeof(ram) / sizeof(ram[0]); i++) {
        const struct slot_range before = slot_range(vm, ram[i]);
        vm->ram_bound = bound;
        const bool same = slot_range(vm, ram[i]).size == before.size;
        vm->ram_bound = had;
        if ((vm->slots & 1u << ram[i]) != 0 && !same) {
            rc = kvm_slot_set(vm, ram[i], 0, before.gpa, before.hva, 0, err);
            vm->slots &= ~(1u << ram[i]);
        }
    }
    vm->ram_bound = bound;
    return rc == 0 ? mem_slots_set_lazy(vm, err) : rc;
}

int mem_slots_renew(struct vmm *vm, struct vmm_err *err)
{
    const unsigned had = vm->slots & (1u << MEM_SLOT_LOW | 1u << MEM_SLOT_HIGH);
    int rc = 0;
    for (enum mem_slot slot = 0; rc == 0 && slot < MEM_SLOTS; slot++) {
        if (had & 1u << slot) {
            const struct slot_range r = slot_range(vm, slot);
            rc = kvm_slot_set(vm, slot, 0, r.gpa, r.hva, 0, err);
            vm->slots &= ~(1u << slot);
            rc = rc == 0 ? slot_add(vm, slot, err) : rc;
        }
    }
    return rc;
}

static bool slot_has(const struct slot_range *r, hv_gpa_t gpa, uint64_t size)
{
    return gpa >= r->gpa && gpa - r->gpa < r->size && size <= r->size - (gpa - r->gpa);
}

/* Does an access that KVM took for one to a device. Returns 1, or 0 when no slot is for such an
 * access. An access that crosses a page comes in two exits: at the second the slot is there
 * already. */
static int slot_access(struct vmm *vm, struct vmm_err *err)
{
    struct kvm_run *run = vm->run;
    const hv_gpa_t gpa = run->mmio.phys_addr;
    const uint32_t len = run->mmio.len;
    if (len > sizeof(run->mmio.data)) {
        return 0;
    }
    for (enum mem_slot slot = 0; slot < MEM_SLOTS; slot++) {
        const struct slot_range r = slot_range(vm, slot);
        if (!slot_has(&r, gpa, len) || (run->mmio.is_write && (r.flags & KVM_MEM_READONLY))) {
            continue;
        }
        int rc = slot_add(vm, slot, err);
        if (rc < 0) {
            return rc;
        }
        if (run->mmio.is_write) {
            memcpy(mem_write_ptr(vm, gpa, len), run->mmio.data, len);
        } else {
            memcpy(run->mmio.data, r.hva + (gpa - r.gpa), len);
        }
        return 1;
    }
    return 0;
}

int mem_slots_fault(struct vmm *vm, struct vmm_err *err)
{
    const unsigned had = vm->slots;
    if (vm->run->exit_reason == KVM_EXIT_MMIO) {
        int rc = slot_access(vm, err);
        vm->slot_added = vm->slot_added || vm->slots != had;
        return rc;
    }
    if (vm->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        return 0;
    }
    /* KVM does not say which address it missed, so all slots are set. The slot may be there
     * already: KVM may have begun with a read, for which the slot was set, and then given up. Then
     * it has to try again. */
    int rc = mem_slots_set(vm, err);
    const bool again = vm->slot_added || vm->slots != had;
    vm->slot_added = false;
    return rc < 0 ? rc : again;
}

int mem_log_get(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err)
{
    struct kvm_dirty_log log = {.slot = MEM_SLOT_LOW, .dirty_bitmap = bitmap};
    if (ioctl(vm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0) {
        return vmm_err_set(err, errno, "KVM_GET_DIRTY_LOG: %s", strerror(errno));
    }
    return 0;
}

int mem_log_clear_page(struct vmm *vm, hv_gpa_t gpa, struct vmm_err *err)
{
    const uint64_t page = gpa / HV_PAGE_SIZE;
    uint64_t bits = bitmap_mask(page);
    struct kvm_clear_dirty_log clear = {.slot = MEM_SLOT_LOW,
                                        .first_page = page & ~(uint64_t)(BITMAP_WORD - 1),
                                        .num_pages = BITMAP_WORD,
                                        .dirty_bitmap = &bits};
    if (ioctl(vm->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0) {
        return vmm_err_set(err, errno, "KVM_CLEAR_DIRTY_LOG: %s", strerror(errno));
    }
    return 0;
}

int mem_log_clear(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err)
{
    struct kvm_clear_dirty_log clear = {.slot = MEM_SLOT_LOW,
                                        .num_pages = (uint32_t)(vm->ram_low / HV_PAGE_SIZE),
                                        .dirty_bitmap = bitmap};
    if (ioctl(vm->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0) {
        return vmm_err_set(err, errno, "KVM_CLEAR_DIRTY_LOG: %s", strerror(errno));
    }
    return 0;
}
