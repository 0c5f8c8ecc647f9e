// SPDX-License-Identifier: Apache-2.0
/*
 * The hot set of a rewindable machine: the pages that may differ from the image, which a rewind
 * copies back. A page joins the set when it is written, by the guest (KVM's dirty log tells) or by
 * the host (mem_write_ptr()). It stays writable from then on, so that its next writes cost nothing.
 * A page leaves the set after it was found as in the image several times: its copy is given back to
 * the host, and its next write is logged again. Invariant: every page below ram_low that differs
 * from the image is in the map or in KVM's log. Memory above ram_low is dropped as a whole
 * (high.c).
 *
 * A rewind that finds out which pages differ is called a look. It compares each page, where others
 * only copy. So there is one look in HOT_LOOK_PAGES copied pages: seldom for a small set, and at
 * every rewind for a set that is too large. Many programs write pages and leave them as they were,
 * for example by taking and dropping a reference. Such a page leaves, comes back at the price of a
 * fault, and then stays for HOT_PATIENCE_BACK looks: in that time copying it costs about as much as
 * the fault did. No single run shall pay for a thousand of those faults. So a few pages leave
 * first, on trial. If most of these have come back by the next look, the others are taken to be of
 * their kind and stay as well. Pages of a checkpoint that are copies of the host's leave, too, but
 * the copy stays, because without it the page would show something else. With nested paging page
 * tables never leave: the CPU's walks would bring them back at once.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A test that compares the set with a model makes these small. */
#ifndef HOT_MAX
#define HOT_LOOK_PAGES 16384u /* copied between two looks */
#define HOT_MAX        8192u  /* pages; above it a page leaves as soon as it is found unchanged */
#endif
#define HOT_PATIENCE      2u  /* looks in a row that find a page unchanged before it leaves */
#define HOT_PATIENCE_BACK 64u /* the same for a page that has left before */
#define HOT_TRIAL         32u /* so many pages leave without a trial; a trial has about as many */
#define HOT_LEAVES        UINT32_MAX
#define HOT_MAPS          4u /* bitmaps, in one mapping */

/* The size of each of the bitmaps. */
static uint64_t hot_words(const struct vmm *vm)
{
    return bitmap_words(vm->ram_low / HV_PAGE_SIZE);
}

int hot_create(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    const uint64_t words = hot_words(vm);
    hot->map = os_zeroes(HOT_MAPS * words * sizeof(uint64_t));
    if (hot->map == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory%s", os_limit(ENOMEM));
    }
    hot->log = hot->map + words;
    hot->back = hot->log + words;
    hot->trial = hot->back + words;
    hot->first = true;
    return 0;
}

void hot_destroy(struct vmm *vm)
{
    os_unmap(vm->hot.map, HOT_MAPS * hot_words(vm) * sizeof(uint64_t));
    free(vm->hot.list);
    vm->hot = (struct hot_set){0};
}

void hot_forget(struct vmm *vm)
{
    struct hot_set *hot = &vm->hot;
    memset(hot->map, 0, HOT_MAPS * hot_words(vm) * sizeof(uint64_t));
    hot->on_trial = 0;
    hot->count = 0;
    hot->copied = 0;
    hot->much = false;
    hot->grown = false;
    hot->stale = false;
    hot->first = true;
}

static bool hot_collect_line(uint64_t map[8], const uint64_t log[8])
{
    uint64_t fresh = 0;
    for (int i = 0; i < 8; i++) {
        fresh |= log[i] & ~map[i];
    }
    for (int i = 0; fresh != 0 && i < 8; i++) {
        map[i] |= log[i];
    }
    return fresh != 0;
}

int hot_collect(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    int rc = mem_log_get(vm, hot->log, err);
    if (rc < 0) {
        return rc;
    }
    /* Mostly nothing is new, so this looks at a cache line of 8 words at a time. That is 2 MiB of
     * RAM, and RAM is a multiple of 2 MiB. */
    for (uint64_t w = 0; w < hot_words(vm); w += 8) {
        hot->grown = hot_collect_line(hot->map + w, hot->log + w) || hot->grown;
    }
    return 0;
}

/* For RAM where the image is zero: there a page that was never written is zero already. The written
 * pages stay in the set. */
int hot_zero(struct vmm *vm, uint64_t first, uint64_t end, struct vmm_err *err)
{
    int rc = hot_collect(vm, err);
    for (uint64_t page = first; rc == 0 && page < end; page++) {
        if (bitmap_test(vm->hot.map, page)) {
            memset(vm->ram + page * HV_PAGE_SIZE, 0, HV_PAGE_SIZE);
        }
    }
    return rc;
}

size_t hot_count(const struct vmm *vm)
{
    return bitmap_count_range(vm->hot.map, 0, vm->ram_low / HV_PAGE_SIZE);
}

int hot_written(struct vmm *vm, struct vmm_err *err)
{
    if (!vm->rewindable) {
        return vmm_err_set(err, EINVAL, "the machine was not restored to be rewound");
    }
    int rc = hot_collect(vm, err);
    vm->counters.dirty_pages = rc == 0 ? hot_count(vm) : 0;
    return rc;
}

/* Makes the list from the map. Pages that were in the list before keep their history. */
static void hot_list_fill(struct vmm *vm, struct hot_page *list)
{
    struct hot_set *hot = &vm->hot;
    size_t n = 0;
    size_t old = 0;
    const uint64_t end = vm->ram_low / HV_PAGE_SIZE;
    for (uint64_t at = bitmap_next(hot->map, 0, end); at < end;
         at = bitmap_next(hot->map, at + 1, end)) {
        const uint32_t page = (uint32_t)at;
        if (old < hot->count && hot->list[old].number == page) {
            list[n++] = hot->list[old++];
        } else {
            list[n++] = (struct hot_page){.number = page};
            hot->stale = hot->stale || (!vm->policy->nested_paging && bitmap_test(vm->watch, page));
        }
    }
}

int hot_list(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    if (!hot->grown) {
        return 0;
    }
    const size_t count = hot_count(vm);
    struct hot_page *list = malloc((count + 1) * sizeof(*list));
    if (list == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    hot_list_fill(vm, list);
    vm->counters.hot_added += count - hot->count;
    free(hot->list);
    hot->list = list;
    hot->count = count;
    hot->grown = false;
    return 0;
}

static void hot_copy_page(struct vmm *vm, uint64_t at)
{
    uint8_t *const to = vm->ram + at;
    const uint8_t *want = snap_page(vm->snap, at / HV_PAGE_SIZE, to);
    if (want == NULL) {
        memset(to, 0, HV_PAGE_SIZE);
    } else if (want != to) {
        memcpy(to, want, HV_PAGE_SIZE);
    }
}

static bool hot_page_changed(const struct vmm *vm, uint64_t at)
{
    uint8_t room[HV_PAGE_SIZE];
    const uint8_t *want = snap_page(vm->snap, at / HV_PAGE_SIZE, room);
    return want == NULL ? !page_is_zero(vm->ram + at)
                        : memcmp(vm->ram + at, want, HV_PAGE_SIZE) != 0;
}

/* Whether the page never leaves the set, because it would come back at once. */
static bool hot_stays(const struct vmm *vm, uint32_t page)
{
    return vm->policy->nested_paging && bitmap_test(vm->watch, page);
}

/* Whether memory after the image's data is as in no checkpoint, so that all of it is zero. */
static bool hot_is_plain(const struct vmm *vm)
{
    return vm->snap->delta.count == 0 && vm->origin->delta.count == 0;
}

static uint32_t hot_patience(const struct hot_set *hot, uint32_t page)
{
    if (hot->count > HOT_MAX) {
        return 1;
    }
    return bitmap_test(hot->back, page) ? HOT_PATIENCE_BACK : HOT_PATIENCE;
}

/* Whether the page leaves after so many more looks, if they all find it unchanged. */
static bool hot_is_due(const struct hot_set *hot, const struct hot_page *page, uint32_t looks)
{
    return page->quiet > 0 && page->quiet + looks >= hot_patience(hot, page->number);
}

/* Begins a trial: of the pages that will be due at the next look some leave now, spread over all of
 * them. Pages after the image's data take no part, because the host would split large pages for
 * them. Returns how many leave. */
static size_t hot_trial_begin(struct vmm *vm, size_t candidates)
{
    struct hot_set *hot = &vm->hot;
    size_t seen = 0;
    hot->on_trial = 0;
    for (size_t i = 0; i < hot->count; i++) {
        struct hot_page *page = &hot->list[i];
        const bool file = page->number < vm->ram_image / HV_PAGE_SIZE;
        if (hot_is_due(hot, page, 1) && seen++ % (candidates / HOT_TRIAL) == 0 && file) {
            page->quiet = HOT_LEAVES;
            bitmap_set(hot->trial, page->number);
            hot->on_trial++;
        }
    }
    return hot->on_trial;
}

/* Ends the trial. True when most of its pages have come back. */
static bool hot_trial_end(struct vmm *vm)
{
    struct hot_set *hot = &vm->hot;
    size_t returned = 0;
    for (uint64_t w = 0; w < hot_words(vm); w++) {
        returned += (size_t)__builtin_popcountll(hot->trial[w] & hot->map[w]);
        hot->trial[w] = 0;
    }
    const bool most = 2 * returned >= hot->on_trial;
    hot->on_trial = 0;
    return most;
}

/* Makes the pages that are due leave. With stay they stay instead, like pages that have come back.
 * Returns how many leave. */
static size_t hot_leave(struct hot_set *hot, bool stay)
{
    size_t leaving = 0;
    for (size_t i = 0; i < hot->count; i++) {
        struct hot_page *page = &hot->list[i];
        if (!hot_is_due(hot, page, 0)) {
            continue;
        }
        page->quiet = stay ? 0 : HOT_LEAVES;
        if (stay) {
            bitmap_set(hot->back, page->number);
        } else {
            leaving++;
        }
    }
    return leaving;
}

/* The copying of a rewind that is a look: copies back the pages that differ. Returns how many shall
 * leave. */
static size_t hot_copy_looking(struct vmm *vm)
{
    struct hot_set *hot = &vm->hot;
    size_t candidates = 0;
    for (size_t i = 0; i < hot->count; i++) {
        struct hot_page *page = &hot->list[i];
        const uint64_t at = (uint64_t)page->number * HV_PAGE_SIZE;
        if (hot_page_changed(vm, at)) {
            hot_copy_page(vm, at);
            vm->counters.rewound_pages++;
            page->quiet = 0;
        } else if (!hot_stays(vm, page->number)) {
            page->quiet++;
            candidates += hot_is_due(hot, page, 1);
        }
    }
    hot->copied = 0;
    if (hot->on_trial == 0 && candidates > HOT_TRIAL && hot->count <= HOT_MAX &&
        hot_trial_begin(vm, candidates) > 0) {
        return hot->on_trial;
    }
    return hot_leave(hot, hot->on_trial > 0 && hot_trial_end(vm));
}

/* Copies the pages of the list but for those that leave at once, and returns how many do. */
static size_t hot_copy_but(struct vmm *vm, bool (*leaves)(const struct vmm *vm, uint32_t number))
{
    struct hot_set *hot = &vm->hot;
    size_t leaving = 0;
    for (size_t i = 0; i < hot->count; i++) {
        struct hot_page *page = &hot->list[i];
        const uint64_t at = (uint64_t)page->number * HV_PAGE_SIZE;
        if (leaves(vm, page->number) && !hot_page_changed(vm, at)) {
            page->quiet = HOT_LEAVES;
            leaving++;
        } else {
            hot_copy_page(vm, at);
            vm->counters.rewound_pages++;
        }
    }
    hot->copied += hot->count - leaving;
    return leaving;
}

/* For a run that used no high memory (high.c), when the run before it used some. The pages of that
 * earlier run between the image's data and high memory leave at once, as high memory does, unless
 * the last run has changed them. */
static bool hot_leaves_after_much(const struct vmm *vm, uint32_t number)
{
    return (uint64_t)number * HV_PAGE_SIZE >= vm->snap->header.data_end &&
           !snap_page_stays(vm, number);
}

/* For the first rewind to a checkpoint. Pages of the checkpoint that are copies in the host can be
 * written there, so KVM's log has them when the guest has only read them. They leave at once. */
static bool hot_leaves_first(const struct vmm *vm, uint32_t number)
{
    return snap_page_stays(vm, number) && !hot_stays(vm, number);
}

size_t hot_copy(struct vmm *vm)
{
    struct hot_set *hot = &vm->hot;
    const bool much = vm->counters.dropped_pages > 0;
    size_t leaving = 0;
    if (hot->first && vm->snap->delta.count > 0) {
        leaving = hot_copy_but(vm, hot_leaves_first);
    } else if (hot->much && !much) {
        leaving = hot_copy_but(vm, hot_leaves_after_much);
    } else if (hot->copied >= HOT_LOOK_PAGES || hot->count > HOT_MAX) {
        leaving = hot_copy_looking(vm);
    } else {
        for (size_t i = 0; i < hot->count; i++) {
            hot_copy_page(vm, (uint64_t)hot->list[i].number * HV_PAGE_SIZE);
        }
        hot->copied += hot->count;
        vm->counters.rewound_pages = hot->count;
    }
    hot->first = false;
    hot->much = much;
    vm->counters.rewound_bytes = vm->counters.rewound_pages * HV_PAGE_SIZE;
    return leaving;
}

/* Finds the pages [*start, *end) that can be given back together with list[i], which leaves.
 * Returns how many pages of the list that are. Memory after the file's mapping comes in large pages
 * of the host: there pages that were never written have copies, too, and go with their neighbours,
 * unless some of them may be a checkpoint's. */
static size_t hot_range(const struct vmm *vm, size_t i, uint64_t *start, uint64_t *end)
{
    const struct hot_set *hot = &vm->hot;
    const struct hot_page *page = &hot->list[i];
    const uint64_t image = vm->ram_image / HV_PAGE_SIZE;
    const bool large = page->number >= image && hot_is_plain(vm);
    size_t n = 1;
    while (i + n < hot->count && page[n].quiet == HOT_LEAVES &&
           !snap_page_stays(vm, page[n].number) &&
           (large || (page[n].number == page->number + n && page[n].number < image))) {
        n++;
    }
    *start = page->number;
    *end = page[n - 1].number + 1ull;
    if (large) {
        const uint64_t mask = PAGE_2M / HV_PAGE_SIZE - 1;
        const uint64_t before = i > 0 ? page[-1].number + 1ull : 0;
        const uint64_t next = i + n < hot->count ? page[n].number : UINT64_MAX;
        *start = (*start & ~mask) > before ? *start & ~mask : before;
        *end = ((*end + mask) & ~mask) < next ? (*end + mask) & ~mask : next;
    }
    return n;
}

/* Gives the copies of the pages that leave back to the host, but for those that would show
 * something else without. Sets their bits in hot->log, and no others. */
static int hot_give_back(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    memset(hot->log, 0, hot_words(vm) * sizeof(uint64_t));
    for (size_t i = 0; i < hot->count;) {
        if (hot->list[i].quiet != HOT_LEAVES) {
            i++;
            continue;
        }
        if (snap_page_stays(vm, hot->list[i].number)) {
            bitmap_set(hot->log, hot->list[i++].number);
            continue;
        }
        uint64_t start;
        uint64_t end;
        for (size_t n = hot_range(vm, i, &start, &end); n > 0; n--, i++) {
            bitmap_set(hot->log, hot->list[i].number);
        }
        if (madvise(vm->ram + start * HV_PAGE_SIZE, (end - start) * HV_PAGE_SIZE, MADV_DONTNEED) <
            0) {
            return vmm_err_set(err, errno, "madvise: %s", strerror(errno));
        }
    }
    return 0;
}

/* Takes the pages that leave out of list and map. */
static void hot_drop(struct vmm *vm)
{
    struct hot_set *hot = &vm->hot;
    size_t kept = 0;
    for (size_t i = 0; i < hot->count; i++) {
        const struct hot_page page = hot->list[i];
        if (page.quiet == HOT_LEAVES) {
            bitmap_clear(hot->map, page.number);
        } else {
            hot->list[kept++] = page;
        }
    }
    hot->count = kept;
}

/* The pages have been looked at beside another snapshot. */
void hot_target_changed(struct vmm *vm, const struct snap_delta *delta)
{
    struct hot_set *hot = &vm->hot;
    for (size_t i = 0; i < delta->count && delta->pages[i].number < vm->ram_low / HV_PAGE_SIZE;
         i++) {
        hot->grown = hot->grown || !bitmap_test(hot->map, delta->pages[i].number);
        bitmap_set(hot->map, delta->pages[i].number);
    }
    for (size_t i = 0; i < hot->count; i++) {
        hot->list[i].quiet = 0;
    }
    memset(hot->trial, 0, hot_words(vm) * sizeof(uint64_t));
    hot->on_trial = 0;
    hot->first = true;
}

int hot_cool(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    int rc = hot_give_back(vm, err);
    if (rc == 0) {
        rc = mem_log_clear(vm, hot->log, err);
    }
    if (rc < 0) {
        return rc;
    }
    for (uint64_t w = 0; hot->count <= HOT_MAX && w < hot_words(vm); w++) {
        hot->back[w] |= hot->log[w];
    }
    hot_drop(vm);
    return 0;
}

int hot_shadow_reset(struct vmm *vm, struct vmm_err *err)
{
    struct hot_set *hot = &vm->hot;
    int rc = shadow_reset(vm, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < hot->count; i++) {
        if (bitmap_test(vm->watch, hot->list[i].number)) {
            hot->list[i].quiet = HOT_LEAVES;
        }
    }
    hot_drop(vm);
    hot->stale = false;
    return 0;
}
