// SPDX-License-Identifier: Apache-2.0
/*
 * A copy of an address space. Private pages are shared until one side writes. Pages of the window
 * have frames that can be exchanged: whoever writes takes a copy. Identity memory of the parent
 * becomes, in the copy, a mapping of pages at the same addresses of RAM, which first show the
 * parent's frames (cow.c). The copy is a holder of the frames at those addresses (fixed.c). The
 * tables are built whole, by plain writes, before anybody loads them.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

static bool is_private(const struct vma *v)
{
    return (v->flags & MAP_TYPE) == MAP_PRIVATE;
}

/* Makes the copy a holder of the frames in [start, end). */
static int hold(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        if (!pmm_share(va)) {
            pmm_free(start, (va - start) / PAGE_SIZE);
            return -ENOMEM;
        }
    }
    return 0;
}

static int add_copy(struct mm *to, const struct vma *v, enum vma_kind kind)
{
    return vma_add(to, v->start, v->end, v->prot, v->flags, kind, &v->file) != NULL ? 0 : -ENOMEM;
}

/* Shared identity memory is the same frames at the same addresses in both. */
static int fork_shared(struct mm *to, const struct vma *v)
{
    int rc = hold(v->start, v->end);
    if (rc == 0) {
        rc = add_copy(to, v, VMA_IDENT);
        if (rc) {
            pmm_free(v->start, (v->end - v->start) / PAGE_SIZE);
        }
    }
    return rc;
}

/* Adds a mapping of pages to the copy, with no page in it yet. */
static int fork_paged(struct mm *to, const struct vma *v)
{
    bool low = pmm_is_ram(v->start, v->end - v->start);
    int rc = low ? hold(v->start, v->end) : 0;
    if (rc) {
        return rc;
    }
    mm_select(to);
    rc = v->end <= WINDOW_START ? root_carve(to, v->start, v->end) : 0;
    if (rc == 0) {
        rc = add_copy(to, v, VMA_PAGED);
        if (rc && low) {
            root_mend(v->start, v->end);
        }
    }
    if (rc && low) {
        pmm_free(v->start, (v->end - v->start) / PAGE_SIZE);
    }
    return rc;
}

/* The copy's entry for a page of identity memory, which shows the same frame read-only. */
static u64 ident_entry(const struct vma *v, u64 e)
{
    return (e & PTE_ADDR) |
           pt_prot_bits(v->prot & PROT_WRITE ? (v->prot & ~PROT_WRITE) | PROT_READ : v->prot);
}

static int paged_entry(const struct vma *v, u64 *from, u64 *to)
{
    if (*from & PTE_OWNED) {
        if (!pmm_share(*from & PTE_ADDR)) {
            return -ENOMEM;
        }
        if (is_private(v)) {
            *from &= ~(PTE_W | PTE_D);
        }
    }
    *to = *from;
    return 0;
}

/* Copies the entries of one page table, from va on. */
static int copy_entries(struct mm *from, struct mm *to, const struct vma *v, vaddr_t va,
                        vaddr_t end)
{
    mm_select(from);
    u64 *src = pt_entry(va, v->kind == VMA_IDENT);
    if (src == NULL) {
        return v->kind == VMA_IDENT ? -ENOMEM : 0;
    }
    mm_select(to);
    u64 *dst = pt_entry(va, true);
    int rc = dst != NULL ? 0 : -ENOMEM;
    for (; rc == 0 && va < end; va += PAGE_SIZE, src++, dst++) {
        if (v->kind == VMA_IDENT) {
            *dst = ident_entry(v, *src & PTE_ADDR ? *src : va);
        } else if (*src) {
            rc = paged_entry(v, src, dst);
        }
    }
    return rc;
}

static int copy_pages(struct mm *from, struct mm *to, struct vma *v)
{
    bool flush = false;
    int rc = 0;
    mm_select(from);
    if (!is_private(v)) {
        /* A page that is entered later would be another one in each of them. */
        rc = v->kind == VMA_PAGED && !vma_has_file(v) ? mm_populate(v, v->start, v->end) : 0;
        if (rc || v->kind == VMA_IDENT) {
            return rc;
        }
    }
    for (vaddr_t va = v->start; rc == 0 && va < v->end;) {
        vaddr_t end = MIN(v->end, pt_last_page(va) + PAGE_SIZE);
        rc = copy_entries(from, to, v, va, end);
        va = end;
    }
    if (rc == 0 && v->kind == VMA_IDENT && v->prot & PROT_WRITE) {
        mm_select(from);
        rc = pt_protect_ident(v->start, v->end, (v->prot & ~PROT_WRITE) | PROT_READ, &flush);
    }
    return rc;
}

static int copy_mappings(struct mm *from, struct mm *to)
{
    struct vma *v;
    int rc = 0;
    /* First those that tables of the copy's own must spare (root.c). */
    for (v = vma_first_from(from, 0); rc == 0 && v != NULL; v = vma_next(v)) {
        rc = v->kind == VMA_IDENT && !is_private(v) ? fork_shared(to, v) : 0;
    }
    for (v = vma_first_from(from, 0); rc == 0 && v != NULL; v = vma_next(v)) {
        rc = v->kind == VMA_PAGED || is_private(v) ? fork_paged(to, v) : 0;
    }
    for (v = vma_first_from(from, 0); rc == 0 && v != NULL; v = vma_next(v)) {
        rc = copy_pages(from, to, v);
    }
    return rc;
}

static void copy_places(struct mm *to, const struct mm *from)
{
    to->window_next = from->window_next;
    to->brk_start = from->brk_start;
    to->brk_end = from->brk_end;
    to->copied = true;
    to->stack_top = from->stack_top;
    if (from->guard && pmm_share(from->guard)) {
        to->guard = from->guard;
    }
}

int mm_fork(struct mm *from, struct mm **out)
{
    struct mm *to;
    int rc = mm_create(&to);
    if (rc) {
        return rc;
    }
    from->lent = true;
    rc = copy_mappings(from, to);
    if (rc == 0) {
        rc = sites_copy(from, to);
    }
    copy_places(to, from);
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
