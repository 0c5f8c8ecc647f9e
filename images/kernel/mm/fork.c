// SPDX-License-Identifier: Apache-2.0
/*
 * A copy of an address space. Private pages are shared until one side writes. Pages of the window
 * have frames that can be exchanged: whoever writes takes a copy. Identity memory of the parent
 * becomes, in the copy, a mapping of pages at the same addresses of RAM, which first show the
 * parent's frames (cow.c). The copy is a holder of the frames at those addresses (fixed.c). Where
 * the parent has a large page, the copy has one too, until one of them writes. The tables are built
 * whole, by plain writes, before anybody loads them.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

static bool is_private(const struct vma *v)
{
    return (v->flags & MAP_TYPE) == MAP_PRIVATE;
}

/* Adds the mapping to the copy, as one of pages, with no page in it yet. */
static int add_copy(struct mm *to, const struct vma *v)
{
    u64 pages = (v->end - v->start) / PAGE_SIZE;
    bool low = pmm_is_ram(v->start, v->end - v->start);
    if (low && !pmm_share_all(v->start, pages)) {
        return -ENOMEM;
    }
    if (vma_add(to, v->start, v->end, v->prot, v->flags, VMA_PAGED, &v->file) != NULL) {
        return 0;
    }
    if (low) {
        pmm_free(v->start, pages);
    }
    return -ENOMEM;
}

/* Does all of the 2 MiB belong to mappings that are copied in the same way? */
static bool is_whole(struct mm *mm, const struct vma *v, vaddr_t va)
{
    vaddr_t at = va & ~(LARGE_PAGE - 1), end = at + LARGE_PAGE;
    struct vma *next = vma_find(mm, at);
    for (; next != NULL && next->start <= at && next->kind == v->kind && is_private(next);
         next = vma_next(next)) {
        at = next->end;
        if (at >= end) {
            return true;
        }
    }
    return v->start + LARGE_PAGE <= end && v->end >= end;
}

/* from: NULL when there is no table. Identity memory without rights has an empty entry, but it has
 * a frame all the same: the copy's entry names it, without rights as well. */
static int paged_entry(const struct vma *v, vaddr_t va, u64 *from, u64 *to)
{
    u64 entry = from != NULL ? *from : 0;
    if (entry & PTE_OWNED) {
        if (!pmm_share(entry & PTE_ADDR)) {
            return -ENOMEM;
        }
        if (is_private(v)) {
            entry &= ~(PTE_W | PTE_D);
            *from = entry;
        }
    }
    pt_set(to, !entry && v->kind == VMA_IDENT ? va : entry);
    return 0;
}

/* The copy's entry for a page, in a table of its own. */
static u64 *copy_entry(struct mm *to, vaddr_t va)
{
    mm_select(to);
    return va < WINDOW_START ? root_entry(to, va) : pt_entry(va, true);
}

/* Copies a large page that does not belong to the mapping, or the part of it from va on. */
static int copy_large(struct mm *to, u64 large, vaddr_t va, vaddr_t end, bool whole)
{
    u64 *dst = whole ? root_large(to, va) : copy_entry(to, va);
    if (dst == NULL) {
        return -ENOMEM;
    }
    if (whole) {
        pt_set(dst, large);
        return 0;
    }
    for (; va < end; va += PAGE_SIZE, dst++) {
        *dst = (large & ~PTE_LARGE) + (va & (LARGE_PAGE - 1));
    }
    return 0;
}

/* Copies the entries of [va, end), which lies in one page table. */
static int copy_entries(struct mm *from, struct mm *to, const struct vma *v, vaddr_t va,
                        vaddr_t end)
{
    bool whole = va < WINDOW_START && is_whole(from, v, va);
    int rc = v->kind == VMA_IDENT && is_private(v) ? cow_lend(from, va, end, whole) : 0;
    mm_select(from);
    const u64 *large = pt_large(va);
    if (rc == 0 && large != NULL && !(*large & PTE_OWNED)) {
        return copy_large(to, *large, va, end, whole);
    }
    u64 *src = pt_entry(va, false);
    if (src == NULL && va >= WINDOW_START) {
        return rc;
    }
    /* Below the window the copy gets a table of its own also when there is nothing in it: else it
     * would show what the first tree has there. */
    u64 *dst = copy_entry(to, va);
    if (dst == NULL) {
        return -ENOMEM;
    }
    for (; rc == 0 && va < end; va += PAGE_SIZE, dst++) {
        rc = paged_entry(v, va, src, dst);
        src += src != NULL ? 1 : 0;
    }
    return rc;
}

static int copy_pages(struct mm *from, struct mm *to, struct vma *v)
{
    int rc = 0;
    mm_select(from);
    if (!is_private(v) && v->kind == VMA_PAGED && !vma_has_file(v)) {
        /* A page that is entered later would be another one in each of them. */
        rc = mm_populate(v, v->start, v->end);
    }
    for (vaddr_t va = v->start; rc == 0 && va < v->end;) {
        vaddr_t end = MIN(v->end, pt_last_page(va) + PAGE_SIZE);
        rc = copy_entries(from, to, v, va, end);
        va = end;
    }
    return rc;
}

static int copy_mappings(struct mm *from, struct mm *to)
{
    struct vma *v;
    int rc = 0;
    for (v = vma_first_from(from, 0); rc == 0 && v != NULL; v = vma_next(v)) {
        rc = add_copy(to, v);
        if (rc == 0) {
            rc = copy_pages(from, to, v);
        }
    }
    return rc;
}

/* The page below the stack, which nobody can access. */
static int copy_guard(struct mm *from, struct mm *to)
{
    u64 *entry = from->guard ? root_entry(to, from->guard) : NULL;
    if (!from->guard) {
        return 0;
    }
    if (entry == NULL || !pmm_share(from->guard)) {
        return -ENOMEM;
    }
    to->guard = from->guard;
    pt_set(entry, 0);
    return 0;
}

static void copy_places(struct mm *to, const struct mm *from)
{
    to->program = from->program;
    to->window_next = from->window_next;
    to->brk_start = from->brk_start;
    to->brk_end = from->brk_end;
    to->copied = true;
    to->stack_top = from->stack_top;
}

int mm_fork(struct mm *from, struct mm **out)
{
    struct mm *to;
    int rc = mm_create(&to);
    if (rc) {
        return rc;
    }
    from->lent = true;
    copy_places(to, from);
    rc = copy_mappings(from, to);
    if (rc == 0) {
        rc = copy_guard(from, to);
    }
    if (rc == 0) {
        rc = sites_copy(from, to);
    }
    if (rc == 0) {
        hot_copy(from, to);
    }
    mm_select(from);
    tlb_flush();
    if (rc) {
        mm_put(to);
        mm_activate(from);
        return rc;
    }
    *out = to;
    return 0;
}
