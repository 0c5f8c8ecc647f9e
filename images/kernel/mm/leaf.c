// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of pages that address spaces beside the first have left, by the program that they were for
 * and the place in its tree. A host that shadows page tables keeps a copy of such a table. It
 * compares the copy with the table only when that becomes part of a tree that is used. So a table
 * outside of all trees may be emptied and filled again. Where it then says what it said before, the
 * host has nothing to learn: a program that is started again does not fault on each page of its
 * text.
 */
#include "mm/mm.h"

#define LEAVES_MOST 256u

static KERNEL_COLD struct leaf {
    u64 *table;
    vaddr_t place; /* where the 2 MiB begin that it maps */
    const void *program;
} leaves[LEAVES_MOST]; /* the oldest first */
static KERNEL_COLD unsigned leaf_count;
static KERNEL_COLD const void *program; /* whose tree is selected */

void leaf_program(const void *of)
{
    if (program != of) {
        program = of;
    }
}

static u64 *take_leaf(unsigned n)
{
    u64 *table = leaves[n].table;
    leaf_count--;
    kernel_counts.kept_tables--;
    memmove(&leaves[n], &leaves[n + 1], (leaf_count - n) * sizeof(leaves[0]));
    return table;
}

u64 *leaf_keep(u64 *table, vaddr_t va, const void *of)
{
    u64 *oldest = leaf_count == LEAVES_MOST ? take_leaf(0) : NULL;
    kernel_counts.kept_tables++;
    leaves[leaf_count++] = (struct leaf){table, va & ~(LARGE_PAGE - 1), of};
    return oldest;
}

u64 *leaf_take(vaddr_t va)
{
    for (unsigned n = leaf_count; n-- > 0;) {
        if (leaves[n].place == (va & ~(LARGE_PAGE - 1)) && leaves[n].program == program) {
            return take_leaf(n);
        }
    }
    return NULL;
}
