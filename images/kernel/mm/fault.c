// SPDX-License-Identifier: Apache-2.0
/*
 * Pages of VMA_PAGED mappings (mm.h): how they get into the page tables, at a fault or in advance,
 * and out again. A page of a private mapping is either a frame that belongs to someone else (the
 * file's, or the CPIO's), mapped read-only, or a copy that this mapping owns. A page of a PROT_NONE
 * mapping keeps its frame in a table entry that is not present.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define AROUND 16u /* pages entered at one fault */

#define PF_WRITE 2u
#define PF_FETCH 16u

static int own_copy(u64 *e, const void *src, int prot)
{
    KASSERT(!(*e & PTE_OWNED)); /* that frame would be lost */
    paddr_t pa = pmm_alloc(1, src != NULL ? 0 : PMM_ZERO);
    if (!pa) {
        return -ENOMEM;
    }
    if (src != NULL) {
        memcpy(phys_ptr(pa), src, PAGE_SIZE);
    }
    *e = pa | pt_prot_bits(prot) | PTE_OWNED;
    return 0;
}

static int enter_page(const struct vma *v, vaddr_t va, u64 *e)
{
    if (!vma_has_file(v)) {
        return own_copy(e, NULL, v->prot);
    }
    bool shared = v->flags & MAP_SHARED;
    paddr_t pa;
    int rc = vma_file_page(v, va, shared && v->prot & PROT_WRITE, &pa);
    if (rc) {
        return rc;
    }
    if (!shared && v->prot & PROT_WRITE) {
        return own_copy(e, phys_ptr(pa), v->prot);
    }
    *e = pa | pt_prot_bits(v->prot);
    return 0;
}

/* Makes a page that the mapping owns writable. Its frame may be that of a fork, too. */
static int private_page(const struct vma *v, u64 *e)
{
    paddr_t frame = *e & PTE_ADDR;
    if (!pmm_is_shared(frame) || v->flags & MAP_SHARED) {
        *e = frame | PTE_OWNED | pt_prot_bits(v->prot);
        return 0;
    }
    *e &= ~PTE_OWNED;
    int rc = own_copy(e, phys_ptr(frame), v->prot);
    if (rc) {
        *e |= PTE_OWNED;
        return rc;
    }
    pmm_free(frame, 1);
    tlb_flush();
    return 0;
}

int mm_own_page(const struct vma *v, vaddr_t va, void **frame)
{
    u64 *e = pt_entry(va, true);
    paddr_t pa = 0;
    int rc = e != NULL ? 0 : -ENOMEM;
    if (rc == 0 && *e && !(*e & PTE_OWNED)) {
        pa = *e & PTE_ADDR;
    } else if (rc == 0 && !*e && vma_has_file(v)) {
        rc = vma_file_page(v, va, false, &pa);
    }
    if (rc == 0 && !(*e & PTE_OWNED)) {
        bool entered = *e != 0;
        rc = own_copy(e, pa ? phys_ptr(pa) : NULL, v->prot);
        if (entered) {
            tlb_flush();
        }
    }
    if (rc == 0 && pmm_is_shared(*e & PTE_ADDR)) {
        rc = private_page(v, e);
    }
    if (rc == 0) {
        *frame = phys_ptr(*e & PTE_ADDR);
    }
    return rc;
}

int mm_populate(struct vma *v, vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = MAX(start, v->start); va < MIN(end, v->end); va += PAGE_SIZE) {
        if (pt_is_large(va)) {
            va = pt_last_page(va);
            continue;
        }
        u64 *e = pt_entry(va, true);
        int rc = e == NULL ? -ENOMEM : *e ? 0 : enter_page(v, va, e);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

bool mm_unpopulate(vaddr_t start, vaddr_t end)
{
    bool present = false;
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        paddr_t taken = pt_take_large(va, end);
        u64 *large = taken ? NULL : pt_large(va);
        if (large != NULL && !(*large & PTE_OWNED) && pt_last_page(va) < end) {
            *large = 0; /* a fork's, all of it: see pt_split_ends() */
            present = true;
        }
        u64 *e = taken ? NULL : pt_entry(va, false);
        if (taken) {
            pmm_free(taken, LARGE_PAGE / PAGE_SIZE);
            present = true;
        }
        if (e == NULL) {
            va = pt_last_page(va);
            continue;
        }
        present |= *e & PTE_P;
        if (*e & PTE_OWNED) {
            pmm_free(*e & PTE_ADDR, 1);
        }
        if (*e) {
            *e = 0;
        }
    }
    return present;
}

/* The first write to a page that is mapped read-only. */
static int make_writable(const struct vma *v, vaddr_t va, u64 *e)
{
    if (*e & PTE_OWNED) {
        return private_page(v, e);
    }
    if (v->flags & MAP_SHARED && !vma_has_file(v)) {
        *e = (*e & PTE_ADDR) | pt_prot_bits(v->prot); /* a fork's, which shows the parent's frame */
        return 0;
    }
    if (v->flags & MAP_SHARED) {
        *e = 0;
        return enter_page(v, va, e);
    }
    int rc = own_copy(e, phys_ptr(*e & PTE_ADDR), v->prot);
    if (rc == 0) {
        tlb_flush();
    }
    return rc;
}

static enum mm_fault_result result(int rc)
{
    return rc == 0 ? MM_FAULT_OK : rc == -ENXIO ? MM_FAULT_BUS : MM_FAULT_OOM;
}

/* Large anonymous mappings take 2 MiB at a time while half of memory is free: that is one fault
 * for all of them, here and in the host. */
static bool enter_large(const struct vma *v, vaddr_t va)
{
    vaddr_t at = va & ~(LARGE_PAGE - 1);
    if (vma_has_file(v) || v->end - v->start < LARGE_MIN || at < v->start ||
        v->end - at < LARGE_PAGE || pmm_free_pages() < pmm_total_pages() / 2) {
        return false;
    }
    paddr_t pa = pmm_alloc_large();
    if (pa && pt_enter_large(at, pa, v->prot)) {
        return true;
    }
    if (pa) {
        pmm_free(pa, LARGE_PAGE / PAGE_SIZE);
    }
    return false;
}

static enum mm_fault_result fault_paged(struct vma *v, vaddr_t va, u64 error)
{
    const u64 *large = pt_large(va);
    if (large != NULL && (!(error & PF_WRITE) || *large & PTE_W)) {
        return MM_FAULT_OK; /* the tables allow it */
    }
    if (enter_large(v, va)) {
        return MM_FAULT_OK;
    }
    u64 *e = pt_entry(va, true);
    if (e == NULL) {
        return MM_FAULT_OOM;
    }
    if (*e) {
        return result(error & PF_WRITE && !(*e & PTE_W) ? make_writable(v, va, e) : 0);
    }
    int rc = enter_page(v, va, e);
    if (rc) {
        return result(rc);
    }
    /* The neighbours are entered on a guess: the end of the file or of memory is no failure
     * there. */
    vaddr_t around = va & ~(AROUND * PAGE_SIZE - 1);
    if (pmm_free_pages() > 4 * AROUND) {
        mm_populate(v, around, around + AROUND * PAGE_SIZE);
    }
    return MM_FAULT_OK;
}

enum mm_fault_result mm_handle_fault(struct mm *mm, vaddr_t addr, u64 error)
{
    struct vma *v = mm != NULL ? vma_find(mm, addr) : NULL;
    hv_shared()->counts.faults++;
    if (v == NULL) {
        return MM_FAULT_MAPERR;
    }
    int need = error & PF_WRITE ? PROT_WRITE : error & PF_FETCH ? PROT_EXEC : 0;
    if ((v->prot & need) != need || !(v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) {
        return MM_FAULT_ACCERR;
    }
    if (error & PF_WRITE && (mm->lent || mm->copied)) {
        hot_note(PAGE_DOWN(addr));
    }
    if (v->kind == VMA_IDENT) {
        return error & PF_WRITE ? result(cow_write(mm, v, PAGE_DOWN(addr))) : MM_FAULT_OK;
    }
    return fault_paged(v, PAGE_DOWN(addr), error);
}

/* True when a page was there. */
static bool forget_file(struct mm *mm, struct inode *i, u64 pgoff, u64 pages)
{
    bool present = false;
    mm_select(mm);
    for (struct vma *v = RB_MIN(vma_tree, &mm->tree); v != NULL; v = vma_next(v)) {
        u64 n = (v->end - v->start) / PAGE_SIZE, first = v->file.pgoff;
        if (v->file.inode != i || v->kind != VMA_PAGED || pgoff >= first + n ||
            pgoff + pages <= first) {
            continue;
        }
        u64 from = MAX(pgoff, first) - first, to = MIN(pgoff + pages - first, n);
        for (vaddr_t va = v->start + from * PAGE_SIZE; va < v->start + to * PAGE_SIZE;
             va += PAGE_SIZE) {
            u64 *e = pt_is_large(va) ? NULL : pt_entry(va, false);
            if (e == NULL || !*e || *e & (PTE_OWNED | PTE_REWRITTEN) || (*e & PTE_ADDR) == va) {
                continue; /* none, or a copy */
            }
            present |= *e & PTE_P;
            *e = 0;
        }
    }
    return present;
}

void mm_inode_changed(struct inode *i, u64 pgoff, u64 pages)
{
    u64 *selected = pt_selected();
    bool present = false;
    struct mm *mm;
    LIST_FOREACH (mm, &mm_spaces, link) {
        present |= forget_file(mm, i, pgoff, pages);
    }
    pt_select(selected);
    if (present) {
        tlb_flush();
    }
}

bool mm_inode_writable(const struct inode *i)
{
    struct mm *mm;
    struct vma *v;

    LIST_FOREACH (mm, &mm_spaces, link) {
        RB_FOREACH(v, vma_tree, &mm->tree)
        {
            if (vma_has_file(v) && v->file.inode == i && (v->flags & MAP_SHARED) != 0 &&
                (v->flags & VMA_NOWRITE) == 0) {
                return true;
            }
        }
    }
    return false;
}
