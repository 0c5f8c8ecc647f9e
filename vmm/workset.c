// SPDX-License-Identifier: Apache-2.0
/*
 * The working set: the pages that a run writes, recorded in the snapshot file, and made private
 * copies at a cold restore in large batches, where the guest would otherwise take a fault for each.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif

/* Ranges of guest memory for one system call. */
struct workset_batch {
    struct iovec ranges[256];
    size_t count;
};

/* All of it is only a hint: without it the pages are copied one by one. One call for many ranges
 * needs Linux 6.14. */
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

/* Adds the pages of the list that lie in the same group as the first, and returns their number. KVM
 * maps the neighbours of a page with it as long as all from the start of its group are copies; a
 * page copied for that costs a little more than half of a fault. */
static uint64_t workset_add_group(struct vmm *vm, struct workset_batch *batch,
                                  const uint32_t *pages, uint64_t left)
{
    const uint32_t group = vm->policy->prefault_group;
    const uint32_t start = pages[0] / group * group;
    uint64_t n = 1;
    while (n < left && pages[n] - start < group) {
        n++;
    }
    const uint64_t end = pages[n - 1] + 1ull;
    if (2 * (n - 1) > end - start - n) {
        workset_add(vm, batch, start, end);
        return n;
    }
    for (uint64_t i = 0; i < n; i++) {
        workset_add(vm, batch, pages[i], pages[i] + 1ull);
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
