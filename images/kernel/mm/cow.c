// SPDX-License-Identifier: Apache-2.0
/*
 * Identity memory after a fork. Its frames cannot be exchanged, because their addresses are those
 * of the memory. So the process that has it keeps the frames, and when it writes to one, the
 * processes that show that frame get a copy, which they share. They show it at the same address, in
 * a mapping of pages (fork.c). Such a page is read-only on both sides until then.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define AROUND 16u /* pages that get their rights back at one fault */

/* The entry by which mm shows the frame pa at its own address, as one that it does not own; or
 * NULL. Its tree is selected. */
static u64 *shown_by(struct mm *mm, paddr_t pa)
{
    const struct vma *v = vma_find(mm, pa);
    if (v == NULL || v->kind != VMA_PAGED) {
        return NULL;
    }
    mm_select(mm);
    u64 *e = pt_entry(pa, false);
    return e != NULL && (*e & PTE_ADDR) == pa && !(*e & PTE_OWNED) ? e : NULL;
}

/* Gives those who show the frame a copy of it. */
static int lend_copy(paddr_t pa)
{
    u64 *selected = pt_selected();
    paddr_t copy = 0;
    struct mm *mm;
    int rc = 0;
    LIST_FOREACH (mm, &mm_spaces, link) {
        u64 *e = shown_by(mm, pa);
        if (e == NULL) {
            continue;
        }
        if (copy && !pmm_share(copy)) {
            rc = -ENOMEM;
            break;
        }
        if (!copy) {
            copy = pmm_alloc(1, 0);
            if (!copy) {
                rc = -ENOMEM;
                break;
            }
            memcpy(phys_ptr(copy), phys_ptr(pa), PAGE_SIZE);
        }
        *e = copy | (*e & ~PTE_ADDR) | PTE_OWNED;
    }
    pt_select(selected);
    return rc;
}

int cow_rights(vaddr_t start, vaddr_t end, int prot, bool *need_flush)
{
    int rc = 0;
    if (!pmm_any_shared() || !(prot & PROT_WRITE)) {
        return pt_protect_ident(start, end, prot, need_flush);
    }
    for (vaddr_t va = start; rc == 0 && va < end; va += PAGE_SIZE) {
        int now = pmm_is_shared(va) ? (prot & ~PROT_WRITE) | PROT_READ : prot;
        rc = pt_protect_ident(va, va + PAGE_SIZE, now, need_flush);
    }
    return rc;
}

int cow_write(struct mm *mm, const struct vma *v, vaddr_t va)
{
    bool flush = false;
    if (!mm->lent || pt_is_large(va)) {
        return 0; /* the tables allow it: the translation was stale; try again */
    }
    int rc = pmm_is_shared(va) ? lend_copy(va) : 0;
    if (rc == 0) {
        rc = pt_protect_ident(va, va + PAGE_SIZE, v->prot, &flush);
    }
    vaddr_t around = va & ~(AROUND * PAGE_SIZE - 1);
    for (vaddr_t at = MAX(around, v->start);
         rc == 0 && at < MIN(around + AROUND * PAGE_SIZE, v->end); at += PAGE_SIZE) {
        if (!pmm_is_shared(at)) {
            rc = pt_protect_ident(at, at + PAGE_SIZE, v->prot, &flush);
        }
    }
    return rc;
}

int cow_own(vaddr_t start, vaddr_t end, int prot)
{
    bool flush = false;
    int rc = 0;
    for (vaddr_t va = start; rc == 0 && pmm_any_shared() && va < end; va += PAGE_SIZE) {
        rc = pmm_is_shared(va) ? lend_copy(va) : 0;
    }
    return rc == 0 ? pt_protect_ident(start, end, prot, &flush) : rc;
}

/* The rights of a free frame, in each tree: a process that has unmapped the page while others held
 * the frame may have a table of its own there, with the rights that the page had then. */
static int restore_page(paddr_t pa, bool *need_flush)
{
    u64 *selected = pt_selected();
    struct mm *mm;
    int rc = pt_protect_ident(pa, pa + PAGE_SIZE, PROT_READ | PROT_WRITE, need_flush);
    LIST_FOREACH (mm, &mm_spaces, link) {
        if (rc == 0 && mm->root != pt_first() && mm->root != selected) {
            mm_select(mm);
            rc = pt_protect_ident(pa, pa + PAGE_SIZE, PROT_READ | PROT_WRITE, need_flush);
        }
    }
    pt_select(selected);
    return rc;
}

int cow_restore(vaddr_t start, vaddr_t end, bool *need_flush)
{
    int rc = 0;
    for (vaddr_t va = start; rc == 0 && va < end; va += PAGE_SIZE) {
        rc = pmm_is_shared(va) ? 0 : restore_page(va, need_flush);
    }
    return rc;
}

static void settle(struct mm *mm)
{
    bool flush = false;
    mm->lent = false;
    mm_select(mm);
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        if (v->kind == VMA_IDENT && v->prot & PROT_WRITE) {
            /* There are tables for all of it, so this needs no memory. */
            (void)pt_protect_ident(v->start, v->end, v->prot, &flush);
        }
    }
    (void)pt_protect_ident(PAGE_UP(mm->brk_end), mm->brk_limit, PROT_READ | PROT_WRITE, &flush);
}

void cow_settle(void)
{
    u64 *selected = pt_selected();
    struct mm *mm;
    LIST_FOREACH (mm, &mm_spaces, link) {
        if (mm->lent && !pmm_any_shared()) {
            settle(mm);
        }
    }
    pt_select(selected);
}
