// SPDX-License-Identifier: Apache-2.0
/*
 * Reads /proc/self/pagemap for the pages of a private mapping: which are mapped at all, and which
 * are private copies, in memory or swapped out. All other pages still have the content of the
 * mapped file, or zeroes. See proc_pid_pagemap(5).
 */
#include "vmm_int.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#define PAGEMAP_FILE    (1ull << 61)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_BATCH   512u
#define PAGEMAP_REGIONS 64u

/* As in linux/fs.h since 6.7. */
#ifndef PAGEMAP_SCAN
struct page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};
struct pm_scan_arg {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};
#define PAGEMAP_SCAN    _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_PRESENT (1u << 3)
#define PAGE_IS_SWAPPED (1u << 4)
#endif

static bool pagemap_is_private(uint64_t entry)
{
    return (entry & PAGEMAP_SWAPPED) || ((entry & PAGEMAP_PRESENT) && !(entry & PAGEMAP_FILE));
}

static bool pagemap_is_present(uint64_t entry)
{
    return entry & PAGEMAP_PRESENT;
}

static int pagemap_read(int fd, uint64_t first, uint64_t pages, bool (*wanted)(uint64_t entry),
                        uint64_t *bitmap)
{
    uint64_t entries[PAGEMAP_BATCH];
    memset(bitmap, 0, bitmap_words(pages) * sizeof(*bitmap));
    for (uint64_t page = 0; page < pages; page++) {
        const uint64_t i = page % PAGEMAP_BATCH;
        if (i == 0) {
            const uint64_t n = pages - page < PAGEMAP_BATCH ? pages - page : PAGEMAP_BATCH;
            int rc =
                os_pread_full(fd, entries, n * sizeof(*entries), (first + page) * sizeof(*entries));
            if (rc < 0) {
                return rc;
            }
        }
        if (wanted(entries[i])) {
            bitmap_set(bitmap, page);
        }
    }
    return 0;
}

int pagemap_open(void)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int pagemap_failed(int code, struct vmm_err *err)
{
    return vmm_err_set(err, code, "/proc/self/pagemap: %s", strerror(code));
}

int pagemap_keep(struct vmm *vm, struct vmm_err *err)
{
    if (vm->pagemap_fd < 0) {
        vm->pagemap_fd = pagemap_open();
    }
    return vm->pagemap_fd < 0 ? pagemap_failed(-vm->pagemap_fd, err) : 0;
}

static int pagemap_find(const struct vmm *vm, const void *start, uint64_t pages,
                        bool (*wanted)(uint64_t entry), uint64_t *bitmap, struct vmm_err *err)
{
    const uint64_t first = (uint64_t)(uintptr_t)start / HV_PAGE_SIZE;
    int fd = vm->pagemap_fd >= 0 ? vm->pagemap_fd : pagemap_open();
    if (fd < 0) {
        return pagemap_failed(-fd, err);
    }
    int rc = pagemap_read(fd, first, pages, wanted, bitmap);
    if (fd != vm->pagemap_fd) {
        os_close(fd);
    }
    return rc < 0 ? pagemap_failed(-rc, err) : 0;
}

int pagemap_private(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err)
{
    return pagemap_find(vm, start, pages, pagemap_is_private, bitmap, err);
}

int pagemap_present(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err)
{
    return pagemap_find(vm, start, pages, pagemap_is_present, bitmap, err);
}

int pagemap_scan(int fd, const void *start, uint64_t pages, uint64_t *first, uint64_t *end,
                 uint64_t *count)
{
    struct page_region regions[PAGEMAP_REGIONS];
    const uint64_t base = (uint64_t)(uintptr_t)start;
    struct pm_scan_arg arg = {.size = sizeof(arg),
                              .start = base,
                              .end = base + pages * HV_PAGE_SIZE,
                              .vec = (uint64_t)(uintptr_t)regions,
                              .vec_len = PAGEMAP_REGIONS,
                              .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED};
    *first = *end = *count = 0;
    while (arg.start < arg.end) {
        int n = ioctl(fd, PAGEMAP_SCAN, &arg);
        if (n < 0) {
            return -errno;
        }
        for (int i = 0; i < n; i++) {
            *first = *count == 0 ? (regions[i].start - base) / HV_PAGE_SIZE : *first;
            *end = (regions[i].end - base) / HV_PAGE_SIZE;
            *count += (regions[i].end - regions[i].start) / HV_PAGE_SIZE;
        }
        arg.start = arg.walk_end;
    }
    return 0;
}

bool page_is_zero(const uint8_t *page)
{
    const uint64_t *p = (const uint64_t *)(const void *)page;
    for (size_t i = 0; i < HV_PAGE_SIZE / 8; i += 8) {
        if (p[i] | p[i + 1] | p[i + 2] | p[i + 3] | p[i + 4] | p[i + 5] | p[i + 6] | p[i + 7]) {
            return false;
        }
    }
    return true;
}
