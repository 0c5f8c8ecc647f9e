// SPDX-License-Identifier: Apache-2.0
/*
 * The last thing before the snapshot: memory is left so that a run writes few pages. Importing
 * leaves the free lists of both allocators full of holes all over the heap, and a run that takes
 * its memory from those writes a page for every other object. So the holes are filled, for good,
 * and what a run allocates comes from fresh memory, side by side. A path that every run takes is
 * taken once before, for what CPython remembers of it (method caches, parsed keyword lists).
 */
#include "driver.h"
#include "pyinternal.h"

#include <malloc.h>
#include <stdlib.h>

/* Of Objects/obmalloc.c: sizes in steps of 16 have pools of their own, this long and aligned so,
 * after a header. We look at them only to see when to stop. */
#define POOL_SIZE  0x4000u
#define POOL_STEP  16u
#define POOL_LIMIT 512u
struct pool {
    unsigned used;
    void *free, *next, *previous;
    unsigned arena, class, next_offset, last_offset;
};
_Static_assert(sizeof(struct pool) == 48, "as in CPython 3.11");

/* Of malloc: requests are rounded to 16; those up to 1,032 bytes are kept one by one when freed. */
#define HEAP_STEP  16u
#define HEAP_SMALL 1040u
#define HEAP_LARGE (4u << 20)
#define HEAP_TOP   (2u << 20) /* free at the top for runs */
#define HEAP_TRIM  (64 << 20)

#define DICT_ROOM 64

static struct pool *pool_of(void *block)
{
    return (struct pool *)((uintptr_t)block & ~(uintptr_t)(POOL_SIZE - 1));
}

/* Is this block the first of a pool that has served no other? */
static bool opens_pool(void *block, size_t size)
{
    const struct pool *pool = pool_of(block);
    return (char *)block == (const char *)(pool + 1) && pool->used == 1 &&
           pool->next_offset == sizeof(*pool) + 2 * size;
}

static struct pool *opened[POOL_LIMIT / POOL_STEP + 1];

static void *take_block(size_t size)
{
    void *block = PyObject_Malloc(size);
    if (block == NULL) {
        drv_fail("no memory to fill the pools of %zu bytes", size);
    }
    return block;
}

/* Fill the partly used pools of each size. The block that opened a new pool stays allocated, or the
 * pool would be closed again. */
static void fill_pools(void)
{
    for (size_t size = POOL_STEP; size <= POOL_LIMIT; size += POOL_STEP) {
        void *block;
        do {
            block = take_block(size);
        } while (!opens_pool(block, size));
        opened[size / POOL_STEP] = pool_of(block);
    }
}

/* Old blocks freed since then have put their pools before the new ones. */
static void refill_pools(void)
{
    for (size_t size = POOL_STEP; size <= POOL_LIMIT; size += POOL_STEP) {
        void *block;
        do {
            block = take_block(size);
        } while (pool_of(block) != opened[size / POOL_STEP] && !opens_pool(block, size));
        PyObject_Free(block);
    }
}

static void *allocate(size_t size)
{
    void *chunk = malloc(size);
    if (chunk == NULL) {
        drv_fail("no memory to fill the heap with %zu bytes", size);
    }
    return chunk;
}

/* glibc keeps free chunks by size; a request is met from them before the top of the heap is cut, or
 * memory mapped. Either shows that none was left that would do. */
static bool fill_hole(size_t size)
{
    const struct mallinfo2 before = mallinfo2();
    void *chunk = allocate(size);
    const struct mallinfo2 after = mallinfo2();
    const bool filled = after.keepcost == before.keepcost && after.hblks == before.hblks;
    if (!filled) {
        free(chunk);
    }
    return filled;
}

/* Fill the free chunks of malloc, the large ones first. Freed memory stays in the heap from here
 * on.
 */
static void fill_heap(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_TRIM);
    free(allocate(HEAP_TOP));
    for (size_t size = HEAP_LARGE; size > HEAP_SMALL; size -= size / 8) {
        while (fill_hole(size)) {
        }
    }
    while (fill_hole(HEAP_SMALL)) {
    }
    /* Freed, a chunk of this size goes back to top: where top begins. */
    void *first = allocate(HEAP_SMALL);
    const uintptr_t top = (uintptr_t)first;
    free(first);
    for (size_t size = HEAP_SMALL - HEAP_STEP; size >= HEAP_STEP; size -= HEAP_STEP) {
        /* cppcheck-suppress leakReturnValNotUsed ; what is below the top stays taken */
        while ((uintptr_t)allocate(size) < top) {
        }
    }
}

/* Statements that touch what every run does, and do nothing. */
static const char rehearsal[] =
    "import sys\n"
    "external = sys.modules['_frozen_importlib_external']\n"
    "external.SourceFileLoader('__main__', '/'), external._RAW_MAGIC_NUMBER\n"
    "for stream in sys.stdout, sys.stderr:\n"
    "    print('', sep='', end='', file=stream, flush=True)\n"
    "    stream.buffer.write(b'')\n"
    "    stream.buffer.raw.write(b'')\n";

/* When a dict is full the next insertion makes a larger table, and asks each key for its hash: that
 * touches nearly a page for each. Keys that come and go leave a dict with a larger table. */
static void leave_room(const char *name)
{
    PyObject *dict = PySys_GetObject(name);
    PyObject *keys[DICT_ROOM];
    Py_ssize_t n = 0;
    if (dict == NULL || !PyDict_CheckExact(dict)) {
        drv_fail("sys.%s is no dict", name);
    }
    while (n < DICT_ROOM && internal_dict_room(dict) < DICT_ROOM) {
        keys[n] = PyUnicode_FromFormat("%s %zd", name, n);
        if (keys[n] == NULL || PyDict_SetItem(dict, keys[n], Py_None) < 0) {
            drv_fail("no memory for room in sys.%s", name);
        }
        n++;
    }
    while (n > 0) {
        if (PyDict_DelItem(dict, keys[--n]) < 0) {
            drv_fail("cannot make room in sys.%s", name);
        }
        Py_DECREF(keys[n]);
    }
}

void settle_memory(void)
{
    leave_room("path_importer_cache");
    leave_room("modules");
    Py_DECREF(drv_run(rehearsal, "rehearse a run"));
    final_rehearse();
    PyGC_Collect(); /* empties the free lists of objects, too */
    fill_pools();
    fill_heap();
    frame_place();
    run_place();
    refill_pools();
}
