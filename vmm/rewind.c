// SPDX-License-Identifier: Apache-2.0
/*
 * From a snapshot to a machine, and back to the snapshot in place. Memory is a private mapping of
 * the image. KVM's dirty log is read but not cleared: a page once written stays writable and stays
 * in the log, which so is the hot set. A rewind copies it back whole; when it has grown large,
 * pages that the last run left alone leave it. Invariant: every page that differs from the image is
 * in the log or in host_dirty.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define REWIND_HOT_MAX      8192u /* pages: 32 MiB */
#define RESTORE_SMALL_PAGES (64ull << 20)

/* Of the bitmaps, as far as they can have bits. */
static uint64_t rewind_words(const struct vmm *vm)
{
    return vm->ram_used / HV_PAGE_SIZE / 64;
}

/* The image as far as it has data and a little more, where a run's small allocations go; what is
 * free behind that is memory of its own, in large pages. */
static int restore_map(struct vmm *vm, struct vmm_err *err)
{
    const struct snap_header *h = &vm->snap->header;
    int rc = mem_ram_map(vm, h->memory, err);
    if (rc < 0) {
        return rc;
    }
    uint64_t size = (h->data_end + RESTORE_SMALL_PAGES + PAGE_2M - 1) & ~(PAGE_2M - 1);
    size = size < h->memory ? size : h->memory;
    if (mmap(vm->ram, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED,
             vm->snap->fd, SNAP_IMAGE_OFFSET) == MAP_FAILED) {
        return vmm_err_set(err, errno, "cannot map the snapshot: %s%s", strerror(errno),
                           os_limit(errno));
    }
    vm->ram_low = vm->ram_used = size;
    vm->initrd = vm->snap->initrd;
    return 0;
}

static int restore_tracking(struct vmm *vm, struct vmm_err *err)
{
    vm->rewindable = true;
    vm->host_dirty = calloc(vm->ram_size / HV_PAGE_SIZE / 64, sizeof(uint64_t));
    vm->dirty = calloc(vm->ram_size / HV_PAGE_SIZE / 64, sizeof(uint64_t));
    if (vm->host_dirty == NULL || vm->dirty == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
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
    vm->counters.workset_pages = h->workset_pages;
    phase_ns[VMM_PHASE_OPEN] = vm->snap->open_ns;
    int rc = kvm_vm_create(vm, err);
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    if (rc == 0) {
        rc = restore_map(vm, err);
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
    int rc = snap_still_whole(snap, err);
    if (rc < 0) {
        return rc;
    }
    rc = vmm_alloc(&vm, io, err);
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

int rewind_dirty(struct vmm *vm, struct vmm_err *err)
{
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    int rc = mem_log_get(vm, vm->dirty, err);
    if (rc < 0) {
        return rc;
    }
    uint64_t count = 0;
    for (uint64_t w = 0; w < rewind_words(vm); w++) {
        vm->dirty[w] |= vm->host_dirty[w];
        count += (uint64_t)__builtin_popcountll(vm->dirty[w]);
    }
    vm->counters.dirty_pages = count;
    return 0;
}

int vmm_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err)
{
    *count = 0;
    int rc = rewind_dirty(vm, err);
    if (rc < 0) {
        return rc;
    }
    size_t n = 0;
    for (uint64_t w = 0; w < rewind_words(vm); w++) {
        for (uint64_t bits = vm->dirty[w]; bits != 0; bits &= bits - 1, n++) {
            if (n < max) {
                gpas[n] = (w * 64 + (uint64_t)__builtin_ctzll(bits)) * HV_PAGE_SIZE;
            }
        }
    }
    *count = n;
    return 0;
}

static void rewind_copy_range(struct vmm *vm, uint64_t start, uint64_t end)
{
    memcpy(vm->ram + start, vm->snap->pristine + start, end - start);
    vm->counters.rewound_bytes += end - start;
}

/* Copies back all of vm->dirty, neighbours together. */
static void rewind_copy(struct vmm *vm)
{
    uint64_t start = 0;
    uint64_t end = 0;
    for (uint64_t w = 0; w < rewind_words(vm); w++) {
        for (uint64_t bits = vm->dirty[w]; bits != 0; bits &= bits - 1) {
            const uint64_t at = (w * 64 + (uint64_t)__builtin_ctzll(bits)) * HV_PAGE_SIZE;
            if (at != end) {
                rewind_copy_range(vm, start, end);
                start = at;
            }
            end = at + HV_PAGE_SIZE;
        }
    }
    rewind_copy_range(vm, start, end);
    vm->counters.rewound_pages = vm->counters.dirty_pages;
}

/* Copies back the pages that differ; those that do not are left in vm->dirty: they go from the hot
 * set. */
static void rewind_copy_changed(struct vmm *vm)
{
    for (uint64_t w = 0; w < rewind_words(vm); w++) {
        for (uint64_t bits = vm->dirty[w]; bits != 0; bits &= bits - 1) {
            const uint64_t bit = bits & -bits;
            const uint64_t at = (w * 64 + (uint64_t)__builtin_ctzll(bits)) * HV_PAGE_SIZE;
            if (memcmp(vm->ram + at, vm->snap->pristine + at, HV_PAGE_SIZE) != 0) {
                rewind_copy_range(vm, at, at + HV_PAGE_SIZE);
                vm->counters.rewound_pages++;
                vm->dirty[w] &= ~bit;
            }
        }
    }
}

/* Takes the pages in vm->dirty, which are as in the image, out of the hot set: their copies are
 * given back and their next write is seen again. */
static int rewind_cool(struct vmm *vm, struct vmm_err *err)
{
    uint64_t start = 0;
    uint64_t end = 0;
    const uint64_t pages = vm->ram_used / HV_PAGE_SIZE;
    for (uint64_t page = 0; page <= pages; page++) {
        const bool cold = page < pages && (vm->dirty[page / 64] >> page % 64 & 1);
        if (cold) {
            start = end == 0 ? page : start;
            end = page + 1;
        } else if (end != 0) {
            if (madvise(vm->ram + start * HV_PAGE_SIZE, (end - start) * HV_PAGE_SIZE,
                        MADV_DONTNEED) < 0) {
                return vmm_err_set(err, errno, "madvise: %s", strerror(errno));
            }
            end = 0;
        }
    }
    return mem_log_clear(vm, vm->dirty, err);
}

static int rewind_memory(struct vmm *vm, uint64_t *at, struct vmm_err *err)
{
    uint64_t *phase_ns = vm->counters.phase_ns;
    int rc = snap_still_whole(vm->snap, err);
    if (rc == 0) {
        rc = rewind_dirty(vm, err);
    }
    if (rc < 0) {
        return rc;
    }
    memset(vm->host_dirty, 0, rewind_words(vm) * sizeof(uint64_t));
    counters_hot(vm, vm->counters.dirty_pages);
    const bool stale = shadow_stale(vm);
    vm->ring0_seen = vm->ring0_seen || stale;
    phase_ns[VMM_PHASE_LOG] = os_lap_ns(at);
    if (vm->counters.dirty_pages <= REWIND_HOT_MAX) {
        rewind_copy(vm);
        phase_ns[VMM_PHASE_COPY] = os_lap_ns(at);
    } else {
        rewind_copy_changed(vm);
        phase_ns[VMM_PHASE_COPY] = os_lap_ns(at);
        rc = rewind_cool(vm, err);
        phase_ns[VMM_PHASE_COOL] = os_lap_ns(at);
        vm->counters.hot_pages = vm->counters.rewound_pages;
    }
    if (rc == 0 && stale) {
        rc = shadow_reset(vm, err);
        phase_ns[VMM_PHASE_SHADOW] = os_lap_ns(at);
        vm->counters.hot_pages = 0;
    }
    return rc;
}

/* On kvm-pvm an ioctl on a vCPU costs 7 us, and its LSTAR runs at CPL 3: there a guest that has not
 * touched a watched page (shadow.c) has run no code of its own in ring 0. On hardware KVM all is
 * set. */
static int rewind_state(struct vmm *vm, struct vmm_err *err)
{
    const bool ring0 = vm->ring0_seen || !vm->snap->pvm;
    int rc = x86_state_set(vm, &vm->snap->header.state, ring0, err);
    if (rc == 0) {
        vm->ring0_seen = false;
    }
    return rc;
}

int vmm_rewind(struct vmm *vm, struct vmm_err *err)
{
    const uint64_t start = os_clock_ns(CLOCK_MONOTONIC);
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    vm->state = VMM_STATE_BAD;
    counters_begin_rewind(vm);
    uint64_t at = start;
    int rc = run_settle(vm, err);
    vm->counters.phase_ns[VMM_PHASE_SETTLE] = os_lap_ns(&at);
    if (rc == 0) {
        rc = rewind_memory(vm, &at, err);
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
