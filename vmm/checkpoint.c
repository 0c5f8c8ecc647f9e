// SPDX-License-Identifier: Apache-2.0
/*
 * Checkpoints: a machine between two runs becomes a snapshot, which consists of the machine's base
 * and a delta (delta.c). It is made while the machine stands, and the machine goes on as if nothing
 * had happened. Nothing is armed again: the dirty log would cost the machine a fault for each page
 * that it writes again. So the hot set stays as it is, and only what it is compared with is
 * another.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>

/* Marks all pages in which the machine may differ from its base: those written since the checkpoint
 * before, and that one's. */
static int checkpoint_pages(struct vmm *vm, uint64_t *pages, struct vmm_err *err)
{
    int rc = hot_written(vm, err);
    if (rc < 0) {
        return rc;
    }
    memcpy(pages, vm->hot.map, bitmap_words(vm->ram_low / HV_PAGE_SIZE) * sizeof(*pages));
    const struct snap_delta *delta = &vm->snap->delta;
    for (size_t i = 0; i < delta->count; i++) {
        bitmap_set(pages, delta->pages[i].number);
    }
    rc = high_add(vm, pages, err);
    return rc == 0 ? freed_clear(vm, pages, err) : rc;
}

typedef int delta_maker(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                        struct vmm_err *err);

static int checkpoint_fill(struct vmm_snapshot *snap, struct vmm *vm, delta_maker *make,
                           struct vmm_err *err)
{
    uint64_t *pages = calloc(bitmap_words(vm->ram_size / HV_PAGE_SIZE), sizeof(*pages));
    if (pages == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = vcpu_settle(vm, err);
    rc = rc == 0 ? x86_state_get(vm, &snap->header.state, err) : rc;
    rc = rc == 0 ? checkpoint_pages(vm, pages, err) : rc;
    rc = rc == 0 ? make(&snap->delta, vm, pages, err) : rc;
    free(pages);
    return rc;
}

/* The replies to open calls are in no guest memory, so there may be none. */
static int checkpoint_suspended(struct vmm *vm, struct snap_suspended *suspended,
                                struct vmm_err *err)
{
    suspended->is = vm->state == VMM_STATE_CALLED;
    suspended->until_ns = HV_NO_DEADLINE;
    if (!suspended->is) {
        return 0;
    }
    suspended->until_ns = clock_host_to_guest(vm, vm->suspension.until);
    return toolcalls_mark(vm, suspended->open)
               ? 0
               : vmm_err_set(err, EBUSY,
                             "a call was answered, and the machine has not gone on since: no "
                             "checkpoint before vmm_resume()");
}

static int checkpoint_check(const struct vmm *vm, struct vmm_err *err)
{
    if (vm->state != VMM_STATE_READY && vm->state != VMM_STATE_CALLED) {
        return vmm_err_set(err, EINVAL,
                           "the machine waits neither for a run nor for calls: no checkpoint");
    }
    if (atomic_load(&vm->running) != 0) { /* a function of the host's may come here */
        return vmm_err_set(err, EINVAL, "the machine is running: no checkpoint");
    }
    if (vm->snap == NULL || !vm->rewindable) {
        return vmm_err_set(err, EINVAL,
                           "the machine was not restored to be rewound: no checkpoint");
    }
    if (vm->notes.watch >= 0 || vm->notes.written != NULL) {
        return vmm_err_set(err, EINVAL, "the machine records a working set: no checkpoint");
    }
    return snap_unchanged_of(vm, err);
}

static int checkpoint_make(struct vmm *vm, delta_maker *make, struct vmm_snapshot **out,
                           struct vmm_err *err)
{
    *out = NULL;
    int rc = checkpoint_check(vm, err);
    if (rc < 0) {
        return rc;
    }
    struct vmm_snapshot *snap = snap_new_over(snap_base(vm->snap));
    if (snap == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    snap_header_moment(vm, &snap->header);
    rc = checkpoint_suspended(vm, &snap->suspended, err);
    rc = rc < 0 ? rc : checkpoint_fill(snap, vm, make, err);
    if (rc < 0) {
        vmm_snapshot_close(snap);
        return rc;
    }
    *out = snap;
    return 0;
}

int vmm_checkpoint(struct vmm *vm, struct vmm_snapshot **out, struct vmm_err *err)
{
    int rc = checkpoint_make(vm, delta_make, out, err);
    if (rc == 0) {
        rewind_target(vm, *out);
    }
    return rc;
}

/* A machine in the middle of a run that nobody has taken over is as its checkpoint. */
int vmm_checkpoint_save(struct vmm *vm, int fd, struct vmm_err *err)
{
    struct vmm_snapshot *snap;
    if (vm->state == VMM_STATE_LEFT) {
        return vmm_checkpoint_write(vm->snap, fd, err);
    }
    int rc = checkpoint_make(vm, delta_make_in_place, &snap, err);
    rc = rc == 0 ? vmm_checkpoint_write(snap, fd, err) : rc;
    vmm_snapshot_close(snap);
    return rc;
}

static int checkpoint_fits(const struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err)
{
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    return snap_base(snap) == snap_base(vm->snap)
               ? 0
               : vmm_err_set(err, EINVAL, "the checkpoint is of a machine of another snapshot");
}

int vmm_renew_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err)
{
    const int rc = checkpoint_fits(vm, snap, err);
    return rc < 0 ? rc : rewind_renew_to(vm, snap, err);
}

int vmm_rewind_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err)
{
    const int fits = checkpoint_fits(vm, snap, err);
    if (fits < 0) {
        return fits;
    }
    if (snap != vm->snap) {
        int rc = snap_unchanged(snap, err); /* its page tables are read */
        rc = rc == 0 ? snap_unchanged_of(vm, err) : rc;
        if (rc < 0) {
            return rc;
        }
        rewind_target(vm, snap);
        vm->hot.stale = true;
    }
    return vmm_rewind(vm, err);
}
