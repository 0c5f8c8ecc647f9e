// SPDX-License-Identifier: Apache-2.0
/*
 * mmap, munmap, mprotect. They choose between identity memory and the window
 * (mm.h), and keep frames, tables and the tree of mappings in step.
 */
#include "mm/mm.h"
#include "cpu/cpu.h"

#define EAGER_READ  (64ul << 20) /* file mappings up to here are entered at once */
#define EAGER_WRITE (4ul << 20)
#define EAGER_ZERO  (1ul << 20)

#define PROMISE_LEAST 4u  /* a mapping may be a promise from a fourth of memory on */
#define PROMISE_MOST  64u /* up to 64 times all memory */

static bool range_valid(vaddr_t addr, u64 len)
{
    return addr >= USER_MIN && addr <= WINDOW_END && len <= WINDOW_END - addr &&
           (addr + len <= HV_INITRD_GPA || addr >= WINDOW_START || !hv_shared()->initrd_size ||
            addr >= HV_INITRD_GPA + PAGE_UP(hv_shared()->initrd_size) + LARGE_PAGE);
}

long mm_munmap(struct mm *mm, vaddr_t addr, u64 len)
{
    vaddr_t end = addr + PAGE_UP(len);
    bool rewritten = false;
    if (addr & PAGE_MASK || !len || end <= addr) {
        return -EINVAL;
    }
    int rc = mm_unmap(mm, addr, end, &rewritten);
    if (rewritten) {
        sites_unmapped(mm);
    }
    return rc;
}

/* Makes a VMA_IDENT mapping of frames that the caller has allocated. */
static long add_ident(struct mm *mm, vaddr_t addr, u64 len, int prot, int flags,
                      const struct vma_file *file)
{
    bool flush = false;
    if (file != NULL) {
        ssize_t n = file->ops->read(file->inode, phys_ptr(addr), len, file->pgoff * PAGE_SIZE);
        if (n < 0) {
            pmm_free(addr, len / PAGE_SIZE);
            return n;
        }
    }
    struct vma *v = vma_add(mm, addr, addr + len, prot, flags, VMA_IDENT, file);
    if (v == NULL) {
        pmm_free(addr, len / PAGE_SIZE);
        return -ENOMEM;
    }
    if (file != NULL) {
        sites_rewrite(mm, v);
    }
    if (!prot_plain(prot) && pt_protect_ident(addr, addr + len, prot, &flush)) {
        mm_munmap(mm, addr, len);
        return -ENOMEM;
    }
    if (flush) {
        tlb_flush();
    }
    if (file == NULL) {
        vma_merge(mm, addr, addr + len);
    }
    return (long)addr;
}

/* Maps a stack of the pool (stackpool.c). Only its guard page is really closed, although the
 * mapping says PROT_NONE until the first mprotect(). */
static long add_stack(struct mm *mm, vaddr_t addr, u64 len, int flags)
{
    if (vma_add(mm, addr, addr + len, PROT_NONE, flags, VMA_IDENT, NULL) != NULL) {
        return (long)addr;
    }
    pmm_free(addr, len / PAGE_SIZE);
    return -ENOMEM;
}

/* Up to which length a mapping is entered at once. An anonymous mapping at a fixed place is a
 * library's zeroed data: a page of it that is first touched after the snapshot would mean a
 * fault, and a change of the page tables, in every run. */
static u64 eager_limit(int prot, int flags, const struct vma_file *file)
{
    if (file != NULL) {
        return prot & PROT_WRITE ? EAGER_WRITE : EAGER_READ;
    }
    return prot & PROT_WRITE && flags & MAP_FIXED && !(flags & MAP_NORESERVE) ? EAGER_ZERO : 0;
}

/* How much of a mapping is entered at once, if anything is. */
static u64 eager_part(const struct vma *v)
{
    u64 len = v->end - v->start;
    bool constant = vma_has_file(v) && !(v->prot & PROT_WRITE) && v->flags & MAP_PRIVATE;
    return constant ? text_wanted(&v->file, len) : len;
}

static long map_paged(struct mm *mm, vaddr_t addr, u64 len, int prot, int flags,
                      const struct vma_file *file)
{
    int rc = fixed_take(mm, addr, addr + len);
    if (rc) {
        return rc;
    }
    struct vma *v = vma_add(mm, addr, addr + len, prot, flags, VMA_PAGED, file);
    if (v == NULL) {
        fixed_give(addr, addr + len);
        return -ENOMEM;
    }
    sites_rewrite(mm, v);
    if (prot & PROT_ALL && len <= eager_limit(prot, flags, file) &&
        mm_populate(v, addr, addr + eager_part(v)) == -ENOMEM) {
        mm_munmap(mm, addr, len);
        return -ENOMEM;
    }
    if (file == NULL) {
        vma_merge(mm, addr, addr + len);
    }
    return (long)addr;
}

int mm_map_frames(struct mm *mm, vaddr_t va, paddr_t pa, u64 len, int prot)
{
    if (vma_add(mm, va, va + len, prot, MAP_PRIVATE, VMA_PAGED, NULL) == NULL) {
        return -ENOMEM;
    }
    for (u64 at = 0; at < len; at += PAGE_SIZE) {
        u64 *e = pt_entry(va + at, true);
        if (e == NULL) {
            return -ENOMEM;
        }
        *e = (pa + at) | pt_prot_bits(prot);
    }
    return 0;
}

static long map_fixed(struct mm *mm, vaddr_t addr, u64 len, int prot, int flags,
                      const struct vma_file *file)
{
    if (addr & PAGE_MASK) {
        return -EINVAL;
    }
    if (!range_valid(addr, len)) {
        return addr < USER_MIN ? -EPERM : -ENOMEM;
    }
    if ((flags & MAP_FIXED_NOREPLACE) == MAP_FIXED_NOREPLACE) {
        struct vma *v = vma_first_from(mm, addr);
        if (v != NULL && v->start < addr + len) {
            return -EEXIST;
        }
    }
    long rc = mm_munmap(mm, addr, len);
    if (rc) {
        return rc;
    }
    if (addr >= hv_shared()->ram_size) {
        return map_paged(mm, addr, len, prot, flags, file);
    }
    if (file != NULL && flags & MAP_SHARED) {
        return -EINVAL; /* identity memory cannot show a file's own frames */
    }
    if (!pmm_is_ram(addr, len)) {
        return -ENOMEM;
    }
    if (!pmm_claim(addr, len / PAGE_SIZE)) {
        return map_paged(mm, addr, len, prot, flags, file);
    }
    pmm_zero_range(addr, len / PAGE_SIZE);
    return add_ident(mm, addr, len, prot, flags, file);
}

/* How many frames a mapping in the window may take, its tables of pages among them: one for each
 * 2 MiB that it touches, and one for each level above. */
static u64 frames_wanted(u64 len)
{
    return len / PAGE_SIZE + len / LARGE_PAGE + 2 + 3;
}

/* PROT_NONE and large MAP_NORESERVE mappings are reservations: address space without frames. */
static bool wants_frames(u64 len, int prot, int flags, const struct vma_file *file)
{
    return file == NULL && prot & PROT_ALL && !(flags & MAP_NORESERVE && len >= LARGE_PAGE);
}

/* May a mapping that does not fit into free memory be a promise, which gets frames where it is
 * touched? It may if it is a large part of all memory, but no absurd multiple of it: such a
 * mapping is rarely used as a whole. A smaller one is refused, so that the program can do
 * without it. */
static bool may_promise(u64 len)
{
    u64 total = pmm_total_pages() * PAGE_SIZE;
    return len >= total / PROMISE_LEAST && len / PROMISE_MOST <= total;
}

/* Where a mapping goes in the window. A large anonymous one begins at a boundary of large pages,
 * or if it is a stack, ends at one. */
static vaddr_t window_place(struct mm *mm, u64 len, int flags, const struct vma_file *file,
                            vaddr_t hint)
{
    bool apart = file != NULL && mm->root != pt_first();
    if (hint || (!apart && (file != NULL || len < LARGE_MIN))) {
        return vma_find_gap(mm, len, hint);
    }
    vaddr_t gap = vma_find_gap(mm, len + LARGE_PAGE, 0);
    u64 past = flags & MAP_STACK ? len : 0;
    return gap ? ((gap + past + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)) - past : 0;
}

long mm_map(struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, const struct vma_file *file)
{
    if (!len || len > WINDOW_END) {
        return len ? -ENOMEM : -EINVAL; /* from here on no sum with len overflows */
    }
    len = PAGE_UP(len);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        return map_fixed(mm, hint, len, prot, flags, file);
    }
    vaddr_t stack = flags & MAP_STACK && !prot && file == NULL ? stackpool_take(len) : 0;
    if (stack) {
        return add_stack(mm, stack, len, flags);
    }
    bool hinted = hint && vma_gap_free(mm, PAGE_DOWN(hint), len);
    if (!hinted && wants_frames(len, prot, flags, file)) {
        paddr_t pa = pmm_alloc(len / PAGE_SIZE, PMM_ZERO);
        if (!pa && stackpool_release()) {
            pa = pmm_alloc(len / PAGE_SIZE, PMM_ZERO);
        }
        if (pa) {
            return add_ident(mm, pa, len, prot, flags, NULL);
        }
        if (frames_wanted(len) > pmm_free_pages() && !may_promise(len)) {
            return -ENOMEM;
        }
    }
    vaddr_t at = hinted ? 0 : text_place(mm, len, flags, file);
    if (!at) {
        at = window_place(mm, len, flags, file, hinted ? hint : 0);
    }
    return at ? map_paged(mm, at, len, prot, flags, file) : -ENOMEM;
}

/* The entry of a page of a paged mapping with new rights. A frame that the mapping does not own
 * stays read-only, except one of a shared mapping that is writable already. */
static u64 protect_entry(const struct vma *v, u64 e, int prot)
{
    u64 bits = pt_prot_bits(prot);
    bool writable = v->flags & MAP_SHARED ? e & (PTE_OWNED | PTE_W)
                                          : e & PTE_OWNED && !pmm_is_shared(e & PTE_ADDR);
    if (!writable) {
        bits &= ~(PTE_W | PTE_D);
    }
    return (e & (PTE_ADDR | PTE_OWNED | PTE_REWRITTEN)) | bits;
}

static void protect_paged(struct vma *v, int prot, bool *flush)
{
    for (vaddr_t va = v->start; va < v->end; va += PAGE_SIZE) {
        bool large = pt_protect_large(va, v->end, prot);
        u64 *e = large ? NULL : pt_entry(va, false);
        *flush |= large;
        if (e == NULL) {
            va = pt_last_page(va);
            continue;
        }
        if (!*e) {
            continue;
        }
        *flush |= *e & PTE_P;
        *e = protect_entry(v, *e, prot);
    }
}

/* Pages that another process holds become read-only, as after a fork. */
static int protect_ident(struct mm *mm, const struct vma *v, int prot, bool *flush)
{
    if (v->flags & MAP_SHARED) {
        return pt_protect_ident(v->start, v->end, prot, flush);
    }
    mm->lent |= prot & PROT_WRITE && pmm_any_shared();
    return cow_rights(v->start, v->end, prot, flush);
}

static int protect_one(struct mm *mm, struct vma *v, int prot, bool *flush)
{
    if (v->kind == VMA_PAGED) {
        if (pmm_is_ram(v->start, v->end - v->start) && pt_split_ends(v->start, v->end)) {
            return -ENOMEM;
        }
        protect_paged(v, prot, flush);
    } else if ((prot_plain(prot) != prot_plain(v->prot) || !prot_plain(prot)) &&
               protect_ident(mm, v, prot, flush)) {
        /* The pages before the one that failed have the new rights, and a table: so they get the
         * old ones back. Memory that is unmapped must have those that its mapping says. */
        (void)protect_ident(mm, v, v->prot, flush);
        return -ENOMEM;
    }
    v->prot = prot;
    return 0;
}

/* Is there a mapping in the range that may not be made writable? */
static bool closed_to_writes(struct mm *mm, vaddr_t addr, vaddr_t end)
{
    for (struct vma *v = vma_first_from(mm, addr); v != NULL && v->start < end; v = vma_next(v)) {
        if (v->flags & VMA_NOWRITE) {
            return true;
        }
    }
    return false;
}

long mm_mprotect(struct mm *mm, vaddr_t addr, u64 len, int prot)
{
    vaddr_t end = addr + PAGE_UP(len), at = addr;
    bool flush = false;
    int rc = 0;
    if (addr & PAGE_MASK || end < addr) {
        return -EINVAL;
    }
    if (prot & PROT_WRITE && closed_to_writes(mm, addr, end)) {
        return -EACCES;
    }
    if (vma_split(mm, addr) || vma_split(mm, end)) {
        return -ENOMEM;
    }
    struct vma *v = vma_first_from(mm, addr);
    for (; rc == 0 && v != NULL && v->start < end; v = vma_next(v)) {
        if (v->start != at) {
            break;
        }
        at = v->end;
        rc = protect_one(mm, v, prot, &flush);
    }
    if (flush) {
        tlb_flush();
    }
    vma_merge(mm, addr, end);
    return rc < 0 || at < end ? -ENOMEM : 0;
}
