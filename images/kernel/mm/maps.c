// SPDX-License-Identifier: Apache-2.0
/*
 * The mappings as text, in the formats of proc_pid_maps(5) and proc_pid_smaps(5), and their totals.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define LINE_MAX 400

static const char *special_name(const struct mm *mm, const struct vma *v)
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
    if (v->start < mm->stack_top && mm->stack_top <= v->end) {
        return "[stack]";
    }
    if (v->start >= mm->brk_start && v->end <= mm->brk_limit && mm->brk_start < mm->brk_end) {
        return "[heap]";
    }
    return "";
}

static size_t format(const struct mm *mm, const struct vma *v, char *line)
{
    char path[256] = "";
    if (vma_has_file(v)) {
        v->file.ops->path(v->file.inode, path, sizeof(path));
    } else {
        snprintf(path, sizeof(path), "%s", special_name(mm, v));
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

void mm_maps(struct mm *mm, text_emit emit, void *arg)
{
    char line[LINE_MAX];
    u64 *selected = pt_selected();
    mm_select(mm);
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        emit(arg, line, format(mm, v, line));
    }
    pt_select(selected);
}

/* Pages that a mapping has frames for. */
struct usage {
    u64 resident;  /* all of them */
    u64 dirty;     /* that a file has no copy of */
    u64 anonymous; /* that belong to the mapping and to no file */
};

static void count(struct usage *u, const struct vma *v, u64 pages, bool own, bool dirty)
{
    u->resident += pages;
    u->dirty += dirty ? pages : 0;
    u->anonymous += own && !(v->flags & MAP_SHARED) ? pages : 0;
}

/* Identity memory has all of its frames. Whether it was touched, or differs from the file that it
 * is a copy of, nobody knows. */
static struct usage usage_of(const struct vma *v)
{
    struct usage u = {0};

    if (v->kind == VMA_IDENT) {
        bool own = !vma_has_file(v) || v->prot & PROT_WRITE;
        count(&u, v, (v->end - v->start) / PAGE_SIZE, own, own);
        return u;
    }
    for (vaddr_t va = v->start; va < v->end; va += PAGE_SIZE) {
        bool large = pt_is_large(va);
        const u64 *e = large ? NULL : pt_entry(va, false);
        if (large) {
            u64 pages = (MIN(pt_last_page(va) + PAGE_SIZE, v->end) - va) / PAGE_SIZE;
            count(&u, v, pages, !vma_has_file(v), !vma_has_file(v));
        } else if (e != NULL && *e) {
            bool own = *e & PTE_OWNED;
            count(&u, v, 1, own, own || (v->flags & MAP_SHARED && *e & PTE_W));
        }
        if (e == NULL) {
            va = pt_last_page(va);
        }
    }
    return u;
}

static void emit_value(text_emit emit, void *arg, const char *name, u64 value, const char *unit)
{
    char line[64];

    emit(arg, line,
         (size_t)snprintf(line, sizeof(line), "%-16s%8lu%s\n", name, (unsigned long)value, unit));
}

/* What Linux shows of a mapping that one process has. */
static void emit_usage(text_emit emit, void *arg, const struct vma *v)
{
    const struct usage u = usage_of(v);
    const struct {
        const char *name;
        u64 pages;
    } rows[] = {
        {"Size:", (v->end - v->start) / PAGE_SIZE},
        {"KernelPageSize:", 1},
        {"MMUPageSize:", 1},
        {"Rss:", u.resident},
        {"Pss:", u.resident},
        {"Pss_Dirty:", u.dirty},
        {"Shared_Clean:", 0},
        {"Shared_Dirty:", 0},
        {"Private_Clean:", u.resident - u.dirty},
        {"Private_Dirty:", u.dirty},
        {"Referenced:", u.resident},
        {"Anonymous:", u.anonymous},
        {"LazyFree:", 0},
        {"AnonHugePages:", 0},
        {"ShmemPmdMapped:", 0},
        {"FilePmdMapped:", 0},
        {"Shared_Hugetlb:", 0},
        {"Private_Hugetlb:", 0},
        {"Swap:", 0},
        {"SwapPss:", 0},
        {"Locked:", 0},
    };

    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        emit_value(emit, arg, rows[k].name, rows[k].pages * (PAGE_SIZE / 1024), " kB");
    }
    emit_value(emit, arg, "THPeligible:", 0, "");
}

static void emit_flags(text_emit emit, void *arg, const struct vma *v)
{
    const bool shared = v->flags & MAP_SHARED;
    const struct {
        const char *name;
        bool set;
    } flags[] = {
        {"rd", v->prot & PROT_READ},
        {"wr", v->prot & PROT_WRITE},
        {"ex", v->prot & PROT_EXEC},
        {"sh", shared},
        {"mr", true},
        {"mw", true},
        {"me", true},
        {"ms", shared},
        {"gd", v->flags & MAP_GROWSDOWN},
        {"ac", v->prot & PROT_WRITE && !(v->flags & MAP_NORESERVE)},
        {"nr", v->flags & MAP_NORESERVE},
    };

    emit(arg, "VmFlags: ", 9);
    for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
        if (flags[k].set) {
            emit(arg, flags[k].name, 2);
            emit(arg, " ", 1);
        }
    }
    emit(arg, "\n", 1);
}

void mm_smaps(struct mm *mm, text_emit emit, void *arg)
{
    char line[LINE_MAX];
    u64 *selected = pt_selected();

    mm_select(mm);
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        emit(arg, line, format(mm, v, line));
        emit_usage(emit, arg, v);
        emit_flags(emit, arg, v);
    }
    pt_select(selected);
}

/* Every frame in use counts as resident: the kernel does not know which pages of identity memory
 * were touched. */
void mm_usage(struct mm *mm, u64 *mapped_pages, u64 *resident_pages)
{
    *mapped_pages = mm->mapped_pages;
    *resident_pages = pmm_total_pages() - pmm_free_pages();
    if (mm->root != pt_first()) {
        *resident_pages = MIN(*resident_pages, mm->mapped_pages);
    }
}

static u64 own_pages(const struct vma *v)
{
    u64 n = 0;
    for (vaddr_t va = v->start; va < v->end; va += PAGE_SIZE) {
        if (v->kind == VMA_IDENT) {
            n += pmm_is_shared(va) ? 0 : 1;
            continue;
        }
        const u64 *large = pt_large(va), *e = large == NULL ? pt_entry(va, false) : NULL;
        if (e == NULL) {
            n += large != NULL && *large & PTE_OWNED ? LARGE_PAGE / PAGE_SIZE : 0;
            va = pt_last_page(va);
        } else if (*e & PTE_OWNED && !pmm_is_shared(*e & PTE_ADDR)) {
            n++;
        }
    }
    return n;
}

u64 mm_own_pages(struct mm *mm)
{
    u64 *selected = pt_selected(), n = 0;

    mm_select(mm);
    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        n += own_pages(v);
    }
    pt_select(selected);
    return n;
}

u64 mm_mapping_pages(struct mm *mm, vaddr_t addr)
{
    const struct vma *v = vma_find(mm, addr);
    return v != NULL ? (v->end - v->start) / PAGE_SIZE : 0;
}
