// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a machine from a snapshot (restore), and puts it back to the snapshot in place (rewind).
 * The machine's memory is a private mapping of the image. hot.c knows which pages have to be copied
 * back.
 */
#include "snapshot_int.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
/* A step of a restore or a rewind, and the phase in which its time is counted. A step that has
 * nothing to do returns STEP_IDLE, and no time is counted for it. */
struct step {
    enum vmm_phase phase;
    int (*run)(struct vmm *vm, struct vmm_err *err);
};
#define STEP_IDLE 1

/* Runs the steps up to the first that fails. *at is when the last one ended. */
static int steps_run(struct vmm *vm, const struct step *steps, uint64_t *at, struct vmm_err *err)
{
    for (; steps->run != NULL; steps++) {
        const int rc = steps->run(vm, err);
        if (rc < 0) {
            return rc;
        }
        if (rc != STEP_IDLE) {
            vm->counters.phase_ns[steps->phase] += os_lap_ns(at);
        }
    }
    return 0;
}

/* Makes the kernel read program text in large pages, and now. Later the readahead of its neighbours
 * could read it in small pages. */
static void restore_hints(struct vmm *vm)
{
    const struct snap_header *h = &vm->snap->header;
    if (vm->policy->large_text && h->text_end > h->text_start) {
        uint8_t *const text = vm->ram + h->text_start;
        (void)madvise(text, h->text_end - h->text_start, MADV_HUGEPAGE);
        (void)madvise(text, h->text_end - h->text_start, MADV_POPULATE_READ);
    }
}

/* How much memory has a slot from the start. */
static uint64_t restore_low(const struct vmm *vm)
{
    const uint64_t memory = vm->snap->header.memory, image = snap_image_size(vm->snap);
    const uint64_t delta = (delta_end(&vm->snap->delta) + PAGE_2M - 1) & ~(PAGE_2M - 1);
    const uint64_t size =
        (delta > image ? delta : image) + (vm->rewindable ? RESTORE_LOW_LOGGED : RESTORE_LOW);
    return size < memory ? size : memory;
}

/* Maps the image as far as it has data, and a checkpoint's runs of pages over it. The rest of RAM
 * is anonymous memory in large pages: a first write there is one fault for 2 MiB. In a hole of the
 * file it would be one fault for 4 KiB. */
static int restore_map(struct vmm *vm, struct vmm_err *err)
{
    const struct snap_header *h = &vm->snap->header;
    uint64_t size = snap_image_size(vm->snap);
    int rc = mem_ram_map_file(vm, h->memory, vm->snap->fd, SNAP_IMAGE_OFFSET, size, err);
    if (rc < 0) {
        return rc;
    }
    restore_hints(vm);
    vm->ram_image = size;
    vm->ram_low = restore_low(vm);
    vm->initrd = vm->snap->initrd;
    return delta_map(&vm->snap->delta, vm, err);
}

static int restore_tracking(struct vmm *vm, struct vmm_err *err)
{
    if (!vm->rewindable) {
        return STEP_IDLE;
    }
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

/* Sets what the library itself keeps of a machine between runs. */
static void restore_host_side(struct vmm *vm)
{
    const struct snap_header *h = &vm->snap->header;
    vm->run_call = h->run_call;
    vm->kernel_start = h->kernel_start;
    vm->kernel_text_end = h->kernel_text_end;
    clock_continue(vm, h->mono_ns, h->wall_ns);
    vm->timer.guest = clock_guest_to_host(vm, h->timer_ns);
    atomic_store(&vm->kicked, 0);
    vm->memory_most = 0;
    vm->restored = true;
    vm->suspension.until = clock_guest_to_host(vm, vm->snap->suspended.until_ns);
    vm->state = vm->snap->suspended.is ? VMM_STATE_LEFT : VMM_STATE_READY;
}

static int restore_prefault(struct vmm *vm, struct vmm_err *err)
{
    (void)err; /* a page that cannot be fetched is a fault later */
    workset_prefault(vm);
    delta_copy(&vm->snap->delta, vm);
    return 0;
}

static const struct step restore_steps[] = {
    {VMM_PHASE_MAP, restore_map},
    {VMM_PHASE_TRACKING, restore_tracking},
    {VMM_PHASE_PREFAULT, restore_prefault},
    {VMM_PHASE_SLOTS, mem_slots_set_lazy},
    {0},
};

/* The functions that make the VM and its vCPU count their phases themselves. */
static int restore_machine(struct vmm *vm, struct vmm_err *err)
{
    const struct snap_header *h = &vm->snap->header;
    vm->cpuid = h->cpuid;
    vm->generation = h->generation;
    vm->counters.workset_pages = h->workset_pages - vm->snap->workset_longer;
    vm->counters.phase_ns[VMM_PHASE_OPEN] = vm->snap->open_ns;
    /* An APIC has registers that no rewind would put back. */
    int rc = kvm_vm_create(vm, vm->policy->kernel_apic && !vm->rewindable, err);
    if (rc == 0) {
        rc = kvm_shadow_allow(vm, h->memory, err);
    }
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    if (rc == 0) {
        rc = steps_run(vm, restore_steps, &at, err);
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
    vm->snap = snap_hold(snap);
    vm->origin = snap_hold(snap);
    vm->rewindable = rewindable;
    rc = restore_machine(vm, err);
    if (rc < 0) {
        vmm_destroy(vm);
        return rc;
    }
    restore_host_side(vm);
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
    const uint64_t end = vm->ram_low / HV_PAGE_SIZE;
    for (uint64_t page = bitmap_next(vm->hot.map, 0, end); page < end;
         page = bitmap_next(vm->hot.map, page + 1, end)) {
        if (*count < max) {
            gpas[*count] = page * HV_PAGE_SIZE;
        }
        ++*count;
    }
    rc = high_dirty_pages(vm, gpas, max, count, err);
    vm->counters.dirty_pages = *count;
    return rc;
}

/* After an exit KVM wants to be entered once more before the vCPU's state can be read or replaced.
 * After a doorbell on kvm-pvm that is not needed, and would cost 7 us. There the instruction
 * emulator does the `out`. It has moved RIP on before the exit and leaves nothing to complete
 * (x86_emulate_instruction(): an output clears pio.count and is written back). Hardware KVM may
 * leave something to complete, which it forgets on entry when RIP was replaced, so that a VMM can
 * answer an `out` with a reset. But a hostile guest could have made the two RIPs the same. So there
 * KVM is always entered. */
static int rewind_settle(struct vmm *vm, struct vmm_err *err)
{
    return vm->at_doorbell && !vm->policy->settle_always ? 0 : vcpu_settle(vm, err);
}

/* Lists the pages that have to go back. */
static int rewind_log(struct vmm *vm, struct vmm_err *err)
{
    int rc = snap_unchanged_of(vm, err);
    if (rc == 0) {
        rc = hot_collect(vm, err);
    }
    if (rc == 0) {
        rc = hot_list(vm, err);
    }
    vm->ring0_seen = vm->ring0_seen || vm->hot.stale;
    vm->counters.dirty_pages = vm->hot.count;
    return rc;
}

static int rewind_flush(struct vmm *vm, struct vmm_err *err)
{
    return vm->policy->nested_paging ? shadow_flush(vm, vm->hot.log, err) : STEP_IDLE;
}

static int rewind_copy(struct vmm *vm, struct vmm_err *err)
{
    int rc = high_drop(vm, err);
    if (rc == 0) {
        delta_copy_high(vm->snap, vm);
        vm->hot.leaving = hot_copy(vm);
    }
    return rc;
}

static int rewind_cool(struct vmm *vm, struct vmm_err *err)
{
    return vm->hot.leaving > 0 ? hot_cool(vm, err) : STEP_IDLE;
}

static int rewind_shadow(struct vmm *vm, struct vmm_err *err)
{
    return vm->hot.stale ? hot_shadow_reset(vm, err) : STEP_IDLE;
}

/* On hardware KVM all state is set. On kvm-pvm an ioctl on a vCPU costs 7 us, so state that only
 * ring 0 can change is left alone where possible. There LSTAR runs at CPL 3. So a guest that has
 * written no watched page (shadow.c) has run no code of its own in ring 0, and has had no debug
 * exception (HV_DEBUG_MARK). One debug exception could still be under way when a signal ends the
 * run. So the state is left alone after a run that has written no watched page and has ended at a
 * doorbell.
 *
 * Vector state is left as it is when the guest has said, before the snapshot, that it loads that
 * state itself (HV_RUN_VECTORS). A run cannot take that back. The code that loads the state, the
 * state that it loads, the page tables for both and the registers at its start are those of the
 * snapshot again. The guest is not interrupted on the way, because no upcall is pushed onto kernel
 * text. In a checkpoint of a suspended run the state is live. */
static int rewind_state(struct vmm *vm, struct vmm_err *err)
{
    const bool ring0 = vm->ring0_seen || !vm->at_doorbell || vm->policy->ring0_always;
    vm->vectors_left = !ring0 && !vm->snap->suspended.is &&
                       (vm->snap->header.run_call.arg[2] & HV_RUN_VECTORS) != 0;
    int rc = x86_state_set(vm, &vm->snap->header.state, !vm->vectors_left, ring0, err);
    if (rc == 0) {
        vm->ring0_seen = false;
        restore_host_side(vm);
    }
    return rc;
}

/* Another snapshot may have data in another part of memory. */
static int renew_low(struct vmm *vm, struct vmm_err *err)
{
    const uint64_t low = restore_low(vm);
    if (low == vm->ram_low) {
        hot_forget(vm);
        return 0;
    }
    hot_destroy(vm);
    vm->ram_low = low;
    return hot_create(vm, err);
}

static int renew_ram(struct vmm *vm, struct vmm_err *err)
{
    vm->counters.dirty_pages = 0;
    int rc = renew_low(vm, err);
    rc = rc == 0 ? mem_ram_renew(vm, vm->snap->fd, SNAP_IMAGE_OFFSET, err) : rc;
    if (rc == 0) {
        restore_hints(vm);
        snap_exchange(&vm->origin, vm->snap);
        rc = delta_map(&vm->snap->delta, vm, err);
    }
    vm->ring0_seen = true; /* rewind_state() sets all state */
    return rc;
}

/* Removes from memory all that the earlier runs have left there: the pages that they wrote or read,
 * in the host's page tables and in KVM's, the slots that they needed, and the hot set. */
static int renew_map(struct vmm *vm, struct vmm_err *err)
{
    struct mem_initrd initrd = {0};
    int rc = snap_unchanged(vm->snap, err);
    rc = rc == 0 ? mem_initrd_map(&initrd, vm->snap->initrd_fd, "the initrd", err) : rc;
    if (rc < 0) {
        mem_initrd_unmap(&initrd);
        return rc;
    }
    rc = mem_slots_drop(vm, true, err);
    if (vm->initrd.map != vm->snap->initrd.map) {
        mem_initrd_unmap(&vm->initrd);
    }
    vm->initrd = initrd;
    return rc == 0 ? renew_ram(vm, err) : rc;
}

/* The traces of earlier runs that are left are of the initrd alone. */
static int renew_map_to(struct vmm *vm, struct vmm_err *err)
{
    const int rc = mem_slots_drop(vm, false, err);
    return rc == 0 ? renew_ram(vm, err) : rc;
}

static const struct step rewind_steps[] = {
    {VMM_PHASE_SETTLE, rewind_settle}, {VMM_PHASE_LOG, rewind_log},
    {VMM_PHASE_SHADOW, rewind_flush},  {VMM_PHASE_COPY, rewind_copy},
    {VMM_PHASE_COOL, rewind_cool},     {VMM_PHASE_SHADOW, rewind_shadow},
    {VMM_PHASE_STATE, rewind_state},   {0},
};

static const struct step renew_steps[] = {
    {VMM_PHASE_SETTLE, rewind_settle},      {VMM_PHASE_MAP, renew_map},
    {VMM_PHASE_PREFAULT, restore_prefault}, {VMM_PHASE_SLOTS, mem_slots_set_lazy},
    {VMM_PHASE_STATE, rewind_state},        {0},
};

static const struct step renew_to_steps[] = {
    {VMM_PHASE_SETTLE, rewind_settle},      {VMM_PHASE_MAP, renew_map_to},
    {VMM_PHASE_PREFAULT, restore_prefault}, {VMM_PHASE_SLOTS, mem_slots_set_lazy},
    {VMM_PHASE_STATE, rewind_state},        {0},
};

static int rewind_machine(struct vmm *vm, const struct step *steps, struct vmm_err *err)
{
    const uint64_t start = os_clock_ns(CLOCK_MONOTONIC);
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    if (vm->state == VMM_STATE_CALLED) {
        calls_end_run(vm);
    }
    vm->state = VMM_STATE_BAD;
    counters_begin_rewind(vm);
    uint64_t at = start;
    int rc = steps_run(vm, steps, &at, err);
    if (rc == 0) {
        vm->counters.hot_pages = vm->hot.count;
        vm->counters.restore_ns = at - start;
    }
    return rc;
}

int vmm_rewind(struct vmm *vm, struct vmm_err *err)
{
    return rewind_machine(vm, rewind_steps, err);
}

/* All pages that may differ from the new target are those of the hot set and of both deltas. */
void rewind_target(struct vmm *vm, struct vmm_snapshot *snap)
{
    hot_target_changed(vm, &vm->snap->delta);
    snap_exchange(&vm->snap, snap);
    shadow_watch_tables(vm);
    hot_target_changed(vm, &snap->delta);
}

static int renew_check(const struct vmm *vm, struct vmm_err *err)
{
    return vm->notes.watch >= 0 || vm->notes.written != NULL
               ? vmm_err_set(err, EINVAL, "the machine records a working set: rewind it")
               : 0;
}

int vmm_renew(struct vmm *vm, struct vmm_err *err)
{
    const int rc = renew_check(vm, err);
    return rc < 0 ? rc : rewind_machine(vm, renew_steps, err);
}

int rewind_renew_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err)
{
    int rc = renew_check(vm, err);
    rc = rc == 0 ? snap_unchanged(snap, err) : rc; /* its page tables are read */
    if (rc < 0) {
        return rc;
    }
    snap_exchange(&vm->snap, snap);
    shadow_watch_tables(vm);
    return rewind_machine(vm, renew_to_steps, err);
}
