// SPDX-License-Identifier: Apache-2.0
/*
 * Removes mappings, with their frames and table entries. Memory that is
 * unmapped from RAM goes back to the allocator, read-write again.
 */
#include "mm/mm.h"
#include "cpu/cpu.h"

/* Frees the frames of a range, except those of the brk area, which stay allocated. */
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

/* Gives the frames of identity memory the rights that free frames have. That takes a new table when
 * the mapping is only a part of a large page that has other rights. */
static int restore_rights(const struct mm *mm, const struct vma *v, bool *flush)
{
    if ((prot_plain(v->prot) && !mm->lent) ||
        pt_protect_ident(v->start, v->end, PROT_READ | PROT_WRITE, flush) == 0) {
        return 0;
    }
    /* The pages before the one that failed have a table now. So setting them back takes no memory,
     * and it stops at the same page. */
    (void)cow_rights(v->start, v->end, v->prot, flush);
    return -ENOMEM;
}

static int unmap_one(struct mm *mm, struct vma *v, bool *rewritten, bool *flush)
{
    if (v->kind == VMA_IDENT) {
        int rc = restore_rights(mm, v, flush);
        if (rc < 0) {
            return rc;
        }
        free_frames(mm, v->start, v->end);
    } else {
        bool low = pmm_is_ram(v->start, v->end - v->start);
        if (low && pt_split_ends(v->start, v->end)) {
            return -ENOMEM;
        }
        *flush |= mm_unpopulate(v->start, v->end);
        fixed_give(v->start, v->end);
    }
    if (v->start == mm->library) {
        mm->library = 0;
    }
    *rewritten |= (v->flags & VMA_REWRITTEN) != 0;
    vma_remove(mm, v);
    return 0;
}

int mm_unmap(struct mm *mm, vaddr_t start, vaddr_t end, bool *rewritten)
{
    bool flush = false;
    int rc = 0;
    if (vma_split(mm, start) || vma_split(mm, end)) {
        return -ENOMEM;
    }
    struct vma *v = vma_first_from(mm, start);
    while (rc == 0 && v != NULL && v->start < end) {
        struct vma *next = vma_next(v);
        rc = unmap_one(mm, v, rewritten, &flush);
        v = next;
    }
    if (flush) {
        tlb_flush();
    }
    return rc;
}

/* Frees the frames that a mapping of pages owns. */
static void free_owned(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        paddr_t large = pt_take_large(va, end);
        if (large) {
            pmm_free(large, LARGE_PAGE / PAGE_SIZE);
            continue;
        }
        u64 *e = pt_is_large(va) ? NULL : pt_entry(va, false);
        for (; e != NULL && va < next; va += PAGE_SIZE, e++) {
            if (*e & PTE_OWNED) {
                pmm_free(*e & PTE_ADDR, 1);
            }
        }
    }
}

void mm_drop(struct mm *mm, bool empty)
{
    struct vma *v, *next;
    for (v = vma_first_from(mm, 0); v != NULL; v = next) {
        next = vma_next(v);
        if (v->kind == VMA_IDENT) {
            pt_select(pt_first());
            pt_open(v->start, v->end);
            free_frames(mm, v->start, v->end);
        } else {
            mm_select(mm);
            if (empty && v->start >= LOW_END) {
                mm_unpopulate(v->start, v->end);
            } else {
                free_owned(v->start, v->end);
            }
            if (pmm_is_ram(v->start, v->end - v->start)) {
                pmm_free(v->start, (v->end - v->start) / PAGE_SIZE);
            }
        }
        vma_remove(mm, v);
    }
}
