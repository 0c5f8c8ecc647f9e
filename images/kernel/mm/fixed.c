// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings that a program wants at addresses of RAM where another program's memory is, such as the
 * text of two programs that are linked at the same place. Their pages are other frames. As long as
 * such a mapping is there, its address space is a holder of the frames at its addresses, so that
 * these never become the kernel's (mm.h).
 */
#include "mm/mm.h"

/* Does the frame belong to a program that has it at its own address? */
static bool in_program(paddr_t pa)
{
    struct mm *mm;
    LIST_FOREACH (mm, &mm_spaces, link) {
        if ((pa >= mm->brk_start && pa < mm->brk_limit) || vma_find(mm, pa) != NULL) {
            return true;
        }
    }
    return false;
}

int fixed_take(struct mm *mm, vaddr_t start, vaddr_t end)
{
    vaddr_t va = start;
    if (!pmm_is_ram(start, end - start)) {
        return start < LOW_END && mm->root != pt_first() ? root_carve(mm, start, end) : 0;
    }
    if (mm->root == pt_first()) {
        return -ENOMEM;
    }
    while (va < end && (pmm_is_used(va) ? in_program(va) && pmm_share(va) : pmm_claim(va, 1))) {
        va += PAGE_SIZE;
    }
    if (va == end && root_carve(mm, start, end) == 0) {
        return 0;
    }
    pmm_free(start, (va - start) / PAGE_SIZE);
    return -ENOMEM;
}

void fixed_give(vaddr_t start, vaddr_t end)
{
    if (!pmm_is_ram(start, end - start)) {
        return;
    }
    root_mend(start, end);
    pmm_free(start, (end - start) / PAGE_SIZE);
}
