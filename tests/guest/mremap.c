// SPDX-License-Identifier: Apache-2.0
/*
 * mremap (grow in place, move, shrink, fixed), madvise DONTNEED, mincore, mlock, and memory given
 * back by free and realloc: memory is zero where Linux says that it is.
 */
#include "t.h"
#include "fault.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(size_t pages)
{
    char *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

    T_MUST("map", p != MAP_FAILED);
    for (size_t i = 0; i < pages; i++) {
        memset(p + i * PAGE, (int)(i + 1), PAGE);
    }
    return p;
}

static bool numbered(const char *p, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        if (p[i * PAGE] != (char)(i + 1) || p[i * PAGE + PAGE - 1] != (char)(i + 1)) {
            return false;
        }
    }
    return true;
}

static void check_shrink_and_grow(void)
{
    char *p = map(16);

    T_CHECK("shrink stays in place", mremap(p, 16 * PAGE, 4 * PAGE, 0) == p);
    T_CHECK("the tail is gone", t_unmapped(p + 4 * PAGE));
    T_CHECK("the head stays", numbered(p, 4));
    T_CHECK("grow in place", mremap(p, 4 * PAGE, 8 * PAGE, 0) == p);
    T_CHECK("the new part is zero", p[4 * PAGE] == 0 && p[8 * PAGE - 1] == 0);
    T_CHECK("the same size", mremap(p, 8 * PAGE, 8 * PAGE, 0) == p);
    munmap(p, 8 * PAGE);
}

static void check_move(void)
{
    char *p = map(8);

    T_CHECK("a neighbour", mmap(p + 4 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) != NULL);
    T_CHECK("cannot grow in place",
            mremap(p, 4 * PAGE, 8 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
    char *q = mremap(p, 4 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    T_MUST("moves instead", q != MAP_FAILED && q != p);
    T_CHECK("the contents moved", numbered(q, 4) && q[4 * PAGE] == 0 && q[600 * PAGE - 1] == 0);
    T_CHECK("the old place is unmapped", t_unmapped(p));
    char *target = map(4);
    T_CHECK("to a fixed place",
            mremap(q, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    T_CHECK("contents at the fixed place", numbered(target, 4));
    T_CHECK("moved away", t_unmapped(q));
    T_EQ("only what was named moved", t_try_read(q + 4 * PAGE), 0);
}

static void check_refusals(void)
{
    char *p = map(2);

    T_CHECK("unaligned", mremap(p + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
    T_CHECK("size 0", mremap(p, PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    T_CHECK("unknown flags", mremap(p, PAGE, PAGE, 0x80) == MAP_FAILED && errno == EINVAL);
    T_CHECK("fixed without maymove",
            mremap(p, PAGE, PAGE, MREMAP_FIXED, p + PAGE) == MAP_FAILED && errno == EINVAL);
    munmap(p, 2 * PAGE);
    T_CHECK("nothing there",
            mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    p = map(1);
    T_CHECK("far too large",
            mremap(p, PAGE, (size_t)1 << 46, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    T_CHECK("and nothing was lost", numbered(p, 1));
}

static void check_dontneed(void)
{
    char *p = map(8);

    T_EQ("DONTNEED", madvise(p + 2 * PAGE, 3 * PAGE, MADV_DONTNEED), 0);
    T_CHECK("zero there", p[2 * PAGE] == 0 && p[5 * PAGE - 1] == 0);
    T_CHECK("kept elsewhere", numbered(p, 2) && p[5 * PAGE] == 6);
    p[2 * PAGE] = 1;
    T_EQ("advice that changes nothing",
         madvise(p, 8 * PAGE, MADV_NORMAL) | madvise(p, 8 * PAGE, MADV_WILLNEED) |
             madvise(p, 8 * PAGE, MADV_SEQUENTIAL) | madvise(p, 8 * PAGE, MADV_RANDOM),
         0);
    T_CHECK("nothing changed", p[2 * PAGE] == 1 && p[0] == 1);
    T_EQ("FREE keeps or zeroes", madvise(p, PAGE, MADV_FREE) == 0 && (p[0] == 1 || p[0] == 0), 1);
    T_ERR("unaligned advice", madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    T_ERR("unknown advice", madvise(p, PAGE, 9999), EINVAL);
    munmap(p + 4 * PAGE, PAGE);
    T_ERR("advice across a hole", madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
}

static void check_dontneed_file(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    char page[PAGE];

    memset(page, 'f', PAGE);
    T_CHECK("a file", write(fd, page, PAGE) == PAGE);
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    p[7] = 'x';
    T_EQ("DONTNEED of a private file mapping", madvise(p, PAGE, MADV_DONTNEED), 0);
    T_EQ("the file's contents are back", p[7], 'f');
    close(fd);
}

static void check_malloc(void)
{
    enum { BIG = 4 << 20 };
    bool zero = true, kept = true;

    for (int round = 0; round < 8; round++) {
        char *p = calloc(1, BIG);
        for (size_t i = 0; i < BIG; i += 511) {
            zero = zero && p[i] == 0;
        }
        memset(p, 0xff, BIG);
        p = realloc(p, BIG * 2);
        for (size_t i = 0; i < BIG; i += 511) {
            kept = kept && p[i] == (char)0xff;
        }
        free(p);
        malloc_trim(0);
    }
    T_CHECK("calloc is zero, every time", zero);
    T_CHECK("realloc keeps, every time", kept);
    void *aligned = NULL;
    T_CHECK("posix_memalign",
            posix_memalign(&aligned, 1 << 16, 100) == 0 && (uintptr_t)aligned % (1 << 16) == 0);
}

static void check_residency(void)
{
    char *p = map(4);
    unsigned char vector[4] = {0};

    T_EQ("mincore", mincore(p, 4 * PAGE, vector), 0);
    T_CHECK("touched pages are resident", (vector[0] & vector[1] & vector[2] & vector[3] & 1) == 1);
    T_EQ("mlock", mlock(p, PAGE), 0);
    T_EQ("munlock", munlock(p, PAGE), 0);
}

static void check_rights(void)
{
    char *p = map(2);

    T_EQ("read-only", mprotect(p, 2 * PAGE, PROT_READ), 0);
    char *q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    T_MUST("grow", q != MAP_FAILED);
    T_CHECK("with its contents", numbered(q, 2));
    T_EQ("the old part stays read-only", t_try_write(q, 1), SIGSEGV);
    T_EQ("the new part is read-only", t_try_write(q + 3 * PAGE, 1), SIGSEGV);
    munmap(q, 4 * PAGE);
}

int main(void)
{
    t_scratch();
    t_fault_install();
    check_shrink_and_grow();
    check_move();
    check_refusals();
    check_dontneed();
    check_dontneed_file();
    check_malloc();
    check_residency();
    check_rights();
    return t_done();
}
