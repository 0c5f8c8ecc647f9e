// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the working set of a snapshot, which is the pages that a restore copies ahead. It is made
 * by runs in a machine restored from that snapshot. The hot set tells which pages the runs write.
 * The host's page tables tell which pages they only read.
 */
#include "snapshot_int.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define UFFD_WP_ASYNC (1ull << 15) /* UFFD_FEATURE_WP_ASYNC of Linux 6.7 */

static uint64_t record_words(const struct vmm *vm)
{
    return bitmap_words(vm->ram_size / HV_PAGE_SIZE);
}

/* How much memory a restore fills: the image's, and that of a checkpoint's pages. */
static uint64_t record_size(const struct vmm *vm)
{
    const uint64_t end = delta_end(&vm->snap->delta);
    const uint64_t size = end > vm->ram_image ? end : vm->ram_image;
    return size < vm->ram_low ? size : vm->ram_low;
}

/* Makes the host's page tables show only pages that were touched. Normally the kernel also maps the
 * neighbours of a touched page of a file, by fault-around or as a large page. It does no
 * fault-around where userfaultfd may protect pages from writing, so the memory is registered for
 * that, though nothing is ever protected. Large pages are switched off. Pages that were mapped
 * before are dropped, and those that a checkpoint's restore copies are copied again. */
void vmm_workset_watch(struct vmm *vm)
{
    const uint64_t size = record_size(vm);
    const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_WP_ASYNC};
    struct uffdio_register range = {
        .range = {.start = (uint64_t)(uintptr_t)vm->ram, .len = size},
        .mode = UFFDIO_REGISTER_MODE_WP,
    };
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0 ||
        madvise(vm->ram, size, MADV_NOHUGEPAGE) < 0 || madvise(vm->ram, size, MADV_DONTNEED) < 0) {
        os_close(fd);
    } else {
        vm->notes.watch = fd;
    }
    delta_copy(&vm->snap->delta, vm);
}

void workset_notes_free(struct vmm *vm)
{
    const size_t size = record_words(vm) * sizeof(uint64_t);
    os_unmap(vm->notes.written, size);
    os_unmap(vm->notes.touched, size);
    os_close(vm->notes.watch);
    vm->notes = (struct workset_notes){.watch = -1};
}

int vmm_workset_small(struct vmm *vm, struct vmm_err *err)
{
    struct workset_notes *notes = &vm->notes;
    const size_t size = record_words(vm) * sizeof(uint64_t);
    int rc = hot_written(vm, err);
    if (rc < 0) {
        return rc;
    }
    if (notes->written == NULL) {
        notes->written = os_zeroes(size);
        notes->touched = os_zeroes(size);
    }
    if (notes->written == NULL || notes->touched == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    memcpy(notes->written, vm->hot.map, vm->ram_low / HV_PAGE_SIZE / 8);
    if (notes->watch >= 0) {
        rc = pagemap_present(vm, vm->ram, record_size(vm) / HV_PAGE_SIZE, notes->touched, err);
        os_close(notes->watch);
        notes->watch = -1;
    }
    return rc;
}

/* Whether a restore maps the page from a file. */
static bool record_is_mapped(const struct vmm *vm, uint64_t page)
{
    const struct snap_page *p = delta_find(&vm->snap->delta, page);
    return p != NULL ? p->mapped : page < vm->ram_image / HV_PAGE_SIZE;
}

/* The entry of a page in the list, or 0 for none. Program text is never copied. Page tables do not
 * count as read, because only KVM reads them. Where no file is mapped only what small runs write
 * counts: after the image the first write of a longer run maps 2 MiB, and those pages of a
 * checkpoint that a restore copies anyway can only be said to be written. */
static uint32_t record_entry(const struct vmm *vm, uint64_t page)
{
    const struct snap_header *h = &vm->snap->header;
    const struct workset_notes *notes = &vm->notes;
    const uint64_t at = page * HV_PAGE_SIZE;
    const uint64_t *small = notes->written != NULL ? notes->written : vm->hot.map;
    if (bitmap_test(small, page)) {
        return (uint32_t)page;
    }
    if (!record_is_mapped(vm, page) || (at >= h->text_start && at < h->text_end)) {
        return 0;
    }
    uint32_t what = 0;
    if (bitmap_test(vm->hot.map, page)) {
        what |= SNAP_PAGE_LONGER;
    }
    if (notes->touched != NULL && bitmap_test(notes->touched, page) &&
        !bitmap_test(vm->watch, page)) {
        what |= SNAP_PAGE_READ;
    }
    return what != 0 ? (uint32_t)page | what : 0;
}

/* What the list of a checkpoint's base says of a page that longer runs write. The base was seen in
 * more and other runs than the checkpoint. *next goes up through that list. */
static uint32_t record_inherited(const struct vmm *vm, uint64_t page, uint64_t *next)
{
    const struct vmm_snapshot *base = vm->snap->base;
    if (base == NULL) {
        return 0;
    }
    const uint64_t count = base->header.workset_pages;
    while (*next < count && (base->workset[*next] & SNAP_PAGE_NUMBER) < page) {
        ++*next;
    }
    if (*next == count || (base->workset[*next] & SNAP_PAGE_NUMBER) != page) {
        return 0;
    }
    return base->workset[*next] & (SNAP_PAGE_LONGER | SNAP_PAGE_NUMBER);
}

static size_t record_list(const struct vmm *vm, uint32_t *entries)
{
    const uint64_t pages = vm->ram_low / HV_PAGE_SIZE;
    uint64_t next = 0;
    size_t count = 0;
    for (uint64_t page = 1; page < pages && count < SNAP_WORKSET_MAX; page++) {
        const uint32_t inherited = record_inherited(vm, page, &next);
        uint32_t entry = record_entry(vm, page);
        if ((inherited & SNAP_PAGE_LONGER) != 0 && (entry == 0 || (entry & SNAP_PAGE_READ) != 0)) {
            entry |= inherited;
        }
        entries[count] = entry;
        count += entry != 0;
    }
    return count;
}

static int record_write(int fd, struct snap_header *h, const uint32_t *entries, size_t count)
{
    const size_t size = count * sizeof(*entries);
    h->workset_pages = count;
    h->workset_hash = XXH3_64bits(entries, size);
    h->header_hash = snap_header_hash(h);
    int rc = os_pwrite_full(fd, entries, size, SNAP_IMAGE_OFFSET + h->memory);
    if (rc == 0 && ftruncate(fd, (off_t)snap_file_size(h)) < 0) {
        rc = -errno;
    }
    if (rc == 0) {
        rc = os_pwrite_full(fd, h, sizeof(*h), 0);
    }
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

static int record_snapshot(struct vmm_snapshot *snap, int fd, const uint32_t *entries, size_t count,
                           struct vmm_err *err)
{
    struct snap_header *h = malloc(sizeof(*h));
    if (h == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    *h = snap->header;
    const int rc = record_write(fd, h, entries, count);
    free(h);
    return rc < 0 ? vmm_err_set(err, -rc, "writing the working set: %s", strerror(-rc))
                  : infile_mark(snap->fd, "the snapshot", &snap->mark, err);
}

int vmm_snapshot_set_workset(struct vmm *vm, int fd, struct vmm_err *err)
{
    int rc = hot_written(vm, err);
    if (rc < 0) {
        return rc;
    }
    if (vm->snap->base != NULL && !vm->snap->delta.is_file) {
        return vmm_err_set(err, EINVAL,
                           "a checkpoint that was not read from a file has no working set of its "
                           "own");
    }
    uint32_t *entries = malloc((SNAP_WORKSET_MAX + 1) * sizeof(*entries));
    if (entries == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    const size_t count = record_list(vm, entries);
    rc = vm->snap->base != NULL ? checkpoint_file_workset(vm->snap, fd, entries, count, err)
                                : record_snapshot(vm->snap, fd, entries, count, err);
    free(entries);
    return rc;
}
