// SPDX-License-Identifier: Apache-2.0
/*
 * Frames: two bits a frame, used and dirty. A frame is dirty when it may hold old bytes. Fresh RAM
 * and every frame that is free at a snapshot is clean, so most zeroed allocations touch nothing.
 * Many dirty frames at once are made clean by the host, which takes their memory away. Searches go
 * upwards, first fit; single frames are searched from a hint, and the low region (see mm.h) comes
 * last.
 *
 * After a restore the first write to a frame in the image of the snapshot is a fault of the host,
 * and beyond it one for a large page. So runs take what is large from there.
 *
 * A run may have a limit: an address from which on no frame is given out. Frames there that are in
 * use stay so.
 *
 * A frame has one holder as a rule. pmm_share() gives it more, which are counted in a table made
 * for the first of them; pmm_free() takes one away, and the last one frees the frame.
 */
#include "../../../vmm/bitmap.h"
#include "mm/mm.h"

#define LARGE_FRAMES  (LARGE_PAGE / PAGE_SIZE)
#define SHARERS_PAGES (PAGE_UP(frames * sizeof(*sharers)) / PAGE_SIZE)
#define ALIGN_MIN     (8 * LARGE_FRAMES) /* allocations from this size on begin at a large page */
#define FRESH_MIN     64 /* allocations from this size on leave the holes of the image */
#define DISCARD_MIN   (2 * LARGE_FRAMES) /* dirty frames: cheaper discarded than cleared */

static struct hv_shared *shared;
static u64 *used, *dirty;
static u64 frames, free_frames, managed_frames;
static u64 limit;         /* frames from here on are not given out */
static u64 beyond;        /* free frames from `limit` on */
static u64 top;           /* no frame from here on was in use since the first run was asked for */
static u64 hint;          /* no frame between the low region and this one is free */
static u64 shared_frames; /* the sum of what sharers[] counts */
static u16 *sharers;      /* of each frame: its holders beside the first; NULL until there is one */
static u64
    after_image; /* the large page from which on nothing was in use at the snapshot; 0 before */

/* First frame of n free ones in a row in [from, to), or 0. */
static u64 find_run(u64 n, u64 from, u64 to)
{
    u64 run = 0;
    for (u64 i = from; i < to;) {
        u64 word = used[i / BITMAP_WORD];
        if (i % BITMAP_WORD == 0 && word == UINT64_MAX) {
            run = 0;
            i += BITMAP_WORD;
            continue;
        }
        if (word == 0 && bitmap_whole(i, to - i)) {
            run += BITMAP_WORD;
            i += BITMAP_WORD;
        } else {
            run = bitmap_test(used, i) ? 0 : run + 1;
            i++;
        }
        if (run >= n) {
            return i - run;
        }
    }
    return 0;
}

static void pmm_take(u64 from, u64 n)
{
    struct hv_counts *counts = &shared->counts;
    KASSERT(n <= free_frames);
    bitmap_set_range(used, from, n);
    free_frames -= n;
    top = MAX(top, from + n);
    counts->memory_peak = MAX(counts->memory_peak, (frames - free_frames) * PAGE_SIZE);
}

static void clear_dirty(u64 from, u64 end)
{
    for (u64 i = bitmap_next(dirty, from, end); i < end; i = bitmap_next(dirty, i + 1, end)) {
        memset(phys_ptr(i * PAGE_SIZE), 0, PAGE_SIZE);
        bitmap_clear(dirty, i);
    }
}

/* Frames that were freed may never have been touched, and clearing would touch them all: so many
 * of them are discarded instead. Only whole large pages are discarded: a discarded part of one
 * would come back in small pages, with a fault of the host for each. */
void pmm_zero_range(paddr_t pa, u64 pages)
{
    u64 from = pa / PAGE_SIZE, end = from + pages;
    u64 first = (from + LARGE_FRAMES - 1) & ~(LARGE_FRAMES - 1), last = end & ~(LARGE_FRAMES - 1);
    if (first >= last || bitmap_count_range(dirty, first, last - first) < DISCARD_MIN) {
        clear_dirty(from, end);
        return;
    }
    hv_call(HV_CALL_DISCARD, first * PAGE_SIZE, (last - first) * PAGE_SIZE);
    bitmap_clear_range(dirty, first, last - first);
    clear_dirty(from, first);
    clear_dirty(last, end);
}

/* As find_run(), but a large run begins at a large page when that is possible. */
static u64 find_aligned(u64 n, u64 from, u64 to)
{
    u64 at = n >= ALIGN_MIN ? find_run(n + LARGE_FRAMES - 1, from, to) : 0;
    return at ? (at + LARGE_FRAMES - 1) & ~(LARGE_FRAMES - 1) : find_run(n, from, to);
}

paddr_t pmm_alloc(u64 pages, unsigned flags)
{
    u64 low_end = MIN(PMM_LOW_END / PAGE_SIZE, limit);
    if (!pages || pages > pmm_free_pages()) {
        return 0;
    }
    u64 at = pages >= FRESH_MIN && after_image
                 ? find_aligned(pages, MAX(after_image, low_end), limit)
                 : 0;
    if (!at) {
        at = find_aligned(pages, pages == 1 ? MAX(hint, low_end) : low_end, limit);
    }
    if (pages == 1 && at) {
        hint = at + 1;
    }
    if (!at) {
        at = find_run(pages, 1, low_end);
    }
    if (!at) {
        return 0;
    }
    pmm_take(at, pages);
    if (flags & PMM_ZERO) {
        pmm_zero_range(at * PAGE_SIZE, pages);
    }
    return at * PAGE_SIZE;
}

/* Searches from the top, so that 2 MiB frames are kept apart from single ones. */
paddr_t pmm_alloc_large(void)
{
    const u64 n = LARGE_FRAMES;
    for (u64 at = limit; at >= PMM_LOW_END / PAGE_SIZE + n;) {
        at -= n;
        if (bitmap_next(used, at, at + n) < at + n) {
            continue;
        }
        pmm_take(at, n);
        pmm_zero_range(at * PAGE_SIZE, n);
        return at * PAGE_SIZE;
    }
    return 0;
}

bool pmm_claim(paddr_t pa, u64 pages)
{
    u64 from = pa / PAGE_SIZE;
    if (from + pages > limit || from + pages < from) {
        return false;
    }
    if (bitmap_next(used, from, from + pages) < from + pages) {
        return false;
    }
    pmm_take(from, pages);
    return true;
}

static void free_run(u64 from, u64 pages)
{
    u64 held = bitmap_count_range(used, from, pages);
    KASSERT(held == pages);
    bitmap_clear_range(used, from, pages);
    bitmap_set_range(dirty, from, pages);
    free_frames += pages;
    beyond += from + pages > limit ? from + pages - MAX(from, limit) : 0;
    if (from < hint && from + pages > PMM_LOW_END / PAGE_SIZE) {
        hint = MAX(from, PMM_LOW_END / PAGE_SIZE);
    }
}

void pmm_free(paddr_t pa, u64 pages)
{
    u64 from = pa / PAGE_SIZE, end = from + pages;
    KASSERT((pa & PAGE_MASK) == 0);
    KASSERT(end <= frames);
    if (sharers == NULL) {
        free_run(from, pages);
        return;
    }
    while (from < end) {
        u64 to = from;
        while (to < end && !sharers[to]) {
            to++;
        }
        if (to > from) {
            free_run(from, to - from);
        }
        for (; to < end && sharers[to]; to++) {
            sharers[to]--;
            shared_frames--;
        }
        from = to;
    }
}

bool pmm_share(paddr_t pa)
{
    u64 i = pa / PAGE_SIZE;
    bool given = i < frames && bitmap_test(used, i);
    KASSERT(given);
    if (sharers == NULL) {
        paddr_t table = pmm_alloc(SHARERS_PAGES, PMM_ZERO);
        if (!table) {
            return false;
        }
        sharers = phys_ptr(table);
    }
    if (sharers[i] == UINT16_MAX) {
        return false;
    }
    sharers[i]++;
    shared_frames++;
    return true;
}

bool pmm_share_all(paddr_t pa, u64 pages)
{
    for (u64 i = 0; i < pages; i++) {
        if (!pmm_share(pa + i * PAGE_SIZE)) {
            pmm_free(pa, i);
            return false;
        }
    }
    return true;
}

bool pmm_is_shared(paddr_t pa)
{
    return sharers != NULL && sharers[pa / PAGE_SIZE];
}

bool pmm_any_shared(void)
{
    return shared_frames;
}

u64 pmm_shares(void)
{
    return shared_frames;
}

bool pmm_is_used(paddr_t pa)
{
    return pa / PAGE_SIZE >= limit || bitmap_test(used, pa / PAGE_SIZE);
}

void pmm_mark_dirty(paddr_t pa, u64 pages)
{
    bool ram = pmm_is_ram(pa, pages * PAGE_SIZE);
    KASSERT(ram);
    bitmap_set_range(dirty, pa / PAGE_SIZE, pages);
}

void pmm_scrub(void)
{
    u16 *unused = shared_frames ? NULL : sharers;
    if (unused != NULL) {
        sharers = NULL;
        pmm_free((paddr_t)unused, SHARERS_PAGES);
    }
    for (u64 w = 0; w < bitmap_words(frames); w++) {
        for (u64 m = dirty[w] & ~used[w]; m; m &= m - 1) {
            u64 i = w * BITMAP_WORD + (u64)__builtin_ctzll(m);
            memset(phys_ptr(i * PAGE_SIZE), 0, PAGE_SIZE);
            bitmap_clear(dirty, i);
        }
    }
    after_image = (pmm_held(true) / PAGE_SIZE + LARGE_FRAMES - 1) & ~(LARGE_FRAMES - 1);
}

u64 pmm_free_pages(void)
{
    return free_frames - beyond;
}

u64 pmm_total_pages(void)
{
    return managed_frames - (frames - limit);
}

u64 pmm_held(bool exactly)
{
    while (exactly && top > 0 && !bitmap_test(used, top - 1)) {
        top--;
    }
    return top * PAGE_SIZE;
}

void pmm_resume(u64 memory)
{
    u64 to = memory ? MIN(memory / PAGE_SIZE, frames) : frames;
    if (to != limit) {
        limit = to;
        beyond = frames - limit - bitmap_count_range(used, limit, frames - limit);
    }
    shared->counts.memory_peak = (frames - free_frames) * PAGE_SIZE;
}

bool pmm_is_ram(paddr_t pa, u64 len)
{
    return pa < frames * PAGE_SIZE && len <= frames * PAGE_SIZE - pa;
}

static void release(u64 from, u64 to)
{
    bitmap_clear_range(used, from, to - from);
    free_frames += to - from;
}

/* The two bitmaps are placed just after the low region. When RAM is too small for that, they are
 * placed at 2 MiB. */
void pmm_init(struct hv_shared *s)
{
    shared = s;
    frames = limit = s->ram_size / PAGE_SIZE;
    u64 map_bytes = PAGE_UP(frames / 8);
    u64 at = s->ram_size > 2 * PMM_LOW_END ? PMM_LOW_END : LARGE_PAGE;
    used = phys_ptr(at);
    dirty = phys_ptr(at + map_bytes);
    s->frames = at;
    memset(used, 0xff, map_bytes);
    u64 maps_end = (at + 2 * map_bytes) / PAGE_SIZE;
    release(s->free_start / PAGE_SIZE, HV_KERNEL_LIMIT / PAGE_SIZE);
    if (at == LARGE_PAGE) {
        release(maps_end, frames);
    } else {
        release(LARGE_PAGE / PAGE_SIZE, PMM_LOW_END / PAGE_SIZE);
        release(maps_end, frames);
    }
    top = maps_end;
    managed_frames = free_frames;
    hint = PMM_LOW_END / PAGE_SIZE;
}
