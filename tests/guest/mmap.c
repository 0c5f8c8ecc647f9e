// SPDX-License-Identifier: Apache-2.0
/*
 * Anonymous mappings: zero at first, hints, MAP_FIXED over something else, MAP_FIXED_NOREPLACE,
 * munmap of the middle, out of memory, and every argument that must be refused.
 */
#include "t.h"
#include "fault.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(void *at, size_t size, int prot, int flags)
{
    return mmap(at, size, prot, flags, -1, 0);
}

static bool zero(const char *p, size_t size)
{
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

static void check_basic(void)
{
    char *p = map(NULL, 64 * PAGE, RW, ANON);

    T_MUST("map", p != MAP_FAILED);
    T_CHECK("page aligned", (uintptr_t)p % PAGE == 0);
    T_CHECK("zero", zero(p, 64 * PAGE));
    memset(p, 1, 64 * PAGE);
    T_EQ("unmap the middle", munmap(p + 16 * PAGE, 16 * PAGE), 0);
    T_EQ("before the hole", t_try_write(p + 16 * PAGE - 1, 2), 0);
    T_CHECK("the hole, first byte", t_unmapped(p + 16 * PAGE));
    T_CHECK("the hole, last byte", t_unmapped(p + 32 * PAGE - 1));
    T_EQ("after the hole", t_try_write(p + 32 * PAGE, 2), 0);
    T_EQ("unmap what is partly unmapped", munmap(p, 64 * PAGE), 0);
    T_EQ("unmap nothing at all", munmap(p, 64 * PAGE), 0);
    T_CHECK("everything is gone", t_unmapped(p + 40 * PAGE));
    p = map(NULL, 100, RW, ANON);
    T_CHECK("a length is rounded up", p != MAP_FAILED && t_try_write(p + PAGE - 1, 1) == 0);
    T_EQ("unmap rounds too", munmap(p, 1), 0);
    T_CHECK("it is gone", t_unmapped(p));
}

static void check_reuse_is_zero(void)
{
    bool good = true;

    for (int round = 0; round < 50; round++) {
        size_t size = (size_t)(1 + round % 7) * 16 * PAGE;
        char *p = map(NULL, size, RW, ANON);
        good = good && p != MAP_FAILED && zero(p, size);
        memset(p, 0xee, size);
        munmap(p, size);
    }
    T_CHECK("memory that comes back is zero", good);
}

static void check_fixed(void)
{
    char *p = map(NULL, 16 * PAGE, RW, ANON);

    memset(p, 7, 16 * PAGE);
    T_CHECK("fixed over a mapping",
            map(p + 4 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED) == p + 4 * PAGE);
    T_CHECK("fixed gives zeros", zero(p + 4 * PAGE, 4 * PAGE));
    T_CHECK("around it nothing changed", p[4 * PAGE - 1] == 7 && p[8 * PAGE] == 7);
    T_CHECK("noreplace refuses",
            map(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE) == MAP_FAILED && errno == EEXIST);
    T_CHECK("and kept the contents", p[0] == 7);
    T_CHECK("a taken hint goes elsewhere", map(p, PAGE, RW, ANON) != p && p[0] == 7);
    char *low = map(p + 10 * PAGE + 5, PAGE, RW, ANON);
    T_CHECK("an unaligned hint is only a hint", low != MAP_FAILED && (uintptr_t)low % PAGE == 0);
}

/* Mappings in a range that was reserved and unmapped: it is surely free, in the guest as on
 * Linux. */
static void check_free_range(void)
{
    size_t size = (size_t)8 << 30;
    char *p = map(NULL, size, PROT_NONE, ANON | MAP_NORESERVE);

    T_MUST("reserve", p != MAP_FAILED);
    T_EQ("given up", munmap(p, size), 0);
    T_CHECK("a free hint is honoured", map(p + size / 2, PAGE, RW, ANON) == p + size / 2);
    char *q = p + size / 4;
    T_CHECK("noreplace in a free place",
            map(q, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE) == q && zero(q, 2 * PAGE));
    T_CHECK("noreplace beside and over it",
            map(q - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE) == MAP_FAILED &&
                errno == EEXIST);
    T_CHECK("fixed in a free place", map(p, PAGE, RW, ANON | MAP_FIXED) == p && zero(p, PAGE));
    T_EQ("beside it nothing is mapped", t_try_read(p + PAGE), SIGSEGV);
    T_EQ("si_code", t_fault.code, SEGV_MAPERR);
    T_CHECK("si_addr", t_fault.addr == p + PAGE);
}

static void check_refusals(void)
{
    char *p = map(NULL, PAGE, RW, ANON);

    T_CHECK("length 0", map(NULL, 0, RW, ANON) == MAP_FAILED && errno == EINVAL);
    T_CHECK("fixed unaligned",
            map(p + 1, PAGE, RW, ANON | MAP_FIXED) == MAP_FAILED && errno == EINVAL);
    T_CHECK("neither private nor shared",
            map(NULL, PAGE, RW, MAP_ANONYMOUS) == MAP_FAILED && errno == EINVAL);
    T_CHECK("a length that wraps",
            map(NULL, SIZE_MAX - 100, RW, ANON) == MAP_FAILED && errno == ENOMEM);
    T_CHECK("more than the address space",
            map(NULL, (size_t)1 << 48, RW, ANON) == MAP_FAILED && errno == ENOMEM);
    /* The kernel adds to the length and rounds it: the sum must not wrap to a small one. */
    for (size_t less = PAGE; less <= 1024 * PAGE; less *= 2) {
        T_CHECK("a reservation of nearly all that 64 bits address",
                map(NULL, SIZE_MAX - less + 1, PROT_NONE, ANON | MAP_NORESERVE) == MAP_FAILED &&
                    errno == ENOMEM);
        T_CHECK("the same with memory",
                map(NULL, SIZE_MAX - less + 1, RW, ANON | MAP_NORESERVE) == MAP_FAILED &&
                    errno == ENOMEM);
    }
    T_CHECK("fixed beyond the address space",
            map((void *)(uintptr_t)0x7ffffffff000, 2 * PAGE, RW, ANON | MAP_FIXED) == MAP_FAILED &&
                errno == ENOMEM);
    T_CHECK("a bad descriptor",
            mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
    T_CHECK("an unaligned offset",
            syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, 0, 1) == -1 && errno == EINVAL);
    T_ERR("munmap unaligned", munmap(p + 1, PAGE), EINVAL);
    T_ERR("munmap of length 0", munmap(p, 0), EINVAL);
    T_EQ("the page is still there", t_try_write(p, 1), 0);
}

static void check_exec_and_flags(void)
{
    static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    char *p = map(NULL, PAGE, RW | PROT_EXEC, ANON);
    int (*function)(void);

    T_MUST("executable", p != MAP_FAILED);
    memcpy(p, code, sizeof(code));
    memcpy(&function, &p, sizeof(p));
    T_EQ("code written at run time runs", function(), 42);
    p = map(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE | MAP_NORESERVE | MAP_STACK);
    T_CHECK("harmless flags", p != MAP_FAILED && zero(p, 8 * PAGE));
    p = map(NULL, 4 << 20, RW, ANON);
    T_EQ("madvise HUGEPAGE or EINVAL", madvise(p, 4 << 20, MADV_HUGEPAGE) == 0 || errno == EINVAL,
         1);
}

int main(void)
{
    t_fault_install();
    check_basic();
    check_reuse_is_zero();
    check_fixed();
    check_free_range();
    check_refusals();
    check_exec_and_flags();
    return t_done();
}
