// SPDX-License-Identifier: Apache-2.0
/*
 * HV_CALL_DISCARD: guest memory that the guest does not need any more. Pages after the snapshot's
 * image that have no dirty log go back to the host. All other pages stay and become zero. Where the
 * image has no data, only those of them that were written are cleared, and those of two
 * checkpoints, which nobody has to have written: the one that the machine was made from, and the
 * one that it was last put back to, whose pages may have left the hot set (hot.c).
 */
#include "snapshot_int.h"

#include <string.h>
#include <sys/mman.h>

int mem_discard(struct vmm *vm, hv_gpa_t gpa, uint64_t size, struct vmm_err *err)
{
    const hv_gpa_t end = gpa + size;
    const hv_gpa_t image = end < vm->ram_image ? end : vm->ram_image;
    const hv_gpa_t log = vm->rewindable ? vm->ram_low : vm->ram_image;
    const hv_gpa_t logged = end < log ? end : log;
    const hv_gpa_t after = gpa > image ? gpa : image;
    int rc = 0;
    if (gpa < image) {
        memset(mem_write_ptr(vm, gpa, image - gpa), 0, image - gpa);
        gpa = image;
    }
    if (gpa < logged) {
        rc = hot_zero(vm, gpa / HV_PAGE_SIZE, logged / HV_PAGE_SIZE, err);
        gpa = logged;
    }
    if (rc == 0 && gpa < end && madvise(vm->ram + gpa, end - gpa, MADV_DONTNEED) < 0) {
        rc = vmm_err_set(err, errno, "madvise: %s", strerror(errno));
    }
    if (rc == 0 && vm->origin != NULL) {
        delta_zero(&vm->origin->delta, vm, after, end);
    }
    if (rc == 0 && vm->snap != vm->origin) {
        delta_zero(&vm->snap->delta, vm, after, end);
    }
    return rc;
}
