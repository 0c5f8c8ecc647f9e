// SPDX-License-Identifier: Apache-2.0
/*
 * The last thing before the snapshot: leaves memory so that a run writes few pages. Importing
 * leaves the free lists of both allocators full of holes all over the heap. A run that took its
 * memory from those would write a page for every other object. So the holes are filled, for good,
 * and a run's allocations come from fresh memory, side by side. Paths that every run takes are
 * taken once before, for what CPython remembers of them (method caches, parsed keyword lists).
 */
#include "driver.h"
#include "pyinternal.h"

#include <malloc.h>
#include <stdlib.h>

/* The pools of Objects/obmalloc.c. Sizes in steps of 16 have pools of their own. A pool has
 * POOL_SIZE bytes, is aligned to that, and begins with this header, which is only read to see when
 * to stop. */
#define POOL_SIZE  0x4000u
#define POOL_STEP  16u
#define POOL_LIMIT 512u
struct pool {
    unsigned used;
    void *free, *next, *previous;
    unsigned arena, class, next_offset, last_offset;
};
_Static_assert(sizeof(struct pool) == 48, "as in CPython 3.13");

/* malloc rounds requests to 16 bytes. It keeps those up to 1,032 bytes one by one when they are
 * freed. */
#define HEAP_STEP  16u
#define HEAP_SMALL 1040u
#define HEAP_LARGE (4u << 20)
#define HEAP_TOP   (128u << 10) /* free at the top for runs */
#define HEAP_TRIM  (64 << 20)

#define DICT_ROOM 64

static struct pool *pool_of(void *block)
{
    return (struct pool *)((uintptr_t)block & ~(uintptr_t)(POOL_SIZE - 1));
}

/* Whether this block is the first of a pool that has served no other. */
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

/* Fill the partly used pools of each size. The block that opened a new pool stays allocated;
 * otherwise the pool would be closed again. */
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

/* Fills pools again: blocks that were freed since then have put their pools before the new ones. */
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

/* Takes a free chunk of malloc. glibc keeps those by size, and meets a request from them before it
 * cuts the top of the heap or maps memory. False if it did either: then no free chunk would do. */
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

/* Fill the free chunks of malloc, the large ones first. Memory that is freed stays in the heap from
 * here on. */
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
    const size_t excess = mallinfo2().keepcost;
    if (excess > HEAP_TOP) {
        void *volatile kept = allocate(excess - HEAP_TOP);
        (void)kept;
    }
    /* A freed chunk of this size goes back to the top, so it lies where the top begins. */
    void *first = allocate(HEAP_SMALL);
    const uintptr_t top = (uintptr_t)first;
    free(first);
    for (size_t size = HEAP_SMALL - HEAP_STEP; size >= HEAP_STEP; size -= HEAP_STEP) {
        /* cppcheck-suppress leakReturnValNotUsed ; what is below the top stays taken */
        while ((uintptr_t)allocate(size) < top) {
        }
    }
}

/* Statements that touch all that every run uses, and have no effect. */
static const char rehearsal[] =
    "import sys\n"
    "external = sys.modules['_frozen_importlib_external']\n"
    "external.SourceFileLoader('__main__', '/'), external._RAW_MAGIC_NUMBER\n"
    "print('', end='')\n"
    "for stream in sys.stdout, sys.stderr:\n"
    "    print('', sep='', end='', file=stream, flush=True)\n"
    "    stream.buffer.write(b'')\n"
    "    stream.buffer.raw.write(b'')\n";

/* What CPython does itself with a text: it compiles and runs it, and tells linecache of code of -c.
 * The text does what the least script does. It is run often enough that CPython has adapted the
 * bytecode of linecache. */
#define TEXTS 32

static void rehearse_text(void)
{
    static const char text[] = "print('', end='')";
    PyObject *linecache = held_module("linecache");
    PyObject *names = drv_need(PyDict_New());
    drv_must(PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()));
    for (int i = 0; i < TEXTS; i++) {
        PyObject *code = drv_need(Py_CompileString(text, "<string>", Py_file_input));
        Py_DECREF(drv_need(PyEval_EvalCode(code, names, names)));
        if (linecache != NULL) {
            Py_DECREF(drv_need(
                PyObject_CallMethod(linecache, "_register_code", "Oss", code, text, "<string>")));
        }
        Py_DECREF(code);
    }
    if (linecache != NULL) {
        PyObject *cache = drv_need(PyObject_GetAttrString(linecache, "_interactive_cache"));
        PyDict_Clear(cache);
        Py_DECREF(cache);
    }
    Py_XDECREF(linecache);
    Py_DECREF(names);
}

/* Makes room in a dict of sys. When a dict is full the next insertion makes a larger table, and
 * asks each key for its hash, which touches nearly a page for each. Keys that are added and deleted
 * here leave the dict with a larger table. */
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
    Py_DECREF(drv_run(rehearsal, "rehearse a run"));
    rehearse_text();
    final_rehearse();
    internal_drop_paths();
    PyGC_Collect(); /* empties the free lists of objects, too */
    fill_pools();
    internal_take_free_pools();
    fill_heap();
    frame_place();
    run_place();
    refill_pools();
}
