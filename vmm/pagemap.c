// SPDX-License-Identifier: Apache-2.0
/*
 * What /proc/self/pagemap tells of the pages of a private mapping: which are mapped, and which are
 * copies of its own, in memory or swapped out; all others are still what is behind the mapping: the
 * file, or zeroes. See proc_pid_pagemap(5).
 */
#include "vmm_int.h"

#include <fcntl.h>
#include <string.h>

#define PAGEMAP_FILE    (1ull << 61)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_BATCH   512u

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
    memset(bitmap, 0, (pages + 63) / 64 * sizeof(*bitmap));
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
            bitmap[page / 64] |= 1ull << page % 64;
        }
    }
    return 0;
}

static int pagemap_find(const void *start, uint64_t pages, bool (*wanted)(uint64_t entry),
                        uint64_t *bitmap, struct vmm_err *err)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return vmm_err_set(err, errno, "/proc/self/pagemap: %s", strerror(errno));
    }
    int rc = pagemap_read(fd, (uint64_t)(uintptr_t)start / HV_PAGE_SIZE, pages, wanted, bitmap);
    os_close(fd);
    return rc < 0 ? vmm_err_set(err, -rc, "/proc/self/pagemap: %s", strerror(-rc)) : 0;
}

int pagemap_private(const void *start, uint64_t pages, uint64_t *bitmap, struct vmm_err *err)
{
    return pagemap_find(start, pages, pagemap_is_private, bitmap, err);
}

int pagemap_present(const void *start, uint64_t pages, uint64_t *bitmap, struct vmm_err *err)
{
    return pagemap_find(start, pages, pagemap_is_present, bitmap, err);
}
