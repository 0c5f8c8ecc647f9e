// SPDX-License-Identifier: Apache-2.0
/*
 * mm/kmalloc.c, the kernel heap, against a list of the blocks that are in use.
 */
#include "host.h"

#include <string.h>

#define BLOCKS_MAX 400u
#define KEPT_MAX   32u /* frames that an empty heap may keep: a few, one for each size at most */

/* The model: what is in use, each block filled with a byte of its own. */
static struct block {
    u8 *at;
    size_t size;
    u8 fill;
} blocks[BLOCKS_MAX];
static unsigned block_count;

static bool all_are(const u8 *at, size_t size, u8 byte)
{
    return size == 0 || (at[0] == byte && memcmp(at, at + 1, size - 1) == 0);
}

static void check_apart(const u8 *at, size_t size)
{
    CHECK((u64)at % 16 == 0);
    for (unsigned n = 0; n < block_count; n++) {
        CHECK(at + MAX(size, 1) <= blocks[n].at || blocks[n].at + MAX(blocks[n].size, 1) <= at);
    }
}

/* Takes a block that was given out into the model. */
static void enter(void *at, size_t size)
{
    struct block *b = &blocks[block_count];

    CHECK(at != NULL);
    if (at == NULL) {
        return;
    }
    check_apart(at, size);
    *b = (struct block){at, size, (u8)any()};
    memset(at, b->fill, size);
    block_count++;
}

static void leave(unsigned n)
{
    struct block b = blocks[n];

    CHECK(all_are(b.at, b.size, b.fill));
    blocks[n] = blocks[--block_count];
    kfree(b.at);
}

static void leave_all(void)
{
    while (block_count > 0) {
        leave((unsigned)below(block_count));
    }
    CHECK(frames_used <= KEPT_MAX);
}

/* Of all orders of magnitude, and often at an edge of what fits into a frame. */
static size_t any_size(void)
{
    switch (below(8)) {
    case 0:
        return PAGE_SIZE * (1 + below(3)) - 80 + below(100);
    case 1:
        return below(20000);
    case 2:
        return 1900 + below(250);
    default:
        return any() >> 52 >> below(12);
    }
}

static void grow_or_shrink(unsigned n)
{
    struct block b = blocks[n];
    size_t size = 1 + any_size();
    u8 *at = krealloc(b.at, size);

    CHECK(at != NULL && all_are(at, MIN(size, b.size), b.fill));
    blocks[n] = blocks[--block_count];
    enter(at, size);
}

static void step(void)
{
    size_t size = any_size();
    u64 kind = below(16);

    if (block_count == BLOCKS_MAX || (block_count > 0 && kind < 6)) {
        leave((unsigned)below(block_count));
    } else if (block_count > 0 && kind < 8) {
        grow_or_shrink((unsigned)below(block_count));
    } else if (kind < 10) {
        u8 *at = kzalloc(size);
        CHECK(at != NULL && all_are(at, size, 0));
        enter(at, size);
    } else {
        enter(kind == 10 ? krealloc(NULL, size) : kmalloc(size), size);
    }
}

static void sequence(void)
{
    for (unsigned n = 0; n < 1500 && unit_failures == 0; n++) {
        step();
    }
    leave_all();
}

static void random_steps(void)
{
    each_seed(30, sequence);
}

/* Every size there is, twice, so that the second must not lie in the first. */
static void sizes(void)
{
    for (size_t size = 0; size < 2 * PAGE_SIZE && unit_failures == 0; size++) {
        enter(kmalloc(size), size);
        enter(kmalloc(size), size);
        leave_all();
    }
}

/* A size so large that the header's makes it small must find no memory. */
static void overflow(void)
{
    for (size_t less = 0; less < 3 * PAGE_SIZE; less++) {
        CHECK(kmalloc(SIZE_MAX - less) == NULL);
    }
    CHECK(kzalloc(SIZE_MAX) == NULL && kmalloc(SIZE_MAX / 2) == NULL);
    enter(kmalloc(40), 40);
    CHECK(krealloc(blocks[0].at, SIZE_MAX) == NULL);
    CHECK(krealloc(blocks[0].at, SIZE_MAX - 63) == NULL);
    leave_all();
}

/* What is freed is what the next one gets: no sequence of equal needs takes ever more memory, and
 * a small block that comes and goes leaves the frame it was cut from. */
static void reuse(void)
{
    static const size_t wanted[] = {1, 16, 17, 160, 500, 2016, 2017, 4032, 4033, 50000};

    for (unsigned k = 0; k < ARRAY_SIZE(wanted); k++) {
        void *first = kmalloc(wanted[k]);
        u64 held = frames_used;
        kfree(first);
        u64 used = frames_used;
        CHECK(wanted[k] > 2016 || used == held);
        for (unsigned n = 0; n < 1000; n++) {
            kfree(kmalloc(wanted[k]));
        }
        CHECK(frames_used == used);
    }
    /* 160 bytes, what an inode takes, leave 4032 / 160 to a frame. */
    u64 used = frames_used;
    while (block_count < 250) {
        enter(kmalloc(160), 160);
    }
    CHECK(frames_used - used <= 10);
    leave_all();
}

/* Without memory there is NULL, and nothing else has changed. */
static void no_memory(void)
{
    frames_left = 5;
    for (void *at; block_count < BLOCKS_MAX && (at = kmalloc(1000)) != NULL;) {
        enter(at, 1000);
    }
    CHECK(block_count >= 5 * 4 && block_count < BLOCKS_MAX && frames_left == 0);
    CHECK(kmalloc(3000) == NULL && kzalloc(10000) == NULL);
    for (unsigned n = 0; n < block_count; n++) {
        CHECK(krealloc(blocks[n].at, 5000) == NULL);
    }
    leave((unsigned)below(block_count));
    enter(kmalloc(1000), 1000);
    CHECK(kmalloc(1000) == NULL);
    frames_left = NO_LIMIT;
    leave_all();
}

static void texts(void)
{
    char *copy = kstrdup("some text");

    CHECK(copy != NULL && strcmp(copy, "some text") == 0);
    kfree(copy);
    copy = kstrdup("");
    CHECK(copy != NULL && copy[0] == 0);
    kfree(copy);
    kfree(NULL);
}

static void free_wrongly(void *arg)
{
    kfree(arg);
}

static void wrong_free(void)
{
    paddr_t frame = pmm_alloc(1, PMM_ZERO);

    CHECK(panics(free_wrongly, (u8 *)phys_ptr(frame) + 64));
    pmm_free(frame, 1);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"kmalloc sizes", sizes},
        {"kmalloc overflow", overflow},
        {"kmalloc reuse", reuse},
        {"kmalloc no memory", no_memory},
        {"kmalloc texts", texts},
        {"kmalloc a wrong free", wrong_free},
        {"kmalloc random steps", random_steps},
        {0},
    };

    return unit_run(tests);
}
