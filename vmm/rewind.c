// SPDX-License-Identifier: Apache-2.0
/*
 * From a snapshot to a machine, and back to the snapshot in place. Memory is a private mapping of
 * the image; which pages have to be copied back is the affair of hot.c.
 */
#include "snapshot_int.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
/* Behind the data, with a slot from the start. In a machine to be rewound it is also what has a
 * dirty log: what small runs take. Filled, more costs less without (high.c): 70 ns a page to give
 * back and take again, where a rewind copies it in 100 and the first run faults for each. */
#define RESTORE_LOW        (64ull << 20)
#define RESTORE_LOW_LOGGED (4ull << 20)

/* To read text that is not in memory in large pages, and now, before the readahead of its
 * neighbours reads it in small ones. */
static void restore_hints(struct vmm *vm)
{
    const struct snap_header *h = &vm->snap->header;
    if (vm->policy->large_text && h->text_end > h->text_start) {
        uint8_t *const text = vm->ram + h->text_start;
        (void)madvise(text, h->text_end - h->text_start, MADV_HUGEPAGE);
        (void)madvise(text, h->text_end - h->text_start, MADV_POPULATE_READ);
    }
}

/* The image as far as it has data; what is free behind that is memory of its own, in large pages: a
 * first write there is one fault for 2 MiB, in a hole of the file one for 4 KiB. */
static int restore_map(struct vmm *vm, bool rewindable, struct vmm_err *err)
{
    const struct snap_header *h = &vm->snap->header;
    uint64_t size = (h->data_end + PAGE_2M - 1) & ~(PAGE_2M - 1);
    size = size < h->memory ? size : h->memory;
    int rc = mem_ram_map_file(vm, h->memory, vm->snap->fd, SNAP_IMAGE_OFFSET, size, err);
    if (rc < 0) {
        return rc;
    }
    restore_hints(vm);
    vm->ram_image = size;
    size += rewindable ? RESTORE_LOW_LOGGED : RESTORE_LOW;
    vm->ram_low = size < h->memory ? size : h->memory;
    vm->initrd = vm->snap->initrd;
    return 0;
}

static int restore_tracking(struct vmm *vm, struct vmm_err *err)
{
    vm->rewindable = true;
    high_prepare(vm);
    int rc = hot_create(vm, err);
    if (rc < 0) {
        return rc;
    }
    struct kvm_enable_cap cap = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
                                 .args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE}};
    if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return vmm_err_set(err, errno, "KVM_ENABLE_CAP dirty log: %s", strerror(errno));
    }
    return shadow_watch(vm, err);
}

/* What the library itself keeps of a machine between runs. */
static void restore_host_side(struct vmm *vm)
{
    const struct snap_header *h = &vm->snap->header;
    vm->run_call = h->run_call;
    vm->kernel_start = h->kernel_start;
    vm->kernel_text_end = h->kernel_text_end;
    clock_continue(vm, h->mono_ns, h->wall_ns);
    vm->timer.guest = clock_guest_to_host(vm, h->timer_ns);
    atomic_store(&vm->kicked, 0);
}

static int restore_machine(struct vmm *vm, bool rewindable, struct vmm_err *err)
{
    const struct snap_header *h = &vm->snap->header;
    uint64_t *phase_ns = vm->counters.phase_ns;
    vm->cpuid = h->cpuid;
    vm->generation = h->generation;
    vm->counters.workset_pages = h->workset_pages - vm->snap->workset_longer;
    phase_ns[VMM_PHASE_OPEN] = vm->snap->open_ns;
    /* An APIC has registers that no rewind would put back. */
    int rc = kvm_vm_create(vm, vm->policy->kernel_apic && !rewindable, err);
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    if (rc == 0) {
        rc = restore_map(vm, rewindable, err);
        phase_ns[VMM_PHASE_MAP] = os_lap_ns(&at);
    }
    if (rc == 0 && rewindable) {
        rc = restore_tracking(vm, err);
        phase_ns[VMM_PHASE_TRACKING] = os_lap_ns(&at);
    }
    if (rc == 0) {
        workset_prefault(vm);
        phase_ns[VMM_PHASE_PREFAULT] = os_lap_ns(&at);
        rc = mem_slots_set_lazy(vm, err);
        phase_ns[VMM_PHASE_SLOTS] = os_lap_ns(&at);
    }
    return rc == 0 ? x86_vcpu_init(vm, &h->state, err) : rc;
}

int vmm_restore(struct vmm_snapshot *snap, const struct vmm_io *io, bool rewindable,
                struct vmm **out, struct vmm_err *err)
{
    *out = NULL;
    const uint64_t start = os_clock_ns(CLOCK_MONOTONIC);
    struct vmm *vm = NULL;
    int rc = snap_unchanged(snap, err);
    if (rc < 0) {
        return rc;
    }
    rc = vmm_alloc(&vm, snap->policy, io, err);
    if (rc < 0) {
        return rc;
    }
    vm->snap = snap;
    rc = restore_machine(vm, rewindable, err);
    if (rc < 0) {
        vmm_destroy(vm);
        return rc;
    }
    restore_host_side(vm);
    vm->state = VMM_STATE_READY;
    vm->counters.restore_ns = os_clock_ns(CLOCK_MONOTONIC) - start;
    *out = vm;
    return 0;
}

int vmm_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err)
{
    *count = 0;
    int rc = hot_written(vm, err);
    if (rc < 0) {
        return rc;
    }
    size_t n = 0;
    for (uint64_t w = 0; w < vm->ram_low / HV_PAGE_SIZE / 64; w++) {
        for (uint64_t bits = vm->hot.map[w]; bits != 0; bits &= bits - 1, n++) {
            if (n < max) {
                gpas[n] = (w * 64 + (uint64_t)__builtin_ctzll(bits)) * HV_PAGE_SIZE;
            }
        }
    }
    *count = n;
    rc = high_dirty_pages(vm, gpas, max, count, err);
    vm->counters.dirty_pages = *count;
    return rc;
}

static int rewind_memory(struct vmm *vm, uint64_t *at, struct vmm_err *err)
{
    struct vmm_counters *c = &vm->counters;
    int rc = snap_unchanged(vm->snap, err);
    if (rc == 0) {
        rc = hot_collect(vm, err);
    }
    if (rc == 0) {
        rc = hot_list(vm, err);
    }
    if (rc < 0) {
        return rc;
    }
    vm->ring0_seen = vm->ring0_seen || vm->hot.stale;
    c->dirty_pages = vm->hot.count;
    c->phase_ns[VMM_PHASE_LOG] = os_lap_ns(at);
    if (vm->policy->nested_paging) {
        rc = shadow_flush(vm, vm->hot.log, err);
        c->phase_ns[VMM_PHASE_SHADOW] = os_lap_ns(at);
    }
    rc = rc < 0 ? rc : high_drop(vm, err);
    if (rc < 0) {
        return rc;
    }
    const bool leave = hot_copy(vm) > 0;
    c->phase_ns[VMM_PHASE_COPY] = os_lap_ns(at);
    if (leave) {
        rc = hot_cool(vm, err);
        c->phase_ns[VMM_PHASE_COOL] = os_lap_ns(at);
    }
    if (rc == 0 && vm->hot.stale) {
        rc = hot_shadow_reset(vm, err);
        c->phase_ns[VMM_PHASE_SHADOW] = os_lap_ns(at);
    }
    c->hot_pages = vm->hot.count;
    return rc;
}

/* KVM wants to be entered once more behind an exit before the vCPU is in a state that can be read
 * or replaced. Not so behind a doorbell on kvm-pvm, where that would cost 7 us: its `out` is done
 * by the instruction emulator, which has moved RIP on before the exit and leaves nothing to
 * complete (x86_emulate_instruction(): an output clears pio.count and is written back). Where
 * hardware KVM does leave something, it forgets that on entry when RIP was replaced, so that a VMM
 * can answer an `out` with a reset; but a hostile guest could have made the two RIPs the same. */
static int rewind_settle(struct vmm *vm, struct vmm_err *err)
{
    return vm->at_doorbell && !vm->policy->settle_always ? 0 : vcpu_settle(vm, err);
}

/* On kvm-pvm an ioctl on a vCPU costs 7 us, and its LSTAR runs at CPL 3: there a guest that has not
 * touched a watched page (shadow.c) has run no code of its own in ring 0, nor has it had a debug
 * exception (HV_DEBUG_MARK), but for one that was under way when a signal ended the run. On
 * hardware KVM all is set.
 *
 * Vector state is left as it is where the guest has said, before the snapshot, that it loads it
 * itself (HV_RUN_VECTORS). A run cannot take that back: the code that does it, what it loads, the
 * page tables below and the registers with which it begins are those of the snapshot again, and
 * the guest is not interrupted on the way, because no upcall is pushed onto kernel text. */
static int rewind_state(struct vmm *vm, struct vmm_err *err)
{
    const bool ring0 = vm->ring0_seen || !vm->at_doorbell || vm->policy->ring0_always;
    vm->vectors_left = !ring0 && (vm->snap->header.run_call.arg[2] & HV_RUN_VECTORS) != 0;
    int rc = x86_state_set(vm, &vm->snap->header.state, !vm->vectors_left, ring0, err);
    if (rc == 0) {
        vm->ring0_seen = false;
    }
    return rc;
}

/* What memory has to do with the runs before goes: the pages that they wrote or read, in the host's
 * page tables and in KVM's, the slots that they needed, the hot set. */
static int renew_memory(struct vmm *vm, uint64_t *at, struct vmm_err *err)
{
    uint64_t *phase_ns = vm->counters.phase_ns;
    struct mem_initrd initrd = {0};
    int rc = snap_unchanged(vm->snap, err);
    rc = rc == 0 ? mem_initrd_map(&initrd, vm->snap->initrd_fd, "the initrd", err) : rc;
    if (rc < 0) {
        mem_initrd_unmap(&initrd);
        return rc;
    }
    hot_forget(vm);
    rc = mem_slots_drop(vm, err);
    if (vm->initrd.map != vm->snap->initrd.map) {
        mem_initrd_unmap(&vm->initrd);
    }
    vm->initrd = initrd;
    rc = rc == 0 ? mem_ram_renew(vm, vm->snap->fd, SNAP_IMAGE_OFFSET, err) : rc;
    if (rc < 0) {
        return rc;
    }
    restore_hints(vm);
    phase_ns[VMM_PHASE_MAP] = os_lap_ns(at);
    workset_prefault(vm);
    phase_ns[VMM_PHASE_PREFAULT] = os_lap_ns(at);
    rc = mem_slots_set_lazy(vm, err);
    phase_ns[VMM_PHASE_SLOTS] = os_lap_ns(at);
    vm->counters.hot_pages = vm->counters.dirty_pages = 0;
    vm->ring0_seen = true; /* all state is set */
    return rc;
}

static int rewind_machine(struct vmm *vm, bool renew, struct vmm_err *err)
{
    const uint64_t start = os_clock_ns(CLOCK_MONOTONIC);
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    vm->state = VMM_STATE_BAD;
    counters_begin_rewind(vm);
    uint64_t at = start;
    int rc = rewind_settle(vm, err);
    vm->counters.phase_ns[VMM_PHASE_SETTLE] = os_lap_ns(&at);
    if (rc == 0) {
        rc = renew ? renew_memory(vm, &at, err) : rewind_memory(vm, &at, err);
    }
    if (rc == 0) {
        rc = rewind_state(vm, err);
    }
    if (rc < 0) {
        return rc;
    }
    restore_host_side(vm);
    vm->state = VMM_STATE_READY;
    vm->counters.phase_ns[VMM_PHASE_STATE] = os_lap_ns(&at);
    vm->counters.restore_ns = at - start;
    return 0;
}

int vmm_rewind(struct vmm *vm, struct vmm_err *err)
{
    return rewind_machine(vm, false, err);
}

int vmm_renew(struct vmm *vm, struct vmm_err *err)
{
    if (vm->notes.watch >= 0 || vm->notes.written != NULL) {
        return vmm_err_set(err, EINVAL, "the machine records a working set: rewind it");
    }
    return rewind_machine(vm, true, err);
}
