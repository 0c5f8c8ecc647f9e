// SPDX-License-Identifier: Apache-2.0
/*
 * Large memory that was written, given back and taken again is zero, in whatever way it was given
 * back and taken: munmap and mmap, MADV_DONTNEED, growing into freed memory, the heap, in parts.
 */
#include "t.h"

#include <sys/mman.h>

enum { PAGE = 4096, MIB = 1 << 20, LARGE = 40 * MIB, RW = PROT_READ | PROT_WRITE };

static char *map(size_t size)
{
    char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T_MUST("a mapping", p != MAP_FAILED);
    return p;
}

static void fill(char *p, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE) {
        p[i] = p[i + PAGE - 1] = (char)(1 + i / PAGE % 100);
    }
}

static bool is_filled(const char *p, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE) {
        if (p[i] != (char)(1 + i / PAGE % 100) || p[i + PAGE - 1] != p[i]) {
            return false;
        }
    }
    return true;
}

static bool is_zero(const char *p, size_t size)
{
    for (size_t i = 0; i < size; i += PAGE) {
        if (p[i] != 0 || p[i + PAGE / 2] != 0 || p[i + PAGE - 1] != 0) {
            return false;
        }
    }
    return true;
}

static void check_again(void)
{
    for (int round = 0; round < 4; round++) {
        char *p = map(LARGE);
        T_CHECK("fresh memory is zero", is_zero(p, LARGE));
        fill(p, LARGE);
        T_MUST("unmap", munmap(p, LARGE) == 0);
    }
    /* Freed in pieces, taken as a whole, and in other pieces. */
    char *p = map(LARGE);
    fill(p, LARGE);
    for (size_t at = 0; at < LARGE; at += 5 * MIB) {
        T_MUST("unmap a piece", munmap(p + at, 5 * MIB) == 0);
    }
    p = map(LARGE);
    T_CHECK("pieces make a whole", is_zero(p, LARGE));
    fill(p, LARGE);
    T_MUST("unmap the whole", munmap(p, LARGE) == 0);
    char *a = map(3 * MIB), *b = map(20 * MIB), *c = map(10 * MIB + PAGE);
    T_CHECK("pieces of a whole", is_zero(a, 3 * MIB) && is_zero(b, 20 * MIB));
    T_CHECK("of an odd size", is_zero(c, 10 * MIB + PAGE));
    fill(b, 20 * MIB);
    T_MUST("unmap one", munmap(a, 3 * MIB) == 0 && munmap(c, 10 * MIB + PAGE) == 0);
    T_CHECK("the one between is as it was", is_filled(b, 20 * MIB));
    T_MUST("unmap it", munmap(b, 20 * MIB) == 0);
}

static void check_advice(void)
{
    char *p = map(LARGE);
    fill(p, LARGE);
    T_EQ("MADV_DONTNEED of most of it", madvise(p + PAGE, LARGE - 3 * PAGE, MADV_DONTNEED), 0);
    T_CHECK("is zero", is_zero(p + PAGE, LARGE - 3 * PAGE));
    T_CHECK("what lies before is not", is_filled(p, PAGE));
    T_CHECK("nor what lies after", p[LARGE - 2 * PAGE] != 0 && p[LARGE - 1] != 0);
    fill(p, LARGE);
    T_CHECK("and is memory", is_filled(p, LARGE));
    T_EQ("again, all", madvise(p, LARGE, MADV_DONTNEED), 0);
    T_CHECK("all is zero", is_zero(p, LARGE));
    T_MUST("unmap", munmap(p, LARGE) == 0);
}

static void check_growing(void)
{
    char *p = map(LARGE);
    fill(p, LARGE);
    T_MUST("shrink", mremap(p, LARGE, 2 * MIB, 0) == p);
    char *grown = mremap(p, 2 * MIB, LARGE, MREMAP_MAYMOVE);
    T_MUST("grow", grown != MAP_FAILED);
    T_CHECK("what was kept is kept", is_filled(grown, 2 * MIB));
    T_CHECK("what came is zero", is_zero(grown + 2 * MIB, LARGE - 2 * MIB));
    T_MUST("unmap", munmap(grown, LARGE) == 0);
}

static void check_heap(void)
{
    char *start = sbrk(8 * MIB);
    T_MUST("grow the heap", start != (char *)-1);
    memset(start, 0x55, 8 * MIB);
    T_MUST("shrink it", sbrk(-8 * MIB) != (void *)-1);
    T_MUST("grow it again", sbrk(8 * MIB) == start);
    T_CHECK("the heap is zero", is_zero(start, 8 * MIB));
    T_MUST("give it back", sbrk(-8 * MIB) != (void *)-1);
}

int main(void)
{
    check_again();
    check_advice();
    check_growing();
    check_heap();
    return t_done();
}
