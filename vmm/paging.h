// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's page tables: their bits, and the one walk over them (SDM vol. 3, 4.5). Four levels:
 * the table of level 4 is the root, an entry of level 1 maps 4 KiB, and one of level 2 or 3 either
 * maps a large page (2 MiB, 1 GiB) or leads to a table of the level below.
 */
#ifndef PAGING_H
#define PAGING_H

#include "abi.h"

#include <stdbool.h>

#define PTE_P     (1ull << 0)
#define PTE_W     (1ull << 1)
#define PTE_U     (1ull << 2)
#define PTE_A     (1ull << 5)
#define PTE_D     (1ull << 6)
#define PTE_LARGE (1ull << 7)
#define PTE_NX    (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

#define PAGING_LEVELS  4
#define PAGING_ENTRIES 512u

/* Which entry of a table of this level maps va. */
static inline unsigned paging_index(hv_gpa_t va, int level)
{
    return va >> (12 + 9 * (level - 1)) & (PAGING_ENTRIES - 1);
}

static inline bool paging_is_large(uint64_t entry, int level)
{
    return (level == 2 || level == 3) && (entry & PTE_LARGE) != 0;
}

/* What a walk does with what it finds. A walk visits all tables that the root leads to, each table
 * before those below it. */
struct paging_walk {
    /* A table: returns its entries, or NULL when the walk shall not look into it. */
    const uint64_t *(*table)(struct paging_walk *walk, hv_gpa_t gpa, int level);
    /* A present entry that maps a large page. May be NULL. */
    void (*large)(struct paging_walk *walk, uint64_t entry, int level);
};

/* Of cr3 only the address is used. */
void paging_walk(struct paging_walk *walk, uint64_t cr3);

#endif
