// SPDX-License-Identifier: Apache-2.0
/*
 * High memory: the RAM of a rewindable machine from ram_low on, well after the image's data. It has
 * no dirty log. So a first write there is one fault for 2 MiB, where a log would make it one for
 * 4 KiB. A rewind gives all of it back to the host, which also unmaps it in KVM. The next access
 * finds zeroes, as in the image. That holds for all its pages alike: written by the guest or by the
 * host, present or swapped out.
 *
 * It holds for page tables in high memory, too. To use such a table a run has to write one of the
 * watched pages (shadow.c), and then the rewind also sets the slot of high memory again.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Opens the page map of the process, one descriptor for all machines of a snapshot. A forked child
 * opens its own, because the parent's descriptor shows the parent's memory. When two threads of a
 * child come here at once, one of them may be left with a closed descriptor: its high_drop() then
 * drops all of high memory. */
void high_prepare(struct vmm *vm)
{
    struct vmm_snapshot *snap = snap_base(vm->snap);
    const int pid = getpid();
    if (atomic_exchange(&snap->pagemap_pid, pid) != pid) {
        os_close(atomic_exchange(&snap->pagemap, pagemap_open()));
    }
}

/* The part of high memory in which pages are, in pages from ram_low on, and how many there are.
 * Where the kernel is too old to tell, that is all of it, and the count is 0. */
static void high_part(const struct vmm *vm, uint64_t *first, uint64_t *end, uint64_t *count)
{
    const uint64_t pages = (vm->ram_size - vm->ram_low) / HV_PAGE_SIZE;
    const int pagemap = atomic_load(&snap_base(vm->snap)->pagemap);
    *first = *end = *count = 0;
    if (vm->high_used &&
        pagemap_scan(pagemap, vm->ram + vm->ram_low, pages, first, end, count) < 0) {
        *first = *count = 0;
        *end = pages;
    }
}

/* Giving back pages takes the host 80 us a GiB even when none is there, since KVM looks at each.
 * Finding out that none is there takes 4 us a GiB. */
int high_drop(struct vmm *vm, struct vmm_err *err)
{
    uint64_t first, end, count;
    high_part(vm, &first, &end, &count);
    if (end == 0) {
        return 0;
    }
    vm->counters.dropped_pages = count;
    if (madvise(vm->ram + vm->ram_low + first * HV_PAGE_SIZE, (end - first) * HV_PAGE_SIZE,
                MADV_DONTNEED) < 0) {
        return vmm_err_set(err, errno, "madvise: %s", strerror(errno));
    }
    return 0;
}

/* Reading the page map takes 1.5 ms a GiB, so only the part is read in which pages are. */
int high_add(struct vmm *vm, uint64_t *pages, struct vmm_err *err)
{
    uint64_t first, end, count;
    high_part(vm, &first, &end, &count);
    if (end == 0) {
        return 0;
    }
    first += vm->ram_low / HV_PAGE_SIZE;
    end += vm->ram_low / HV_PAGE_SIZE;
    uint64_t *there = calloc(bitmap_words(end - first), sizeof(*there));
    if (there == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = pagemap_private(vm, vm->ram + first * HV_PAGE_SIZE, end - first, there, err);
    for (uint64_t n = bitmap_next(there, 0, end - first); rc == 0 && n < end - first;
         n = bitmap_next(there, n + 1, end - first)) {
        if (!page_is_zero(vm->ram + (first + n) * HV_PAGE_SIZE)) {
            bitmap_set(pages, first + n);
        }
    }
    free(there);
    return rc;
}

int high_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err)
{
    const uint64_t end = vm->ram_size / HV_PAGE_SIZE;
    uint64_t *pages = calloc(bitmap_words(end), sizeof(*pages));
    if (pages == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = high_add(vm, pages, err);
    for (uint64_t page = bitmap_next(pages, 0, end); rc == 0 && page < end;
         page = bitmap_next(pages, page + 1, end)) {
        if (*count < max) {
            gpas[*count] = page * HV_PAGE_SIZE;
        }
        ++*count;
    }
    free(pages);
    return rc;
}
