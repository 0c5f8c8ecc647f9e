// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that the guest has freed is full of old bytes. A checkpoint would keep them, and so would
 * all that are made after it: a session that has once used 100 MB would have 100 MB in each. The
 * guest has a map of the frames that it uses (hv_shared.frames). What it does not use becomes zero
 * in the machine before a checkpoint is made, so that machine and checkpoint are the same. Whole
 * large pages of high memory go back to the host.
 *
 * The map is the guest's, and may say anything: a guest that lies loses its own memory. Watched
 * pages (shadow.c) are left alone, because KVM must not be surprised, and so is the kernel's part,
 * where host and guest meet.
 */
#include "snapshot_int.h"

#include <string.h>
#include <sys/mman.h>

#define BLOCK (PAGE_2M / HV_PAGE_SIZE)

static bool freed_block(const uint64_t *used, uint64_t first)
{
    return bitmap_count_range(used, first, BLOCK) == 0;
}

/* Gives the blocks of high memory that are not used back to the host. */
static int freed_drop_high(struct vmm *vm, const uint64_t *used, uint64_t *pages,
                           struct vmm_err *err)
{
    const uint64_t end = vm->ram_size / HV_PAGE_SIZE;
    const uint64_t low = (vm->ram_low + PAGE_2M - 1) / PAGE_2M * BLOCK;
    for (uint64_t n = bitmap_next(pages, low, end); n < end; n = bitmap_next(pages, n, end)) {
        const uint64_t first = n / BLOCK * BLOCK;
        n = first + BLOCK;
        if (!freed_block(used, first)) {
            continue;
        }
        if (madvise(vm->ram + first * HV_PAGE_SIZE, PAGE_2M, MADV_DONTNEED) < 0) {
            return vmm_err_set(err, errno, "madvise: %s", strerror(errno));
        }
        bitmap_clear_range(pages, first, BLOCK);
    }
    return 0;
}

static void freed_clear_page(struct vmm *vm, uint64_t number)
{
    const uint64_t at = number * HV_PAGE_SIZE;
    if (!bitmap_test(vm->watch, number) && !page_is_zero(vm->ram + at)) {
        memset(mem_write_ptr(vm, at, HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
    }
}

int freed_clear(struct vmm *vm, uint64_t *pages, struct vmm_err *err)
{
    const uint64_t words = bitmap_words(vm->ram_size / HV_PAGE_SIZE);
    const hv_gpa_t map = vm->shared->frames;
    const uint64_t *used = mem_read_ptr(vm, map, words * sizeof(*used));
    if (map == 0 || map % sizeof(*used) != 0 || used == NULL) {
        return 0;
    }
    for (uint64_t w = HV_KERNEL_LIMIT / HV_PAGE_SIZE / BITMAP_WORD; w < words; w++) {
        for (uint64_t free = pages[w] & ~used[w]; free != 0; free &= free - 1) {
            const uint64_t number = w * BITMAP_WORD + (uint64_t)__builtin_ctzll(free);
            if (number < vm->ram_low / HV_PAGE_SIZE || !freed_block(used, number / BLOCK * BLOCK)) {
                freed_clear_page(vm, number);
            }
        }
    }
    return freed_drop_high(vm, used, pages, err);
}
