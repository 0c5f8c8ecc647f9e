// SPDX-License-Identifier: Apache-2.0
/*
 * Takes mappings away, with their frames and table entries. Memory that is
 * unmapped from RAM goes back to the allocator with its rights restored.
 */
#include "mm/mm.h"
#include "cpu/cpu.h"

/* All but those of the brk area. */
static void free_frames(const struct mm *mm, paddr_t start, paddr_t end)
{
    paddr_t low = MAX(start, mm->brk_start), high = MIN(end, mm->brk_limit);
    if (low >= high) {
        pmm_free(start, (end - start) / PAGE_SIZE);
        return;
    }
    pmm_free(start, (low - start) / PAGE_SIZE);
    pmm_mark_dirty(low, (high - low) / PAGE_SIZE);
    pmm_free(high, (end - high) / PAGE_SIZE);
}

/* Returns whether it was rewritten text. */
static bool unmap_one(struct mm *mm, struct vma *v, bool *flush)
{
    bool rewritten = v->flags & VMA_REWRITTEN;
    if (v->kind == VMA_IDENT) {
        int prot = PROT_READ | PROT_WRITE;
        int rc = prot_plain(v->prot) ? 0 : pt_protect_ident(v->start, v->end, prot, flush);
        KASSERT(rc == 0);
        free_frames(mm, v->start, v->end);
    } else {
        *flush |= mm_unpopulate(v->start, v->end);
    }
    if (v->start == mm->library) {
        mm->library = 0;
    }
    vma_remove(mm, v);
    return rewritten;
}

int mm_unmap(struct mm *mm, vaddr_t start, vaddr_t end, bool *rewritten)
{
    bool flush = false;
    if (vma_split(mm, start) || vma_split(mm, end)) {
        return -ENOMEM;
    }
    struct vma *v = vma_first_from(mm, start);
    while (v != NULL && v->start < end) {
        struct vma *next = vma_next(v);
        *rewritten |= unmap_one(mm, v, &flush);
        v = next;
    }
    if (flush) {
        tlb_flush();
    }
    return 0;
}
