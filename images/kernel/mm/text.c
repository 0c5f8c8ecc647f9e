// SPDX-License-Identifier: Apache-2.0
/*
 * Prepares a program's text and constants for the snapshot, which all machines share. A host that
 * shadows page tables takes a fault for each page of text that a run touches, but only one for 2
 * MiB of text in a large page. The C library, which every run calls all over, is smaller than a
 * large page: its text and constants are placed to end where a large page ends, and the rest of
 * that page stays empty. A program linked at fixed addresses is copied into RAM, because large
 * pages need RAM. Constants that end up outside a large page are mapped from the file again;
 * otherwise the snapshot would hold a second copy.
 */
#include <linux/elf.h>

#include "cpu/cpu.h"
#include "mm/mm.h"

#define PART_MIN (LARGE_PAGE / 4 * 3)

/* What an ELF file's segments say. */
struct segments {
    unsigned count;
    u64 first_end; /* of the first one, in the file */
    u64 constant;  /* the length of the memory image up to the first writable one; 0: there is none
                    */
};

/* Of a library, or a program that can be anywhere; false for any other file. */
static bool read_segments(const struct vma_file *file, struct segments *out)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    *out = (struct segments){0};
    if (file->ops->read(file->inode, &eh, sizeof(eh), 0) != sizeof(eh) ||
        memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
        eh.e_type != ET_DYN || eh.e_phentsize != sizeof(ph)) {
        return false;
    }
    for (unsigned n = 0; n < eh.e_phnum && !out->constant; n++) {
        if (file->ops->read(file->inode, &ph, sizeof(ph), eh.e_phoff + n * sizeof(ph)) !=
            sizeof(ph)) {
            return false;
        }
        if (ph.p_type == PT_LOAD && out->count++ == 0) {
            out->first_end = ph.p_offset + ph.p_filesz;
        }
        if (ph.p_type == PT_LOAD && ph.p_flags & PF_W) {
            out->constant = PAGE_DOWN(ph.p_vaddr);
        }
    }
    return true;
}

static u64 constant_part(const struct vma_file *file)
{
    struct segments s;
    return read_segments(file, &s) ? s.constant : 0;
}

u64 text_wanted(const struct vma_file *file, u64 len)
{
    struct segments s;
    bool library = !file->pgoff && read_segments(file, &s) && s.count > 1;
    return library && s.first_end && s.first_end < len ? PAGE_UP(s.first_end) : len;
}

vaddr_t text_place(struct mm *mm, u64 len, int flags, const struct vma_file *file)
{
    u64 part = mm->library || mm->root != pt_first() || file == NULL || file->pgoff ||
                       (flags & MAP_TYPE) != MAP_PRIVATE || len < PART_MIN
                   ? 0
                   : constant_part(file);
    if (part < PART_MIN || part > LARGE_PAGE || part >= len) {
        return 0;
    }
    vaddr_t gap = vma_find_gap(mm, len + 2 * LARGE_PAGE, 0);
    if (!gap) {
        return 0;
    }
    vaddr_t start = (gap + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1), at = start + LARGE_PAGE - part;
    if (at > start &&
        vma_add(mm, start, at, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, VMA_PAGED, NULL) == NULL) {
        return 0;
    }
    mm->library = start;
    mm->library_text = at;
    return at;
}

/* Is every page of the range still there, and none of them writable? */
static bool is_constant(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        const u64 *e = pt_entry(va, false);
        if (e == NULL || !(*e & PTE_P) || *e & PTE_W) {
            return false;
        }
    }
    return true;
}

static paddr_t large_frame(void)
{
    paddr_t pa = LARGE_PAGE;
    while (pa < PMM_LOW_END && !pmm_claim(pa, LARGE_PAGE / PAGE_SIZE)) {
        pa += LARGE_PAGE;
    }
    return pa < PMM_LOW_END ? pa : 0;
}

static void join_library(struct mm *mm)
{
    vaddr_t start = mm->library, text = mm->library_text, end = start + LARGE_PAGE;
    struct vma *rest = vma_find(mm, start);
    mm->library = 0;
    if (!start ||
        (text > start && (rest == NULL || rest->end != text || rest->prot != PROT_NONE)) ||
        !is_constant(text, end)) {
        return;
    }
    paddr_t pa = large_frame();
    if (!pa) {
        return;
    }
    pmm_zero_range(pa, LARGE_PAGE / PAGE_SIZE);
    for (vaddr_t va = text; va < end; va += PAGE_SIZE) {
        memcpy(phys_ptr(pa + (va - start)), phys_ptr(*pt_entry(va, false) & PTE_ADDR), PAGE_SIZE);
    }
    mm_unpopulate(start, end);
    pt_set_large(start, pa);
    if (text > start) {
        rest->prot = PROT_READ;
    }
}

static void share_constants(const struct vma *v)
{
    for (vaddr_t va = v->start; va < v->end; va += PAGE_SIZE) {
        paddr_t file;
        if (pt_is_large(va)) {
            va = pt_last_page(va);
            continue;
        }
        u64 *e = pt_entry(va, false);
        if (vma_file_page(v, va, false, &file) || file < HV_INITRD_GPA ||
            memcmp(phys_ptr(va), phys_ptr(file), PAGE_SIZE) != 0) {
            continue;
        }
        u64 rights = *e & ~PTE_ADDR;
        *e = va | pt_prot_bits(PROT_READ | PROT_WRITE);
        tlb_flush();
        memset(phys_ptr(va), 0, PAGE_SIZE);
        *e = file | rights;
    }
    tlb_flush();
}

void text_settle(struct mm *mm)
{
    if (!mm_is_alone(mm) || mm->root != pt_first()) {
        return; /* other trees share the tables that would go */
    }
    pt_join();
    pt_forget_used();
    join_library(mm);
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        if (v->kind == VMA_IDENT && vma_has_file(v) &&
            (v->prot & (PROT_READ | PROT_WRITE)) == PROT_READ && !(v->flags & VMA_REWRITTEN)) {
            share_constants(v);
        }
    }
}
