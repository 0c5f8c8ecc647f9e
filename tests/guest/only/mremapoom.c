// SPDX-License-Identifier: Apache-2.0
// mremap of a sparse mapping when there is no memory for the page tables of its new place: ENOMEM,
// the old mapping whole, nothing left at the new one. How much memory that takes is the guest's own
// affair.
#include "t.h"
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

// Mappings linked through their first words: there is no memory to note them elsewhere.
static char *take(size_t size, char *chain)
{
    for (;;) {
        char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return chain;
        }
        *(char **)(void *)p = chain;
        ((size_t *)(void *)p)[1] = size;
        chain = p;
    }
}

static void give_back(char *chain)
{
    while (chain != NULL) {
        char *next = *(char **)(void *)chain;
        munmap(chain, ((size_t *)(void *)chain)[1]);
        chain = next;
    }
}

int main(void)
{
    char *from = reserve(), *gap = reserve(), *to = reserve();
    // Of another kind than its neighbours, so that giving it back takes no memory.
    char *spare = mmap(NULL, CHUNK, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    t_fault_install();
    T_MUST("apart", munmap(gap, SIZE) == 0 && spare != MAP_FAILED);
    for (size_t i = 0; i < TOUCHED; i++) {
        from[i * STEP] = (char)(i + 1);
    }
    char *chain = take(4096, take(CHUNK, take(16 << 20, NULL)));
    munmap(spare, CHUNK); // enough for some of the tables
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
    return t_done();
}
