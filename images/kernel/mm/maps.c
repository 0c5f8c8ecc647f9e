// SPDX-License-Identifier: Apache-2.0
/*
 * The mappings as text, in the format of proc_pid_maps(5), and their totals.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define LINE_MAX 400

static const char *special_name(const struct vma *v)
{
    if (v->flags & VMA_SITES) {
        return "[syscalls]";
    }
    const u64 *e =
        v->kind == VMA_PAGED && !pt_is_large(v->start) ? pt_entry(v->start, false) : NULL;
    if (e != NULL && (*e & PTE_ADDR) == (u64)vdso_start) {
        return "[vdso]";
    }
    if (e != NULL && *e && (*e & PTE_ADDR) == time_page()) {
        return "[vvar]";
    }
    const struct process *p = cur_proc();
    if (v->start < p->stack_top && p->stack_top <= v->end) {
        return "[stack]";
    }
    const struct mm *mm = p->mm;
    if (v->start >= mm->brk_start && v->end <= mm->brk_limit && mm->brk_start < mm->brk_end) {
        return "[heap]";
    }
    return "";
}

static size_t format(const struct vma *v, char *line)
{
    char path[256] = "";
    if (vma_has_file(v)) {
        v->file.ops->path(v->file.inode, path, sizeof(path));
    } else {
        snprintf(path, sizeof(path), "%s", special_name(v));
    }
    int n = snprintf(line, LINE_MAX, "%08lx-%08lx %c%c%c%c %08lx 00:%02d %lu", v->start, v->end,
                     v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
                     v->prot & PROT_EXEC ? 'x' : '-', v->flags & MAP_SHARED ? 's' : 'p',
                     vma_has_file(v) ? v->file.pgoff * PAGE_SIZE : 0, vma_has_file(v) ? 1 : 0,
                     vma_has_file(v) ? v->file.ops->number(v->file.inode) : 0);
    while (path[0] && n < 73) {
        line[n++] = ' ';
    }
    n += snprintf(line + n, LINE_MAX - (size_t)n, "%s%s\n", path[0] ? "" : " ", path);
    return (size_t)n;
}

void mm_maps(struct mm *mm, void (*emit)(void *arg, const char *line, size_t len), void *arg)
{
    char line[LINE_MAX];
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        emit(arg, line, format(v, line));
    }
}

/* Every frame in use counts as resident: the kernel does not know which pages of identity memory
 * were touched. */
void mm_usage(struct mm *mm, u64 *mapped_pages, u64 *resident_pages)
{
    *mapped_pages = mm->mapped_pages;
    *resident_pages = pmm_total_pages() - pmm_free_pages();
}

u64 mm_mapping_pages(struct mm *mm, vaddr_t addr)
{
    const struct vma *v = vma_find(mm, addr);
    return v != NULL ? (v->end - v->start) / PAGE_SIZE : 0;
}
