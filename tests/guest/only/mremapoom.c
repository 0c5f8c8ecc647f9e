// SPDX-License-Identifier: Apache-2.0
/*
 * mremap of a sparse mapping when there is no memory for the page tables of its new place: ENOMEM,
 * the old mapping whole, nothing left at the new one. On Linux the amounts of memory differ, hence
 * guest only. The same for one mapping that becomes two when there is no memory for the second.
 */
#include "only.h"
#include "fault.h"

#include <sys/mman.h>

enum { TOUCHED = 64, STEP = 2 << 20, CHUNK = 64 << 10, RW = PROT_READ | PROT_WRITE };
#define SIZE ((size_t)TOUCHED * STEP)

static char *reserve(void)
{
    char *p = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    T_MUST("reserve", p != MAP_FAILED);
    return p;
}

static bool whole(const char *p)
{
    for (size_t i = 0; i < TOUCHED; i++) {
        if (p[i * STEP] != (char)(i + 1)) {
            return false;
        }
    }
    return true;
}

enum { PIECES = 1024, PIECE = 3 * 4096 };

/* Unmaps the middle page of each piece until that is refused; returns how many pieces have lost
 * it. */
static size_t shrink_all(char *pieces)
{
    for (size_t i = 0; i < PIECES; i++) {
        char *p = pieces + i * PIECE;
        errno = 0;
        if (mremap(p, 2 * 4096, 4096, 0) != p) {
            return errno == ENOMEM ? i : 0;
        }
    }
    return PIECES;
}

static void shrink(void)
{
    char *pieces =
        mmap(NULL, (size_t)PIECES * PIECE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *spare = mmap(NULL, CHUNK, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    T_MUST("pieces", pieces != MAP_FAILED && spare != MAP_FAILED);
    char *chain = take(4096, take(CHUNK, take(16 << 20, NULL)));
    size_t done = shrink_all(pieces);
    munmap(spare, CHUNK); /* giving memory back takes memory, too */
    give_back(chain);
    T_CHECK("no memory for a second mapping: ENOMEM", done < PIECES);
    T_CHECK("what was refused is whole", !t_unmapped(pieces + done * PIECE + 4096));
    T_CHECK("what was not is gone", done == 0 || t_unmapped(pieces + (done - 1) * PIECE + 4096));
    munmap(pieces, (size_t)PIECES * PIECE);
}

int main(void)
{
    char *from = reserve(), *gap = reserve(), *to = reserve();
    /* Mapped in another way than its neighbours: then it is a mapping of its own, and giving it
     * back takes no memory. */
    char *spare = mmap(NULL, CHUNK, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    t_fault_install();
    T_MUST("apart", munmap(gap, SIZE) == 0 && spare != MAP_FAILED);
    for (size_t i = 0; i < TOUCHED; i++) {
        from[i * STEP] = (char)(i + 1);
    }
    char *chain = take(4096, take(CHUNK, take(16 << 20, NULL)));
    munmap(spare, CHUNK); /* enough for some of the tables */
    errno = 0;
    void *moved = mremap(from, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    int code = errno;
    give_back(chain);
    T_CHECK("no memory for the tables: ENOMEM", moved == MAP_FAILED && code == ENOMEM);
    T_CHECK("the old mapping is whole", whole(from));
    T_CHECK("nothing is left at the new place", t_unmapped(to) && t_unmapped(to + SIZE - STEP));
    T_CHECK("with memory it moves",
            mremap(from, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    T_CHECK("with its contents", whole(to) && t_unmapped(from));
    munmap(to, SIZE);
    shrink();
    return t_done();
}
