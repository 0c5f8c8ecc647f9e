// SPDX-License-Identifier: Apache-2.0
/*
 * mremap, madvise and brk, on top of the same mappings. Identity memory grows in place if the
 * frames after it are free; otherwise it moves by copying.
 */
#include "mm/mm.h"
#include "cpu/cpu.h"

#define BRK_MAX (64ul << 20)

static long grow_in_place(struct mm *mm, struct vma *v, u64 extra)
{
    struct vma *next = vma_next(v);
    if (next != NULL && next->start - v->end < extra) {
        return -ENOMEM;
    }
    if (v->kind == VMA_IDENT) {
        /* Free frames are mapped read-write. A mapping with other rights moves instead, and gets
         * them there. */
        if (v->prot != (PROT_READ | PROT_WRITE) || !pmm_claim(v->end, extra / PAGE_SIZE)) {
            return -ENOMEM;
        }
        pmm_zero_range(v->end, extra / PAGE_SIZE);
    } else if (v->end < WINDOW_START || v->end > WINDOW_END - extra) {
        return -ENOMEM;
    }
    v->end += extra;
    mm->mapped_pages += extra / PAGE_SIZE;
    return 0;
}

/* A page of a fork that shows the frame of its own address holds it by its mapping there. Elsewhere
 * it needs a holder of its own if it is shared, else a copy. */
static bool move_entry(vaddr_t from, u64 *src, u64 *dst, bool shared)
{
    paddr_t frame = *src & PTE_ADDR;
    bool shown = pmm_is_ram(from, PAGE_SIZE) && frame == from && !(*src & PTE_OWNED);
    u64 rights = *src & ~PTE_ADDR;
    if (shown && shared) {
        if (!pmm_share(frame)) {
            return false;
        }
    } else if (shown) {
        frame = pmm_alloc(1, 0);
        if (!frame) {
            return false;
        }
        *src |= pt_prot_bits(PROT_READ);
        memcpy(phys_ptr(frame), phys_ptr(from), PAGE_SIZE);
    }
    *dst = frame | rights | (shown ? PTE_OWNED : 0);
    *src = 0;
    return true;
}

/* Moves the table entries of a paged mapping; the frames stay. When memory for tables runs out,
 * all entries are moved back, which needs no tables. */
static bool move_entries(vaddr_t from, vaddr_t to, u64 len, bool shared)
{
    u64 at = 0;
    for (; at < len; at += PAGE_SIZE) {
        u64 *src = pt_entry(from + at, false);
        if (src == NULL && pt_is_large(from + at)) {
            break;
        }
        if (src == NULL) {
            at = pt_last_page(from + at) - from;
        }
        if (src == NULL || !*src) {
            continue;
        }
        u64 *dst = pt_entry(to + at, true);
        if (dst == NULL) {
            break;
        }
        if (!move_entry(from + at, src, dst, shared)) {
            break;
        }
    }
    tlb_flush();
    return at >= len || (move_entries(to, from, at, shared), false);
}

static long remap_move(struct mm *mm, struct vma *v, u64 old_len, u64 new_len, int flags,
                       vaddr_t fixed)
{
    int map_flags = v->flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE | VMA_REWRITTEN | VMA_SITES);
    if (flags & MREMAP_FIXED) {
        map_flags |= MAP_FIXED;
    }
    bool ident = v->kind == VMA_IDENT;
    bool rewritten = v->flags & VMA_REWRITTEN;
    vaddr_t from = v->start;
    int prot = v->prot;
    struct vma_file file = v->file;
    /* Identity memory is filled before its rights are set. A paged mapping is made PROT_NONE, so
     * that no page is entered in advance. */
    long to = mm_map(mm, fixed, new_len, ident ? PROT_READ | PROT_WRITE : PROT_NONE, map_flags,
                     !ident && vma_has_file(v) ? &file : NULL);
    if (to < 0) {
        return to;
    }
    u64 n = MIN(old_len, new_len);
    bool moved;
    if (ident) {
        moved = !copy_to_user((vaddr_t)to, (const void *)from, n);
    } else {
        struct vma *nv = vma_find(mm, (vaddr_t)to);
        nv->prot = prot;
        moved = nv->kind == VMA_PAGED && move_entries(from, (vaddr_t)to, n, map_flags & MAP_SHARED);
    }
    if (moved && rewritten) {
        sites_moved(mm, from, (vaddr_t)to, n);
    }
    if (!moved || (ident && mm_mprotect(mm, (vaddr_t)to, new_len, prot))) {
        mm_munmap(mm, (vaddr_t)to, new_len);
        return -ENOMEM;
    }
    mm_munmap(mm, from, old_len);
    return to;
}

long mm_mremap(struct mm *mm, vaddr_t addr, u64 old_len, u64 new_len, int flags, vaddr_t fixed)
{
    if (addr & PAGE_MASK || !new_len || flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || !old_len) {
        return -EINVAL;
    }
    if (flags & MREMAP_FIXED && (!(flags & MREMAP_MAYMOVE) || fixed & PAGE_MASK)) {
        return -EINVAL;
    }
    old_len = PAGE_UP(old_len);
    new_len = PAGE_UP(new_len);
    if (flags & MREMAP_FIXED && fixed < addr + old_len && addr < fixed + new_len) {
        return -EINVAL;
    }
    struct vma *v = vma_find(mm, addr);
    if (v == NULL || addr + old_len > v->end) {
        return -EFAULT;
    }
    if (!(flags & MREMAP_FIXED) && new_len <= old_len) {
        long rc = new_len < old_len ? mm_munmap(mm, addr + new_len, old_len - new_len) : 0;
        return rc < 0 ? rc : (long)addr;
    }
    if (vma_split(mm, addr) || vma_split(mm, addr + old_len)) {
        return -ENOMEM;
    }
    v = vma_find(mm, addr);
    if (!(flags & MREMAP_FIXED) && !grow_in_place(mm, v, new_len - old_len)) {
        return (long)addr;
    }
    if (!(flags & MREMAP_MAYMOVE)) {
        return -ENOMEM;
    }
    return remap_move(mm, v, old_len, new_len, flags, fixed);
}

static bool page_is_zero(vaddr_t page)
{
    const u64 *p = (const u64 *)page;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++) {
        if (p[i]) {
            return false;
        }
    }
    return true;
}

/* A thread that ends gives back its whole stack, most of which it never touched, and clearing
 * all of it would touch it. Stacks are used from the top: clearing ends after STACK_GAP pages in
 * a row that are zero already. */
#define STACK_GAP 16u
static void clear_stack(vaddr_t start, vaddr_t end)
{
    for (unsigned gap = 0; end > start && gap < STACK_GAP;) {
        end -= PAGE_SIZE;
        if (page_is_zero(end)) {
            gap++;
        } else {
            gap = 0;
            memset((void *)end, 0, PAGE_SIZE);
        }
    }
}

static void dontneed(const struct mm *mm, struct vma *v, vaddr_t start, vaddr_t end, bool *flush)
{
    if (v->flags & MAP_SHARED && !vma_has_file(v)) {
        return; /* its contents stay */
    }
    if (v->kind == VMA_PAGED && pmm_is_ram(start, end - start) && pt_split_ends(start, end)) {
        return; /* it is only advice */
    }
    if (v->kind == VMA_IDENT && v->prot & PROT_WRITE && mm->lent && cow_own(start, end, v->prot)) {
        return; /* it is only advice */
    }
    if (v->flags & VMA_REWRITTEN) {
        return; /* a site may lie in two pages, which must stay rewritten together */
    }
    if (v->kind == VMA_PAGED) {
        *flush |= mm_unpopulate(start, end);
    } else if (v->flags & MAP_STACK && v->prot & PROT_WRITE) {
        clear_stack(start, end);
    } else if (!vma_has_file(v) && v->prot & PROT_WRITE) {
        pmm_mark_dirty(start, (end - start) / PAGE_SIZE);
        pmm_zero_range(start, (end - start) / PAGE_SIZE);
    }
}

long mm_madvise(struct mm *mm, vaddr_t addr, u64 len, int advice)
{
    vaddr_t end = addr + PAGE_UP(len);
    bool flush = false, hole = false;
    if (addr & PAGE_MASK || end < addr || advice < 0 || (advice > 25 && advice != MADV_HWPOISON) ||
        (advice > MADV_WILLNEED && advice == 5)) {
        return -EINVAL;
    }
    vaddr_t at = addr;
    for (struct vma *v = vma_first_from(mm, addr); v != NULL && v->start < end; v = vma_next(v)) {
        hole |= v->start > at;
        at = v->end;
        if (advice == MADV_DONTNEED) {
            dontneed(mm, v, MAX(addr, v->start), MIN(end, v->end), &flush);
        }
    }
    if (flush) {
        tlb_flush();
    }
    return hole || at < end ? -ENOMEM : 0;
}

/* The area of brk: after the program when it lies in RAM (non-PIE), else anywhere. Frames are
 * claimed now and cost nothing until they are touched. The first address space has much, because
 * its break is to go on for long; the others have little, because there may be many of them. */
int mm_brk_reserve(struct mm *mm, vaddr_t after)
{
    u64 most = mm->root == pt_first() ? BRK_MAX : LARGE_PAGE;
    u64 pages = MIN(most, pmm_free_pages() * PAGE_SIZE / 8) / PAGE_SIZE;
    vaddr_t start = PAGE_UP(after);
    if (start < hv_shared()->ram_size) {
        u64 there = pages;
        while (there && !pmm_claim(start, there)) {
            there /= 2;
        }
        if (there) {
            pages = there;
        } else { /* another process's memory is there */
            start = pmm_alloc(pages, 0);
        }
    } else {
        start = pmm_alloc(pages, 0);
    }
    if (!start || !pages) {
        return -ENOMEM;
    }
    mm->brk_start = mm->brk_end = start;
    mm->brk_limit = start + pages * PAGE_SIZE;
    return 0;
}

/* Gives the frames back; nothing may be mapped there any more. */
void mm_brk_release(struct mm *mm)
{
    if (mm->brk_limit) {
        pmm_free(mm->brk_start, (mm->brk_limit - mm->brk_start) / PAGE_SIZE);
    }
    mm->brk_start = mm->brk_end = mm->brk_limit = 0;
}

vaddr_t mm_heap_start(const struct mm *mm)
{
    return mm->brk_start;
}

static bool brk_resize(struct mm *mm, vaddr_t old_end, vaddr_t new_end)
{
    struct vma *v = mm->brk_start < old_end ? vma_find(mm, old_end - 1) : NULL;
    if (new_end < old_end) {
        if (vma_split(mm, new_end)) {
            return false;
        }
        bool flush = false;
        while ((v = vma_first_from(mm, new_end)) != NULL && v->start < old_end) {
            if (pt_protect_ident(v->start, v->end, PROT_READ | PROT_WRITE, &flush)) {
                return false;
            }
            vma_remove(mm, v);
        }
        pmm_mark_dirty(new_end, (old_end - new_end) / PAGE_SIZE);
        return true;
    }
    if (mm->lent && cow_own(old_end, new_end, PROT_READ | PROT_WRITE)) {
        return false;
    }
    pmm_zero_range(old_end, (new_end - old_end) / PAGE_SIZE);
    if (v != NULL && v->prot == (PROT_READ | PROT_WRITE) && v->end == old_end) {
        v->end = new_end;
        mm->mapped_pages += (new_end - old_end) / PAGE_SIZE;
        return true;
    }
    return vma_add(mm, old_end, new_end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   VMA_IDENT, NULL);
}

/* Makes the area longer, as far as the frames after it are free. */
static bool brk_extend(struct mm *mm, vaddr_t limit)
{
    if (limit - mm->brk_start > BRK_MAX ||
        !pmm_claim(mm->brk_limit, (limit - mm->brk_limit) / PAGE_SIZE)) {
        return false;
    }
    mm->brk_limit = limit;
    return true;
}

/* A copy has no such area. Its heap goes on in mappings of their own, where the frames are the
 * parent's or free. */
static bool brk_resize_copy(struct mm *mm, vaddr_t old_end, vaddr_t new_end)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (new_end < old_end) {
        return mm_munmap(mm, new_end, old_end - new_end) == 0;
    }
    return new_end - mm->brk_start <= BRK_MAX &&
           mm_map(mm, old_end, new_end - old_end, PROT_READ | PROT_WRITE, flags, NULL) ==
               (long)old_end;
}

static bool brk_move(struct mm *mm, vaddr_t old_end, vaddr_t new_end)
{
    if (mm->copied) {
        return brk_resize_copy(mm, old_end, new_end);
    }
    return (new_end <= mm->brk_limit || brk_extend(mm, new_end)) &&
           brk_resize(mm, old_end, new_end);
}

long mm_brk(struct mm *mm, vaddr_t brk)
{
    vaddr_t old_end = PAGE_UP(mm->brk_end), new_end = PAGE_UP(brk);
    if (brk < mm->brk_start || new_end < brk ||
        (new_end != old_end && !brk_move(mm, old_end, new_end))) {
        return (long)mm->brk_end;
    }
    mm->brk_end = brk;
    return (long)brk;
}
