// SPDX-License-Identifier: Apache-2.0
/*
 * Writing a snapshot: settles the vCPU, saves its state, writes every page that is not zero, then
 * the header.
 */
#include "paging.h"
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define REGION_PAGES (PAGE_2M / HV_PAGE_SIZE)

uint64_t snap_header_hash(const struct snap_header *h)
{
    return XXH3_64bits(h, offsetof(struct snap_header, header_hash));
}

uint64_t snap_file_size(const struct snap_header *h)
{
    return SNAP_IMAGE_OFFSET + h->memory + h->workset_pages * sizeof(uint32_t);
}

/* Hashes and counts the pages of [at, end) that are not zero. */
static uint64_t snap_hash_range(XXH3_state_t *xxh, const uint8_t *image, uint64_t at, uint64_t end)
{
    uint64_t pages = 0;
    for (; at < end; at += HV_PAGE_SIZE) {
        if (!page_is_zero(image + at)) {
            const uint64_t number = at / HV_PAGE_SIZE;
            (void)XXH3_128bits_update(xxh, &number, sizeof(number));
            (void)XXH3_128bits_update(xxh, image + at, HV_PAGE_SIZE);
            pages++;
        }
    }
    return pages;
}

/* The next piece of data at or after *at in the file, in whole pages of the image; false at the
 * end. A file system that knows no holes gives one piece. */
static bool snap_next_data(int fd, uint64_t size, uint64_t *at, uint64_t *end)
{
    off_t data = lseek(fd, (off_t)(SNAP_IMAGE_OFFSET + *at), SEEK_DATA);
    if (data < 0) {
        *end = size;
        return errno != ENXIO && *at < size;
    }
    off_t hole = lseek(fd, data, SEEK_HOLE);
    *at = ((uint64_t)data - SNAP_IMAGE_OFFSET) & ~(uint64_t)(HV_PAGE_SIZE - 1);
    *end = hole < 0 ? size : (uint64_t)hole - SNAP_IMAGE_OFFSET;
    *end = (*end + HV_PAGE_SIZE - 1) & ~(uint64_t)(HV_PAGE_SIZE - 1);
    *end = *end < size ? *end : size;
    return *at < size;
}

int snap_image_hash(int fd, const uint8_t *image, uint64_t size, uint64_t hash[2], uint64_t *pages)
{
    XXH3_state_t *xxh = XXH3_createState();
    if (xxh == NULL) {
        return -ENOMEM;
    }
    (void)XXH3_128bits_reset(xxh);
    *pages = 0;
    uint64_t end;
    for (uint64_t at = 0; snap_next_data(fd, size, &at, &end); at = end) {
        *pages += snap_hash_range(xxh, image, at, end);
    }
    const XXH128_hash_t h = XXH3_128bits_digest(xxh);
    hash[0] = h.low64;
    hash[1] = h.high64;
    (void)XXH3_freeState(xxh);
    return 0;
}

bool snap_image_has_data(int fd, const uint8_t *image, uint64_t at, uint64_t size)
{
    uint64_t end;
    for (; snap_next_data(fd, size, &at, &end); at = end) {
        for (uint64_t page = at; page < end; page += HV_PAGE_SIZE) {
            if (!page_is_zero(image + page)) {
                return true;
            }
        }
    }
    return false;
}

/* Marks the pages of RAM that are not zero. In a fresh machine only touched pages can be. In a
 * restored machine others may still be the file's, so all are looked at. */
static int snap_pages(const struct vmm *vm, uint64_t *bitmap, struct vmm_err *err)
{
    const uint64_t pages = vm->ram_size / HV_PAGE_SIZE;
    int rc = 0;
    if (vm->snap == NULL) {
        rc = pagemap_private(vm, vm->ram, pages, bitmap, err);
    } else {
        memset(bitmap, 0xff, pages / 8);
    }
    for (uint64_t page = 0; rc == 0 && page < pages; page++) {
        if (bitmap_test(bitmap, page) && page_is_zero(vm->ram + page * HV_PAGE_SIZE)) {
            bitmap_clear(bitmap, page);
        }
    }
    return rc;
}

/* Adds a large page of program text to the header's range. There is only one range. A page that is
 * apart from it is not read ahead by a restore, and loses nothing else. */
static void snap_add_text(struct snap_header *h, uint64_t at)
{
    if (h->text_end == 0) {
        h->text_start = h->text_end = at;
    }
    h->text_end += h->text_end == at ? PAGE_2M : 0;
    h->text_start -= h->text_start == at + PAGE_2M ? PAGE_2M : 0;
}

struct snap_walk {
    struct paging_walk walk;
    const struct vmm *vm;
    uint64_t *bitmap;
    struct snap_header *h;
};

static const uint64_t *snap_table(struct paging_walk *walk, hv_gpa_t gpa, int level)
{
    const struct vmm *vm = ((struct snap_walk *)walk)->vm;
    return level > 1 ? mem_read_ptr(vm, gpa, HV_PAGE_SIZE) : NULL;
}

static void snap_large_page(struct paging_walk *walk, uint64_t entry, int level)
{
    const struct snap_walk *w = (const struct snap_walk *)walk;
    const uint64_t page = (entry & PTE_ADDR) / HV_PAGE_SIZE & ~(REGION_PAGES - 1);
    if (level == 2 && (entry & PTE_W) == 0 && page < w->vm->ram_size / HV_PAGE_SIZE) {
        bitmap_set_range(w->bitmap, page, REGION_PAGES);
        snap_add_text(w->h, page * HV_PAGE_SIZE);
    }
}

/* Marks all pages of each 2 MiB that the guest maps read-only as one large page, which is program
 * text. Such a piece goes to the file in one write, so that the file system can keep it as one
 * large page. Host and guest then map it with one fault each. */
static void snap_mark_text(const struct vmm *vm, uint64_t *bitmap, struct snap_header *h)
{
    struct snap_walk text = {.walk = {.table = snap_table, .large = snap_large_page},
                             .vm = vm,
                             .bitmap = bitmap,
                             .h = h};
    paging_walk(&text.walk, h->state.sregs.cr3);
}

/* Writes and hashes the marked pages of RAM, neighbours of the same 2 MiB together. */
static int snap_write_image(const struct vmm *vm, int fd, const uint64_t *bitmap, XXH3_state_t *xxh,
                            struct snap_header *h)
{
    const uint64_t pages = vm->ram_size / HV_PAGE_SIZE;
    for (uint64_t page = 0, end; page < pages; page = end) {
        const uint64_t limit = (page | (REGION_PAGES - 1)) + 1;
        for (end = page; end < limit && bitmap_test(bitmap, end);) {
            end++;
        }
        if (end == page) {
            end++;
            continue;
        }
        const uint64_t at = page * HV_PAGE_SIZE;
        const uint64_t size = (end - page) * HV_PAGE_SIZE;
        int rc = os_pwrite_full(fd, vm->ram + at, size, SNAP_IMAGE_OFFSET + at);
        if (rc < 0) {
            return rc;
        }
        h->data_pages += snap_hash_range(xxh, vm->ram, at, at + size);
        h->data_end = at + size;
    }
    return 0;
}

static int snap_write_header(int fd, XXH3_state_t *xxh, struct snap_header *h)
{
    const XXH128_hash_t hash = XXH3_128bits_digest(xxh);
    h->image_hash[0] = hash.low64;
    h->image_hash[1] = hash.high64;
    h->header_hash = snap_header_hash(h);
    int rc = os_pwrite_full(fd, h, sizeof(*h), 0);
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

static int snap_write_file(const struct vmm *vm, int fd, struct snap_header *h, struct vmm_err *err)
{
    XXH3_state_t *xxh = XXH3_createState();
    uint64_t *bitmap = calloc(bitmap_words(vm->ram_size / HV_PAGE_SIZE), sizeof(*bitmap));
    int rc = -ENOMEM;
    if (xxh != NULL && bitmap != NULL) {
        (void)XXH3_128bits_reset(xxh);
        rc = snap_pages(vm, bitmap, err);
        if (rc < 0) {
            goto out;
        }
        if (vm->policy->large_text) {
            snap_mark_text(vm, bitmap, h);
        }
        rc = ftruncate(fd, (off_t)snap_file_size(h)) < 0 ? -errno : 0;
        if (rc == 0) {
            rc = snap_write_image(vm, fd, bitmap, xxh, h);
        }
        if (rc == 0) {
            rc = snap_write_header(fd, xxh, h);
        }
    }
    if (rc < 0) {
        (void)vmm_err_set(err, -rc, "writing the snapshot: %s", strerror(-rc));
    }
out:
    free(bitmap);
    (void)XXH3_freeState(xxh);
    return rc;
}

void snap_header_moment(const struct vmm *vm, struct snap_header *h)
{
    h->wall_ns = os_clock_ns(CLOCK_REALTIME);
    h->mono_ns = clock_guest_now(vm);
    h->timer_ns = clock_host_to_guest(vm, vm->timer.guest);
    h->generation = vm->generation;
    h->run_call = vm->run_call;
}

static void snap_header_fill(const struct vmm *vm, const struct vmm_key *key, struct snap_header *h)
{
    memcpy(h->magic, SNAP_MAGIC, sizeof(h->magic));
    h->version = SNAP_VERSION;
    h->abi_version = HV_ABI_VERSION;
    h->key = *key;
    h->memory = vm->ram_size;
    h->initrd_size = vm->initrd.size;
    h->kernel_start = vm->kernel_start;
    h->kernel_text_end = vm->kernel_text_end;
    h->cpuid = vm->cpuid;
    snap_header_moment(vm, h);
}

int vmm_snapshot_write(struct vmm *vm, int fd, const struct vmm_key *key, struct vmm_err *err)
{
    if (vm->state != VMM_STATE_READY) {
        return vmm_err_set(err, EINVAL, "the machine does not wait for a run: no snapshot");
    }
    int rc = vcpu_settle(vm, err);
    if (rc < 0) {
        return rc;
    }
    struct snap_header *h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    snap_header_fill(vm, key, h);
    rc = x86_state_get(vm, &h->state, err);
    if (rc == 0) {
        rc = snap_write_file(vm, fd, h, err);
    }
    free(h);
    return rc;
}
