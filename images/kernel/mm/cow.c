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

/* Finds the entry by which mm shows the frame pa at its own address, as one that it does not own.
 * 1; 0 when it does not; or -ENOMEM. The mapping is private. Its tree is selected. */
static int shown_by(struct mm *mm, paddr_t pa, u64 **entry, struct vma **mapping)
{
    struct vma *v = vma_find(mm, pa);
    if (v == NULL || v->kind != VMA_PAGED || v->flags & MAP_SHARED) {
        return 0;
    }
    mm_select(mm);
    if (pt_frame(pa) != pa) {
        return 0;
    }
    *entry = pt_entry(pa, true);
    *mapping = v;
    return *entry == NULL ? -ENOMEM : !(**entry & PTE_OWNED);
}

bool cow_is_shown(paddr_t pa)
{
    u64 *selected = pt_selected(), *e;
    struct vma *v;
    struct mm *mm;
    bool shown = false;
    LIST_FOREACH (mm, &mm_spaces, link) {
        shown |= shown_by(mm, pa, &e, &v) != 0;
    }
    pt_select(selected);
    return shown;
}

/* Gives those who show the frame a copy of it. If there is only one, it may write to the copy. */
static int lend_copy(paddr_t pa)
{
    u64 *selected = pt_selected(), *e = NULL, *last = NULL;
    paddr_t copy = 0;
    struct vma *v, *owner = NULL;
    struct mm *mm;
    int rc = 0;
    LIST_FOREACH (mm, &mm_spaces, link) {
        int shown = shown_by(mm, pa, &e, &v);
        if (shown == 0) {
            continue;
        }
        if (shown < 0 || (copy && !pmm_share(copy)) || (!copy && !(copy = pmm_alloc(1, 0)))) {
            rc = -ENOMEM;
            break;
        }
        if (last == NULL) {
            memcpy(phys_ptr(copy), phys_ptr(pa), PAGE_SIZE);
            owner = v;
        }
        *e = copy | (*e & ~PTE_ADDR) | PTE_OWNED;
        last = e;
    }
    if (rc == 0 && copy && !pmm_is_shared(copy)) {
        *last = copy | pt_prot_bits(owner->prot) | PTE_OWNED;
    }
    pt_select(selected);
    return rc;
}

/* A large page that is lent gets its right to write back as a whole. So it is split before a part
 * of it gets rights of its own. */
static int split_lent(vaddr_t start, vaddr_t end)
{
    u64 *selected = pt_selected();
    pt_select(pt_first());
    int rc = pmm_any_shared() ? pt_split_ends(start, end) : 0;
    pt_select(selected);
    return rc == 0 && pmm_any_shared() ? pt_split_ends(start, end) : rc;
}

int cow_rights(vaddr_t start, vaddr_t end, int prot, bool *need_flush)
{
    int rc = split_lent(start, end);
    if (rc) {
        return rc;
    }
    if (!pmm_any_shared() || !(prot & PROT_WRITE)) {
        return pt_protect_ident(start, end, prot, need_flush);
    }
    for (vaddr_t va = start, next; rc == 0 && va < end; va = next) {
        bool held = pmm_is_shared(va);
        for (next = va; next < end && pmm_is_shared(next) == held; next += PAGE_SIZE) {
        }
        rc = pt_protect_ident(va, next, held ? (prot & ~PROT_WRITE) | PROT_READ : prot, need_flush);
    }
    return rc;
}

int cow_write(struct mm *mm, const struct vma *v, vaddr_t va)
{
    bool flush = false;
    if (!mm->lent || pt_is_writable(va)) {
        return 0; /* the translation was stale; try again */
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

static int lend_in_tree(vaddr_t start, vaddr_t end, bool whole)
{
    u64 *large = pt_large(start);
    if (large != NULL && (whole || !(*large & PTE_W))) {
        pt_set(large, *large & ~(PTE_W | PTE_D));
        return 0;
    }
    u64 *e = pt_entry(start, true);
    if (e == NULL) {
        return -ENOMEM;
    }
    for (vaddr_t va = start; va < end; va += PAGE_SIZE, e++) {
        pt_set(e, *e & ~(PTE_W | PTE_D));
    }
    return 0;
}

/* Gives memory that was lent its right to write back, which it had before. */
static void settle_in_tree(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *large = pt_large(va);
        if (large != NULL) { /* it has one process's memory, all of which was lent */
            pt_set(large, *large | PTE_W | PTE_D);
            continue;
        }
        for (u64 *e = pt_entry(va, false); va < next; va += PAGE_SIZE, e++) {
            pt_set(e, *e & PTE_P ? *e | PTE_W | PTE_D : *e);
        }
    }
}

/* The same for pages that a mapping owns, and a fork had, too. */
static void settle_owned(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *e = pt_is_large(va) ? NULL : pt_entry(va, false);
        for (; e != NULL && va < next; va += PAGE_SIZE, e++) {
            pt_set(e, *e & PTE_P && *e & PTE_OWNED ? *e | PTE_W | PTE_D : *e);
        }
    }
}

/* The first tree has the rights, too (pt_protect_ident()). */
int cow_lend(struct mm *mm, vaddr_t start, vaddr_t end, bool whole)
{
    pt_select(pt_first());
    int rc = lend_in_tree(start, end, whole);
    if (rc == 0 && mm->root != pt_first()) {
        mm_select(mm);
        rc = lend_in_tree(start, end, whole);
    }
    return rc;
}

static void settle(struct mm *mm)
{
    mm->lent = false;
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        if (!(v->prot & PROT_WRITE) || v->flags & MAP_SHARED) {
            continue;
        }
        if (v->kind == VMA_IDENT) {
            pt_select(pt_first());
            settle_in_tree(v->start, v->end);
        }
        mm_select(mm);
        if (v->kind == VMA_IDENT) {
            settle_in_tree(v->start, v->end);
        } else {
            settle_owned(v->start, v->end);
        }
    }
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
