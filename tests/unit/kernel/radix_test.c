// SPDX-License-Identifier: Apache-2.0
/*
 * fs/radix.c, the tree of a file's own pages, against a plain list of (page, frame) pairs.
 */
#include "fs/vfs.h"
#include "host.h"

#define PAGES_MAX 300u
#define NODE      512ul /* pages that a lowest node spans */
#define FILE_END  (RAM_FILE_MAX / PAGE_SIZE)

/* The model: every page that the tree must have, in no order. */
static struct {
    u64 index;
    paddr_t frame;
} pages[PAGES_MAX];
static unsigned page_count;

static unsigned model_find(u64 index)
{
    unsigned n = 0;

    while (n < page_count && pages[n].index != index) {
        n++;
    }
    return n;
}

static paddr_t model_get(u64 index)
{
    unsigned n = model_find(index);

    return n < page_count ? pages[n].frame : 0;
}

static u64 model_next(u64 first)
{
    u64 next = UINT64_MAX;

    for (unsigned n = 0; n < page_count; n++) {
        if (pages[n].index >= first && pages[n].index < next) {
            next = pages[n].index;
        }
    }
    return next;
}

static void model_drop(u64 first, u64 end)
{
    for (unsigned n = 0; n < page_count;) {
        if (pages[n].index >= first && pages[n].index < end) {
            pages[n] = pages[--page_count];
        } else {
            n++;
        }
    }
}

/* Each page holds its index, so that a page which is given out twice shows. */
static int set(struct ramdata *d, u64 index)
{
    paddr_t frame = pmm_alloc(1, 0);

    CHECK(frame != 0);
    *(u64 *)phys_ptr(frame) = index;
    int rc = radix_set(d, index, frame);
    if (rc < 0) {
        pmm_free(frame, 1);
        return rc;
    }
    pages[page_count].index = index;
    pages[page_count].frame = frame;
    page_count++;
    return 0;
}

static void drop(struct ramdata *d, u64 first, u64 end)
{
    radix_drop(d, first, end);
    model_drop(first, end);
}

static void check_same(const struct ramdata *d)
{
    u64 at = 0, seen = 0;

    CHECK(d->owned == page_count);
    for (unsigned n = 0; n < page_count; n++) {
        CHECK(radix_get(d, pages[n].index) == pages[n].frame);
        CHECK(*(u64 *)phys_ptr(pages[n].frame) == pages[n].index);
    }
    for (; (at = radix_next(d, at)) != UINT64_MAX && seen <= page_count; at++) {
        CHECK(model_get(at) != 0);
        seen++;
    }
    CHECK(seen == page_count);
}

static void check_empty(struct ramdata *d)
{
    drop(d, 0, UINT64_MAX);
    CHECK(d->owned == 0);
    CHECK(radix_next(d, 0) == UINT64_MAX);
    CHECK(frames_used == 0);
}

/* Indices meet where nodes of every height begin and end, and often again. */
static u64 any_index(void)
{
    static const u64 places[] = {0, NODE, NODE * NODE, NODE * NODE * NODE, FILE_END, FILE_END / 2};
    u64 index = places[below(ARRAY_SIZE(places))] + below(40) - 20;

    if (below(8) == 0) {
        index = below(FILE_END);
    }
    return index < FILE_END ? index : below(1000);
}

static void step(struct ramdata *d)
{
    u64 index = any_index(), end = below(4) == 0 ? UINT64_MAX : any_index();

    switch (below(16)) {
    case 0:
        drop(d, index, end);
        break;
    case 1:
        drop(d, index, index + below(1100));
        break;
    case 2:
    case 3:
        CHECK(radix_next(d, index) == model_next(index));
        break;
    case 4:
    case 5:
        CHECK(radix_get(d, index) == model_get(index));
        break;
    default:
        if (page_count < PAGES_MAX && model_get(index) == 0) {
            CHECK(set(d, index) == 0);
        }
    }
}

static void sequence(void)
{
    struct ramdata d = {0};

    for (unsigned n = 0; n < 1500 && unit_failures == 0; n++) {
        step(&d);
        if (n % 16 == 0) {
            check_same(&d);
        }
    }
    check_same(&d);
    check_empty(&d);
}

static void random_steps(void)
{
    each_seed(30, sequence);
}

static void nodes(void)
{
    struct ramdata d = {0};

    CHECK(set(&d, 0) == 0);
    CHECK(d.height == 0 && frames_used == 1); /* a file of one page has no node */
    CHECK(set(&d, NODE - 1) == 0);
    CHECK(d.height == 1 && frames_used == 2 + 1);
    CHECK(set(&d, NODE) == 0);
    CHECK(d.height == 2 && frames_used == 3 + 3);
    CHECK(set(&d, FILE_END - 1) == 0); /* two more above the first, three on the way to the last */
    CHECK(d.height == 4 && frames_used == 4 + 3 + 2 + 3);
    check_same(&d);
    /* All of the last one's way goes with it; its root stays, for the others. */
    drop(&d, FILE_END / 2, UINT64_MAX);
    CHECK(frames_used == 3 + 3 + 2);
    check_same(&d);
    check_empty(&d);
}

/* Ranges and pages beside the one that there is, at the heights where the tree is that page or one
 * node. */
static void edges(void)
{
    struct ramdata d = {0};

    CHECK(set(&d, 0) == 0);
    CHECK(radix_get(&d, 1) == 0 && radix_next(&d, 1) == UINT64_MAX);
    drop(&d, 0, 0);
    drop(&d, 1, UINT64_MAX);
    check_same(&d);
    CHECK(set(&d, 1) == 0);
    CHECK(radix_get(&d, NODE) == 0 && radix_next(&d, NODE) == UINT64_MAX);
    drop(&d, NODE, UINT64_MAX);
    drop(&d, 2, NODE);
    check_same(&d);
    CHECK(set(&d, 2 * NODE) == 0);
    drop(&d, 0, NODE); /* all that its node spans: the node goes, too */
    CHECK(frames_used == 1 + 2);
    drop(&d, 2 * NODE, 3 * NODE);
    CHECK(frames_used == 1 && d.owned == 0);
    check_empty(&d);
}

/* A hole before the first page costs nothing. */
static void hole(void)
{
    struct ramdata d = {0};

    CHECK(radix_get(&d, 0) == 0 && radix_get(&d, FILE_END - 1) == 0);
    CHECK(radix_next(&d, 0) == UINT64_MAX);
    CHECK(set(&d, NODE * NODE + 1) == 0);
    CHECK(frames_used == 1 + 3);
    CHECK(radix_get(&d, 1) == 0 && radix_next(&d, 0) == NODE * NODE + 1);
    CHECK(radix_next(&d, NODE * NODE + 2) == UINT64_MAX);
    check_empty(&d);
}

/* Pages that a mapping may show stay where they are, as zeroes. */
static void mapped(void)
{
    struct ramdata d = {0};

    for (u64 index = 1; index < 2000; index += 7) {
        CHECK(set(&d, index) == 0);
    }
    u64 used = frames_used;
    d.mapped = true;
    radix_drop(&d, 701, UINT64_MAX);
    CHECK(frames_used == used && d.owned == page_count);
    for (unsigned n = 0; n < page_count; n++) {
        const u8 *page = phys_ptr(pages[n].frame);
        CHECK(radix_get(&d, pages[n].index) == pages[n].frame);
        if (pages[n].index < 701) {
            CHECK(*(const u64 *)(const void *)page == pages[n].index);
        } else {
            CHECK(page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0);
        }
    }
    d.mapped = false;
    check_empty(&d);
}

/* Fills the file from its start until memory ends. Returns what the last page said. */
static int fill(struct ramdata *d)
{
    int rc = 0;

    for (u64 index = 0; index < FILE_END && frames_left > 0 && rc == 0; index = index * NODE + 3) {
        rc = set(d, index);
        check_same(d);
    }
    return rc;
}

/* Wherever memory ends, no page is lost, and dropping returns all of it. */
static void no_memory(void)
{
    unsigned failed = 0;

    for (u64 room = 1; room < 12; room++) {
        struct ramdata d = {0};

        frames_left = room;
        int rc = fill(&d);
        CHECK(rc == 0 || rc == -ENOSPC);
        failed += rc < 0;
        frames_left = NO_LIMIT;
        CHECK(set(&d, FILE_END - 1) == 0);
        check_same(&d);
        check_empty(&d);
    }
    CHECK(failed > 4);
}

static void set_twice(void *arg)
{
    radix_set(arg, 5, 1);
}

static void twice(void)
{
    struct ramdata d = {0};

    CHECK(set(&d, 5) == 0);
    CHECK(panics(set_twice, &d));
    check_same(&d);
    check_empty(&d);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"radix nodes", nodes},
        {"radix edges", edges},
        {"radix a hole", hole},
        {"radix mapped pages stay", mapped},
        {"radix no memory", no_memory},
        {"radix a page set twice", twice},
        {"radix random steps", random_steps},
        {0},
    };

    return unit_run(tests);
}
