// SPDX-License-Identifier: Apache-2.0
/*
 * The walk over the guest's page tables. The tables are the guest's: an entry may hold any address,
 * and tables may lead back to themselves. So the callback checks each address, and the depth is
 * bounded by the levels.
 */
#include "paging.h"

#include <stddef.h>

static void paging_walk_below(struct paging_walk *walk, hv_gpa_t gpa, int level)
{
    const uint64_t *table = walk->table(walk, gpa, level);
    for (unsigned i = 0; table != NULL && i < PAGING_ENTRIES; i++) {
        if ((table[i] & PTE_P) == 0) {
            continue;
        }
        if (!paging_is_large(table[i], level)) {
            if (level > 1) {
                paging_walk_below(walk, table[i] & PTE_ADDR, level - 1);
            }
        } else if (walk->large != NULL) {
            walk->large(walk, table[i], level);
        }
    }
}

void paging_walk(struct paging_walk *walk, uint64_t cr3)
{
    paging_walk_below(walk, cr3 & PTE_ADDR, PAGING_LEVELS);
}
