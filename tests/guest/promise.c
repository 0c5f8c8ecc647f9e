// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings larger than the guest's memory, of which little is touched: read, written, protected,
 * discarded, moved and unmapped in parts. A thread with a stack of 256 MiB uses much of it.
 */
#include "t.h"
#include "fault.h"

#include <pthread.h>
#include <sys/mman.h>

#define GIB ((size_t)1 << 30)
#define MIB ((size_t)1 << 20)
enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static const size_t places[] = {0, 5 * MIB + 123, GIB - 1, 2 * GIB, 3 * GIB + 77, 4 * GIB - 1};

static char *promise(void)
{
    char *p = mmap(NULL, 4 * GIB, RW, ANON, -1, 0);
    T_MUST("4 GiB", p != MAP_FAILED);
    return p;
}

static void write_places(char *p)
{
    for (size_t i = 0; i < T_COUNT(places); i++) {
        p[places[i]] = (char)('a' + i);
    }
}

static bool places_hold(const char *p)
{
    for (size_t i = 0; i < T_COUNT(places); i++) {
        if (p[places[i]] != (char)('a' + i)) {
            return false;
        }
    }
    return true;
}

static void check_sparse(void)
{
    char *p = promise();
    T_CHECK("it is zero", p[0] == 0 && p[7 * MIB] == 0 && p[4 * GIB - 1] == 0);
    write_places(p);
    T_CHECK("what was written is there", places_hold(p));
    T_CHECK("beside it all is zero", p[1] == 0 && p[5 * MIB + 124] == 0 && p[2 * GIB - 1] == 0);
    unsigned char resident[2];
    T_EQ("mincore", mincore(p + 2 * GIB, PAGE, resident), 0);
    T_CHECK("says it is there", resident[0] & 1);
    T_EQ("unmap", munmap(p, 4 * GIB), 0);
    T_EQ("gone", t_try_read(p), SIGSEGV);
    T_EQ("all of it", t_try_read(p + 2 * GIB), SIGSEGV);
}

static void check_rights(void)
{
    char *p = promise();
    write_places(p);
    T_EQ("all read-only", mprotect(p, 4 * GIB, PROT_READ), 0);
    T_CHECK("can be read", places_hold(p));
    T_EQ("a page there cannot be written", t_try_write(p + 2 * GIB, 1), SIGSEGV);
    T_EQ("nor one that was not touched", t_try_write(p + 9 * MIB, 1), SIGSEGV);
    T_EQ("one page writable", mprotect(p + 2 * GIB, PAGE, RW), 0);
    T_EQ("it is", t_try_write(p + 2 * GIB, 'd'), 0);
    T_EQ("not the next one", t_try_write(p + 2 * GIB + PAGE, 1), SIGSEGV);
    T_EQ("nothing", mprotect(p, 4 * GIB, PROT_NONE), 0);
    T_EQ("cannot be read", t_try_read(p + GIB - 1), SIGSEGV);
    T_EQ("writable again", mprotect(p, 4 * GIB, RW), 0);
    T_CHECK("the contents stayed", places_hold(p));
    p[2 * GIB + PAGE] = 1;
    T_EQ("unmap", munmap(p, 4 * GIB), 0);
}

static void check_parts(void)
{
    char *p = promise();
    write_places(p);
    T_EQ("discard a page", madvise(p, PAGE, MADV_DONTNEED), 0);
    T_CHECK("it is zero", p[0] == 0);
    p[0] = 'a';
    T_EQ("discard 2 GiB", madvise(p + GIB, 2 * GIB, MADV_DONTNEED), 0);
    T_CHECK("they are zero", p[2 * GIB] == 0);
    p[2 * GIB] = 'd';
    T_CHECK("the others are not", places_hold(p));
    T_EQ("unmap the middle of a large page", munmap(p + 2 * GIB + 8 * PAGE, PAGE), 0);
    T_EQ("gone", t_try_read(p + 2 * GIB + 8 * PAGE), SIGSEGV);
    T_CHECK("the rest is there", places_hold(p) && p[2 * GIB + 9 * PAGE] == 0);
    T_CHECK("something else fits in",
            mmap(p + 2 * GIB + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED &&
                p[2 * GIB + 8 * PAGE] == 0);
    T_EQ("unmap all but the ends", munmap(p + 4 * MIB, 4 * GIB - 8 * MIB), 0);
    T_CHECK("the ends hold", p[0] == 'a' && p[4 * GIB - 1] == 'f');
    T_EQ("unmap", munmap(p, 4 * GIB), 0);
}

static void check_moving(void)
{
    char *p = promise();
    write_places(p);
    char *q = mremap(p, 4 * GIB, 6 * GIB, MREMAP_MAYMOVE);
    T_MUST("grow", q != MAP_FAILED);
    T_CHECK("contents came along", places_hold(q) && q[6 * GIB - 1] == 0);
    char *at = mmap(NULL, 6 * GIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    T_MUST("a place", at != MAP_FAILED);
    T_CHECK("move it there", mremap(q, 6 * GIB, 6 * GIB, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
    T_CHECK("contents came along", places_hold(at) && at[8 * MIB] == 0);
    T_EQ("unmap", munmap(at, 6 * GIB), 0);
}

static void check_calls(void)
{
    char *p = promise();
    int ends[2];
    T_MUST("a pipe", pipe(ends) == 0);
    T_EQ("write from what was not touched", write(ends[1], p + 3 * GIB, 100), 100);
    T_EQ("read into it", read(ends[0], p + GIB + 5, 100), 100);
    T_CHECK("zeroes", p[GIB + 5] == 0 && p[GIB + 104] == 0);
    close(ends[0]);
    close(ends[1]);
    T_EQ("unmap", munmap(p, 4 * GIB), 0);
}

__attribute__((noinline)) static size_t deep(size_t left)
{
    volatile char frame[1 << 16];
    frame[0] = frame[sizeof(frame) - 1] = (char)left;
    const size_t below = left > 0 ? deep(left - 1) : 0;
    return below + (frame[0] == (char)left && frame[sizeof(frame) - 1] == (char)left);
}

static void *deep_main(void *arg)
{
    return (void *)deep((size_t)arg);
}

static void check_stack(void)
{
    pthread_attr_t attr;
    pthread_t threads[2];
    void *depth = NULL;
    T_MUST("attributes", pthread_attr_init(&attr) == 0);
    T_EQ("a stack of 256 MiB", pthread_attr_setstacksize(&attr, 256 * MIB), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            T_MUST("a thread", pthread_create(&threads[i], &attr, deep_main, (void *)1000) == 0);
        }
        for (int i = 0; i < 2; i++) {
            T_MUST("its end", pthread_join(threads[i], &depth) == 0);
            T_EQ("1001 frames of 64 KiB", depth, 1001);
        }
    }
}

int main(void)
{
    t_fault_install();
    check_sparse();
    check_rights();
    check_parts();
    check_moving();
    check_calls();
    check_stack();
    return t_done();
}
