// SPDX-License-Identifier: Apache-2.0
/*
 * The working set: pages that a cold restore copies ahead, because runs are known to need them.
 * record.c has recorded them in the snapshot file. They are made private copies in large batches,
 * where the guest would otherwise take a fault for each page. A page that is first read and then
 * written takes three: KVM maps it read-only, the copy takes that mapping away, and the write is
 * tried once more. So the pages that longer runs write are copied later, when a run has lasted for
 * some time and taken many faults.
 */
#include "snapshot_int.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif

/* How many copies a saved fault is worth. Each copy also costs memory. */
#define FAULT_COPIES 2

/* Ranges of guest memory for one system call. */
struct workset_batch {
    struct iovec ranges[256];
    size_t count;
};

/* Copies the ranges. This is only a hint: a page that is not copied here is copied by a fault
 * later. One call for many ranges needs Linux 6.14. */
static void workset_copy(struct vmm *vm, struct workset_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++) {
        bytes += batch->ranges[i].iov_len;
    }
    const long done = syscall(SYS_process_madvise, PIDFD_SELF, batch->ranges, batch->count,
                              MADV_POPULATE_WRITE, 0);
    if (done >= 0 && (size_t)done == bytes) {
        vm->counters.prefaulted_pages += bytes / HV_PAGE_SIZE;
        batch->count = 0;
    }
    for (; batch->count > 0; batch->count--) {
        const struct iovec *r = &batch->ranges[batch->count - 1];
        if (madvise(r->iov_base, r->iov_len, MADV_POPULATE_WRITE) == 0) {
            vm->counters.prefaulted_pages += r->iov_len / HV_PAGE_SIZE;
        }
    }
}

static void workset_add(struct vmm *vm, struct workset_batch *batch, uint64_t first, uint64_t end)
{
    uint8_t *const start = vm->ram + first * HV_PAGE_SIZE;
    const size_t size = (end - first) * HV_PAGE_SIZE;
    if (batch->count > 0) {
        struct iovec *last = &batch->ranges[batch->count - 1];
        if ((uint8_t *)last->iov_base + last->iov_len == start) {
            last->iov_len += size;
            return;
        }
    }
    if (batch->count == sizeof(batch->ranges) / sizeof(batch->ranges[0])) {
        workset_copy(vm, batch);
    }
    batch->ranges[batch->count++] = (struct iovec){start, size};
}

/* Adds the entries of the list that lie in the same group as the first, and returns their number.
 * KVM maps the neighbours of a page with it as long as all pages from the start of their group are
 * copies. So all pages from there on are copied as far as that saves enough faults. After that only
 * written pages are copied. Where KVM logs writes it maps no neighbours: there copies of them would
 * only cost memory, and be pages to rewind. */
static uint64_t workset_add_group(struct vmm *vm, struct workset_batch *batch,
                                  const uint32_t *entries, uint64_t left)
{
    const uint32_t group = vm->rewindable ? 1 : vm->policy->prefault_group;
    const uint32_t start = (entries[0] & SNAP_PAGE_NUMBER) / group * group;
    uint64_t end = start;
    int64_t best = 0;
    uint64_t n = 0;
    for (int64_t saved = -1, written = 0; n < left; n++) {
        const uint32_t page = entries[n] & SNAP_PAGE_NUMBER;
        if (page - start >= group) {
            break;
        }
        if ((entries[n] & (SNAP_PAGE_READ | SNAP_PAGE_LONGER)) == SNAP_PAGE_LONGER) {
            continue;
        }
        saved++;
        written += (entries[n] & SNAP_PAGE_READ) == 0;
        const int64_t gain = saved * FAULT_COPIES - (page + 1 - start - written);
        if (gain > best) {
            best = gain;
            end = page + 1;
        }
    }
    if (end > start) {
        workset_add(vm, batch, start, end);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (entries[i] <= SNAP_PAGE_NUMBER && entries[i] >= end) {
            workset_add(vm, batch, entries[i], entries[i] + 1ull);
        }
    }
    return n;
}

void workset_prefault(struct vmm *vm)
{
    const uint64_t count = vm->policy->prefault_group > 0 ? vm->snap->header.workset_pages : 0;
    struct workset_batch batch = {.count = 0};
    for (uint64_t i = 0; i < count;) {
        i += workset_add_group(vm, &batch, vm->snap->workset + i, count - i);
    }
    if (batch.count > 0) {
        workset_copy(vm, &batch);
    }
}

void workset_prefault_longer(struct vmm *vm)
{
    struct workset_batch batch = {.count = 0};
    for (uint64_t i = 0; i < vm->snap->header.workset_pages; i++) {
        if (vm->snap->workset[i] & SNAP_PAGE_LONGER) {
            const uint64_t page = vm->snap->workset[i] & SNAP_PAGE_NUMBER;
            workset_add(vm, &batch, page, page + 1);
        }
    }
    if (batch.count > 0) {
        workset_copy(vm, &batch);
    }
}
