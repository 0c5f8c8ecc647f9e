// SPDX-License-Identifier: Apache-2.0
/*
 * How much memory a machine has for itself: the pages of its RAM that are private copies, and how
 * many of those differ from the snapshot. This is for measuring between runs. Nothing else depends
 * on it.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>

static bool footprint_changed(const struct vmm *vm, uint64_t gpa)
{
    uint8_t room[HV_PAGE_SIZE];
    const uint8_t *want = vm->snap != NULL ? snap_page(vm->snap, gpa / HV_PAGE_SIZE, room) : NULL;
    return want == NULL ? !page_is_zero(vm->ram + gpa)
                        : memcmp(vm->ram + gpa, want, HV_PAGE_SIZE) != 0;
}

int vmm_footprint(struct vmm *vm, struct vmm_footprint *footprint, struct vmm_err *err)
{
    const uint64_t pages = vm->ram_size / HV_PAGE_SIZE;
    *footprint = (struct vmm_footprint){0};
    uint64_t *private = calloc(bitmap_words(pages), sizeof(*private));
    if (private == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = pagemap_private(vm, vm->ram, pages, private, err);
    for (uint64_t page = 0; rc == 0 && (page = bitmap_next(private, page, pages)) < pages; page++) {
        footprint->private_pages++;
        footprint->changed_pages += footprint_changed(vm, page * HV_PAGE_SIZE);
    }
    free(private);
    return rc;
}
