// SPDX-License-Identifier: Apache-2.0
/*
 * The working set: the pages that a run writes, recorded in the snapshot file, and made private
 * copies at a cold restore in large batches, where the guest would otherwise take a fault for each.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void workset_prefault(struct vmm *vm)
{
    const uint32_t *pages = vm->snap->workset;
    const uint64_t count = vm->policy->prefault ? vm->snap->header.workset_pages : 0;
    const unsigned gap = vm->policy->prefault_gap;
    for (uint64_t i = 0, j; i < count; i = j) {
        for (j = i + 1; j < count && pages[j] - pages[j - 1] <= 1 + gap; j++) {
        }
        const uint64_t start = (uint64_t)pages[i] * HV_PAGE_SIZE;
        const uint64_t end = (uint64_t)(pages[j - 1] + 1) * HV_PAGE_SIZE;
        /* Only a hint: without it the pages are copied one by one. */
        if (madvise(vm->ram + start, end - start, MADV_POPULATE_WRITE) == 0) {
            vm->counters.prefaulted_pages += (end - start) / HV_PAGE_SIZE;
        }
    }
}

static size_t workset_list(const struct vmm *vm, uint32_t *pages)
{
    size_t count = 0;
    for (uint64_t w = 0; w < vm->ram_used / HV_PAGE_SIZE / 64; w++) {
        for (uint64_t bits = vm->hot.map[w]; bits != 0 && count < SNAP_WORKSET_MAX;
             bits &= bits - 1) {
            pages[count++] = (uint32_t)(w * 64 + (uint64_t)__builtin_ctzll(bits));
        }
    }
    return count;
}

static int workset_write(int fd, struct snap_header *h, const uint32_t *pages, size_t count)
{
    const size_t size = count * sizeof(*pages);
    h->workset_pages = count;
    h->workset_hash = XXH3_64bits(pages, size);
    h->header_hash = snap_header_hash(h);
    int rc = os_pwrite_full(fd, pages, size, SNAP_IMAGE_OFFSET + h->memory);
    if (rc == 0 && ftruncate(fd, (off_t)snap_file_size(h)) < 0) {
        rc = -errno;
    }
    if (rc == 0) {
        rc = os_pwrite_full(fd, h, sizeof(*h), 0);
    }
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

int vmm_snapshot_set_workset(struct vmm *vm, int fd, struct vmm_err *err)
{
    int rc = rewind_written(vm, err);
    if (rc < 0) {
        return rc;
    }
    uint32_t *pages = malloc(SNAP_WORKSET_MAX * sizeof(*pages));
    struct snap_header *h = malloc(sizeof(*h));
    if (pages == NULL || h == NULL) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    } else {
        *h = vm->snap->header;
        rc = workset_write(fd, h, pages, workset_list(vm, pages));
        if (rc < 0) {
            (void)vmm_err_set(err, -rc, "writing the working set: %s", strerror(-rc));
        }
    }
    free(pages);
    free(h);
    return rc;
}
