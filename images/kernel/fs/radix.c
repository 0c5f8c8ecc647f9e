// SPDX-License-Identifier: Apache-2.0
/*
 * The tree of a file's own pages. At height 0 the root is the frame of page 0;
 * above that, a node is a frame with 512 addresses of frames one level below,
 * where 0 is a hole. A file of one page needs no node, and holes cost nothing.
 */
#include "fs/vfs.h"

#define BITS  9u
#define SLOTS 512u

/* Pages a tree of this height can hold. */
static u64 capacity(u32 height)
{
    return 1ull << (BITS * height);
}

static u64 *node(u64 frame)
{
    return phys_ptr(frame);
}

paddr_t radix_get(const struct ramdata *d, u64 index)
{
    u64 at = d->root;

    if (index >= capacity(d->height)) {
        return 0;
    }
    for (u32 level = d->height; level > 0 && at; level--) {
        at = node(at)[index >> (BITS * (level - 1)) & (SLOTS - 1)];
    }
    return at;
}

static int radix_grow(struct ramdata *d, u64 index)
{
    while (index >= capacity(d->height)) {
        if (d->root) {
            paddr_t top = pmm_alloc(1, PMM_ZERO);
            if (!top) {
                return -ENOSPC;
            }
            node(top)[0] = d->root;
            d->root = top;
        }
        d->height++;
    }
    return 0;
}

int radix_set(struct ramdata *d, u64 index, paddr_t frame)
{
    u64 *slot = &d->root;

    KASSERT(frame != 0 && (frame & PAGE_MASK) == 0);
    if (radix_grow(d, index) < 0) {
        return -ENOSPC;
    }
    for (u32 level = d->height; level > 0; level--) {
        if (!*slot && !(*slot = pmm_alloc(1, PMM_ZERO))) {
            return -ENOSPC;
        }
        slot = &node(*slot)[index >> (BITS * (level - 1)) & (SLOTS - 1)];
    }
    KASSERT(!*slot);
    *slot = frame;
    d->owned++;
    return 0;
}

/* Drops pages [first, end) of the subtree at *slot, whose first page is base. */
static void drop_below(struct ramdata *d, u64 *slot, u32 level, u64 base, u64 first, u64 end)
{
    u64 span = capacity(level);

    if (!*slot || base >= end || base + span <= first) {
        return;
    }
    if (level == 0) {
        if (d->mapped) {
            memset(phys_ptr(*slot), 0, PAGE_SIZE);
            return;
        }
        KASSERT(d->owned > 0);
        pmm_free(*slot, 1);
        *slot = 0;
        d->owned--;
        return;
    }
    u64 step = capacity(level - 1);
    for (u64 k = first > base ? (first - base) / step : 0; k < SLOTS && base + k * step < end;
         k++) {
        drop_below(d, &node(*slot)[k], level - 1, base + k * step, first, end);
    }
    if (!d->mapped && first <= base && end - base >= span) {
        pmm_free(*slot, 1);
        *slot = 0;
    }
}

void radix_drop(struct ramdata *d, u64 first, u64 end)
{
    drop_below(d, &d->root, d->height, 0, first, end);
}

/* The first page of the subtree, whose first page is base, at or after first; UINT64_MAX for none.
 */
static u64 next_in(u64 at, u32 level, u64 base, u64 first)
{
    if (!at || base + capacity(level) <= first) {
        return UINT64_MAX;
    }
    if (level == 0) {
        return base;
    }
    u64 step = capacity(level - 1);
    for (u64 k = first > base ? (first - base) / step : 0; k < SLOTS; k++) {
        u64 found = next_in(node(at)[k], level - 1, base + k * step, first);
        if (found != UINT64_MAX) {
            return found;
        }
    }
    return UINT64_MAX;
}

u64 radix_next(const struct ramdata *d, u64 first)
{
    return next_in(d->root, d->height, 0, first);
}
