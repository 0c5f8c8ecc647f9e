// SPDX-License-Identifier: Apache-2.0
/*
 * Large PROT_NONE reservations, far beyond memory, of which a little is committed, as arenas,
 * garbage collectors and thread stacks do. It is committed with mprotect and with MAP_FIXED, and
 * given back.
 */
#include "t.h"
#include "fault.h"

#include <sys/mman.h>

#define GIB ((size_t)1 << 30)
enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char *reserve(size_t size)
{
    return mmap(NULL, size, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
}

static void check_commit(char *base)
{
    static const size_t places[] = {0, 5 * GIB, 17 * GIB + 12345 * (size_t)PAGE, 64 * GIB - PAGE};

    T_EQ("a reservation is not readable", t_try_read(base + GIB), SIGSEGV);
    T_EQ("its si_code", t_fault.code, SEGV_ACCERR);
    for (size_t i = 0; i < T_COUNT(places); i++) {
        char *p = base + places[i];
        T_EQ("commit a page", mprotect(p, PAGE, RW), 0);
        T_CHECK("it is zero and writable",
                p[0] == 0 && p[PAGE - 1] == 0 && t_try_write(p, (char)('A' + i)) == 0);
    }
    T_EQ("beside a committed page", t_try_write(base + 5 * GIB + PAGE, 1), SIGSEGV);
    T_CHECK("pages are distinct",
            base[0] == 'A' && base[5 * GIB] == 'B' && base[64 * GIB - PAGE] == 'D');
}

static void check_commit_fixed(char *base)
{
    char *p = base + 33 * GIB;

    T_CHECK("commit 2 MiB with MAP_FIXED", mmap(p, 2 << 20, RW, ANON | MAP_FIXED, -1, 0) == p);
    memset(p, 0x77, 2 << 20);
    T_CHECK("it holds", p[0] == 0x77 && p[(2 << 20) - 1] == 0x77);
    T_CHECK("give it back with MAP_FIXED",
            mmap(p, 2 << 20, PROT_NONE, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0) == p);
    T_EQ("given back", t_try_read(p), SIGSEGV);
    T_EQ("commit again", mprotect(p, 2 << 20, RW), 0);
    T_CHECK("zero again", p[0] == 0 && p[1 << 20] == 0 && p[(2 << 20) - 1] == 0);
}

static void check_unmap_parts(char *base)
{
    T_EQ("unmap the middle 10 GiB", munmap(base + 20 * GIB, 10 * GIB), 0);
    T_EQ("unmapped", t_try_read(base + 25 * GIB), SIGSEGV);
    T_EQ("as unmapped memory", t_fault.code, SEGV_MAPERR);
    T_EQ("the rest is still reserved", t_try_read(base + 31 * GIB), SIGSEGV);
    T_EQ("as protected memory", t_fault.code, SEGV_ACCERR);
    T_CHECK("the hole can be mapped",
            mmap(base + 25 * GIB, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == base + 25 * GIB);
    base[25 * GIB] = 1;
    T_CHECK("committed pages survived", base[0] == 'A' && base[5 * GIB] == 'B');
    T_EQ("unmap everything", munmap(base, 64 * GIB), 0);
    T_EQ("all gone", t_try_read(base), SIGSEGV);
}

static void check_alignment_idiom(void)
{
    /* Reserve twice the size, keep the aligned part: how jemalloc-like allocators align. */
    size_t size = GIB;
    char *raw = reserve(2 * size);

    T_MUST("reserve 2 GiB", raw != MAP_FAILED);
    char *aligned = (char *)(((uintptr_t)raw + size - 1) & ~(size - 1));
    bool good = true;
    if (aligned > raw) {
        good = munmap(raw, (size_t)(aligned - raw)) == 0;
    }
    if (raw + 2 * size > aligned + size) {
        good = good && munmap(aligned + size, (size_t)(raw + size - aligned)) == 0;
    }
    T_CHECK("trim to an aligned GiB", good);
    T_EQ("use its last page", mprotect(aligned + size - PAGE, PAGE, RW), 0);
    T_EQ("write there", t_try_write(aligned + size - 1, 9), 0);
    T_EQ("unmap it", munmap(aligned, size), 0);
}

static void check_many(void)
{
    char *bases[32];
    bool good = true;

    for (size_t i = 0; i < T_COUNT(bases); i++) {
        bases[i] = reserve(16 * GIB);
        good = good && bases[i] != MAP_FAILED && mprotect(bases[i] + GIB, PAGE, RW) == 0 &&
               t_try_write(bases[i] + GIB, (char)i) == 0;
    }
    for (size_t i = 0; i < T_COUNT(bases); i++) {
        good = good && bases[i][GIB] == (char)i && munmap(bases[i], 16 * GIB) == 0;
    }
    T_CHECK("32 reservations of 16 GiB", good);
}

int main(void)
{
    t_fault_install();
    char *base = reserve(64 * GIB);

    T_MUST("reserve 64 GiB", base != MAP_FAILED);
    check_commit(base);
    check_commit_fixed(base);
    check_unmap_parts(base);
    check_alignment_idiom();
    check_many();
    return t_done();
}
