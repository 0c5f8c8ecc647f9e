// SPDX-License-Identifier: Apache-2.0
/*
 * Stand-in for mm/pmm.c: each run of frames is a block of the C library.
 */
#include "host.h"

#include <stdlib.h>

#define RUNS_MAX 8192u

u64 frames_used;
u64 frames_left = NO_LIMIT;

static struct {
    paddr_t at;
    u64 pages;
} runs[RUNS_MAX];
static unsigned run_count;

paddr_t pmm_alloc(u64 pages, unsigned flags)
{
    if (pages == 0 || pages > frames_left || pages > 1u << 20 || run_count == RUNS_MAX) {
        return 0;
    }
    void *at = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    if (at == NULL) {
        return 0;
    }
    memset(at, flags & PMM_ZERO ? 0 : 0xa5, pages * PAGE_SIZE);
    runs[run_count].at = (paddr_t)at;
    runs[run_count].pages = pages;
    run_count++;
    frames_used += pages;
    frames_left -= frames_left == NO_LIMIT ? 0 : pages;
    return (paddr_t)at;
}

/* Panics unless exactly this run was given out. */
void pmm_free(paddr_t pa, u64 pages)
{
    unsigned n = 0;

    while (n < run_count && (runs[n].at != pa || runs[n].pages != pages)) {
        n++;
    }
    if (n == run_count) {
        panic("pmm_free(%#lx, %lu) of what is no run", pa, pages);
    }
    runs[n] = runs[--run_count];
    frames_used -= pages;
    frames_left += frames_left == NO_LIMIT ? 0 : pages;
    free(phys_ptr(pa));
}

u64 pmm_free_pages(void)
{
    return frames_left;
}

u64 pmm_total_pages(void)
{
    return frames_left;
}
