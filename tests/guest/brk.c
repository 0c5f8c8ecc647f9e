// SPDX-License-Identifier: Apache-2.0
/*
 * The program break: it grows and shrinks, its new memory is zero (also the second time), a refused
 * call leaves it where it was, and malloc works on top of it.
 */
#include "t.h"
#include "fault.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { MIB = 1 << 20 };

static char *raw_brk(const void *address)
{
    return (char *)syscall(SYS_brk, address);
}

static bool all_bytes(const char *p, size_t size, char value)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static void check_grow_and_shrink(void)
{
    char *start = raw_brk(NULL);
    /* Whole pages from here on, whatever malloc has done before. */
    char *page = (char *)(((uintptr_t)start + 4095) & ~4095UL);

    T_CHECK("brk(0) asks", start != NULL && start == raw_brk(NULL));
    T_CHECK("grows by 4 MiB", raw_brk(page + 4 * MIB) == page + 4 * MIB);
    T_CHECK("new memory is zero", all_bytes(page, 4 * MIB, 0));
    memset(page, 0x5a, 4 * MIB);
    T_CHECK("shrinks by 3 MiB", raw_brk(page + MIB) == page + MIB);
    T_CHECK("the rest keeps its contents", all_bytes(page, MIB, 0x5a));
    T_CHECK("beyond the break nothing is mapped", t_unmapped(page + MIB));
    T_CHECK("grows again", raw_brk(page + 4 * MIB) == page + 4 * MIB);
    T_CHECK("and is zero again", all_bytes(page + MIB, 3 * MIB, 0));
    T_CHECK("a break inside a page", raw_brk(page + 100) == page + 100);
    T_CHECK("the page of the break is usable", t_try_write(page + 99, 1) == 0);
    T_CHECK("below the start is refused", raw_brk((char *)4096) == page + 100);
    T_CHECK("far beyond memory is refused", raw_brk((char *)(1UL << 47)) == page + 100);
    T_CHECK("back to where it was", raw_brk(start) == start);
}

/* A hole that munmap() made in the heap is heap again after the break went below it and came
 * back. No memory of others is lost by that. */
static void check_hole(void)
{
    enum { BLOCKS = 64 };
    static char *blocks[BLOCKS];
    char *start = raw_brk(NULL);
    char *page = (char *)(((uintptr_t)start + 4095) & ~4095UL);
    bool good = true;

    T_CHECK("grows", raw_brk(page + 4 * MIB) == page + 4 * MIB);
    memset(page, 0x5a, 4 * MIB);
    T_CHECK("a part is unmapped", munmap(page + MIB, 2 * MIB) == 0);
    T_CHECK("and is gone", t_unmapped(page + MIB) && t_unmapped(page + 3 * MIB - 4096));
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] =
            mmap(NULL, MIB / 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(blocks[i], i + 1, MIB / 16);
    }
    T_CHECK("the rest of the heap is as it was",
            all_bytes(page, MIB, 0x5a) && all_bytes(page + 3 * MIB, MIB, 0x5a));
    T_CHECK("the break goes back below the hole", raw_brk(page) == page);
    T_CHECK("and up again", raw_brk(page + 4 * MIB) == page + 4 * MIB);
    T_CHECK("zero all over", all_bytes(page, 4 * MIB, 0));
    memset(page, 0x66, 4 * MIB);
    for (int i = 0; i < BLOCKS; i++) {
        good = good && all_bytes(blocks[i], MIB / 16, (char)(i + 1));
        munmap(blocks[i], MIB / 16);
    }
    T_CHECK("the other mappings are as they were", good);
    T_CHECK("back to the start", raw_brk(start) == start);
}

static void check_sbrk(void)
{
    char *before = sbrk(0);

    T_CHECK("sbrk returns the old break", sbrk(8192) == before);
    T_CHECK("sbrk moved it", (char *)sbrk(0) == before + 8192);
    T_CHECK("sbrk back", (char *)sbrk(-8192) == before + 8192 && sbrk(0) == before);
    T_CHECK("an absurd sbrk is ENOMEM", sbrk((intptr_t)1 << 46) == (void *)-1 && errno == ENOMEM);
}

static void check_malloc(void)
{
    enum { BLOCKS = 2000 };
    static char *blocks[BLOCKS];
    bool good = true;

    for (int i = 0; i < BLOCKS; i++) {
        size_t size = (size_t)(i * 37 % 5000 + 1);
        blocks[i] = malloc(size);
        good = good && blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0;
        memset(blocks[i], i & 0xff, size);
    }
    for (int i = 0; i < BLOCKS; i++) {
        good = good && all_bytes(blocks[i], (size_t)(i * 37 % 5000 + 1), (char)(i & 0xff));
        free(blocks[i]);
    }
    T_CHECK("malloc keeps blocks apart", good);
    char *zeroed = calloc(MIB, 1);
    T_CHECK("calloc after free is zero", zeroed && all_bytes(zeroed, MIB, 0));
    free(zeroed);
    char *grown = malloc(100);
    memset(grown, 3, 100);
    grown = realloc(grown, 8 * MIB);
    T_CHECK("realloc keeps what was there", grown && all_bytes(grown, 100, 3));
    free(grown);
    /* volatile: the compiler may assume that a malloc nobody uses succeeds. */
    volatile size_t absurd = SIZE_MAX / 4;
    errno = 0;
    char *volatile none = malloc(absurd);
    T_CHECK("an absurd malloc is ENOMEM", none == NULL && errno == ENOMEM);
}

int main(void)
{
    t_fault_install();
    check_grow_and_shrink();
    check_hole();
    check_sbrk();
    check_malloc();
    return t_done();
}
