// SPDX-License-Identifier: Apache-2.0
/*
 * The memory of a rewindable machine that lies from ram_low on, well behind the image's data. It
 * has no dirty log, so a first write there is one fault for 2 MiB, where the log makes it one for
 * 4 KiB. Instead a rewind gives all of it back to the host, which unmaps it in KVM as well: the
 * next access finds zeroes, as in the image. Whose pages they were plays no part, written by the
 * guest or by the host, present or swapped out.
 *
 * Page tables placed there are no exception: to use them a run has to write one of the watched
 * pages (shadow.c), and then the rewind renews this slot, too.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A descriptor for all machines of a snapshot; a child's memory is not its parent's. Two threads
 * that come here at once, in a child, leave one of them with a closed one, and that drops all. */
void high_prepare(struct vmm *vm)
{
    struct vmm_snapshot *snap = vm->snap;
    const int pid = getpid();
    if (atomic_exchange(&snap->pagemap_pid, pid) != pid) {
        os_close(atomic_exchange(&snap->pagemap, pagemap_open()));
    }
}

/* Giving back what is not there takes the host 80 us a GiB, since KVM looks at each page; to find
 * out that nothing is there takes it 4. */
int high_drop(struct vmm *vm, struct vmm_err *err)
{
    uint64_t first = 0;
    uint64_t end = (vm->ram_size - vm->ram_low) / HV_PAGE_SIZE;
    uint64_t count = 0;
    uint8_t *const high = vm->ram + vm->ram_low;
    if (!vm->high_used) {
        return 0;
    }
    const uint64_t pages = end;
    const int rc = pagemap_scan(atomic_load(&vm->snap->pagemap), high, pages, &first, &end, &count);
    if (rc == 0 && count == 0) {
        return 0;
    }
    if (rc < 0) { /* an older kernel: all of it then */
        first = count = 0;
        end = pages;
    }
    vm->counters.dropped_pages = count;
    if (madvise(high + first * HV_PAGE_SIZE, (end - first) * HV_PAGE_SIZE, MADV_DONTNEED) < 0) {
        return vmm_err_set(err, errno, "madvise: %s", strerror(errno));
    }
    return 0;
}

int high_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err)
{
    const uint64_t pages = (vm->ram_size - vm->ram_low) / HV_PAGE_SIZE;
    if (!vm->high_used) {
        return 0;
    }
    uint64_t *there = calloc(bitmap_words(pages), sizeof(*there));
    if (there == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = pagemap_private(vm, vm->ram + vm->ram_low, pages, there, err);
    for (uint64_t page = 0; rc == 0 && page < pages; page++) {
        const uint64_t gpa = vm->ram_low + page * HV_PAGE_SIZE;
        if (bitmap_test(there, page) && !page_is_zero(vm->ram + gpa)) {
            if (*count < max) {
                gpas[*count] = gpa;
            }
            ++*count;
        }
    }
    free(there);
    return rc;
}
