// SPDX-License-Identifier: Apache-2.0
/*
 * The tree of mappings of a process, ordered by address and never overlapping.
 * This is only bookkeeping: mmap.c and fault.c deal with frames and page
 * tables.
 */
#include "mm/mm.h"

int vma_compare(const struct vma *a, const struct vma *b);

int vma_compare(const struct vma *a, const struct vma *b)
{
    return a->start < b->start ? -1 : a->start > b->start;
}

RB_GENERATE(vma_tree, vma, link, vma_compare)

struct vma *vma_first_from(struct mm *mm, vaddr_t addr)
{
    struct vma *v = RB_ROOT(&mm->tree), *best = NULL;
    while (v != NULL) {
        if (v->end > addr) {
            best = v;
            v = RB_LEFT(v, link);
        } else {
            v = RB_RIGHT(v, link);
        }
    }
    return best;
}

struct vma *vma_find(struct mm *mm, vaddr_t addr)
{
    struct vma *v = mm->last;
    if (v != NULL && addr >= v->start && addr < v->end) {
        return v;
    }
    v = vma_first_from(mm, addr);
    if (v == NULL || addr < v->start) {
        return NULL;
    }
    return mm->last = v;
}

struct vma *vma_next(struct vma *v)
{
    return vma_tree_RB_NEXT(v);
}

/* Mappings are whole pages, at least one, and do not overlap. */
static void check_place(struct vma *v)
{
    struct vma *prev = vma_tree_RB_PREV(v), *next = vma_next(v);
    KASSERT(((v->start | v->end) & PAGE_MASK) == 0 && v->start < v->end);
    KASSERT(prev == NULL || prev->end <= v->start);
    KASSERT(next == NULL || v->end <= next->start);
}

struct vma *vma_add(struct mm *mm, vaddr_t start, vaddr_t end, int prot, int flags,
                    enum vma_kind kind, const struct vma_file *file)
{
    struct vma *v = kzalloc(sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    *v = (struct vma){.start = start, .end = end, .prot = prot, .flags = flags, .kind = kind};
    if (file != NULL && file->ops != NULL) {
        v->file = *file;
        file->ops->ref(file->inode);
    }
    struct vma *clash = RB_INSERT(vma_tree, &mm->tree, v);
    KASSERT(clash == NULL);
    check_place(v);
    mm->mapped_pages += (end - start) / PAGE_SIZE;
    kernel_counts.mappings++;
    return v;
}

void vma_remove(struct mm *mm, struct vma *v)
{
    RB_REMOVE(vma_tree, &mm->tree, v);
    if (mm->last == v) {
        mm->last = NULL;
    }
    KASSERT(mm->mapped_pages >= (v->end - v->start) / PAGE_SIZE);
    mm->mapped_pages -= (v->end - v->start) / PAGE_SIZE;
    if (v->kind == VMA_PAGED && v->start >= WINDOW_START) {
        mm->window_next = MIN(mm->window_next, v->start);
    }
    if (vma_has_file(v)) {
        v->file.ops->put(v->file.inode);
    }
    kernel_counts.mappings--;
    kfree(v);
}

int vma_split(struct mm *mm, vaddr_t at)
{
    struct vma *v = vma_find(mm, at);
    if (v == NULL || v->start == at) {
        return 0;
    }
    KASSERT((at & PAGE_MASK) == 0);
    vaddr_t end = v->end;
    struct vma_file rest = v->file;
    rest.pgoff += (at - v->start) / PAGE_SIZE;
    mm->mapped_pages -= (end - at) / PAGE_SIZE;
    v->end = at;
    if (vma_add(mm, at, end, v->prot, v->flags, v->kind, &rest) != NULL) {
        return 0;
    }
    v->end = end;
    mm->mapped_pages += (end - at) / PAGE_SIZE;
    return -ENOMEM;
}

static bool mergeable(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && a->kind == b->kind && a->prot == b->prot && a->flags == b->flags &&
           !vma_has_file(a) && !vma_has_file(b);
}

/* Joins neighbours that have become alike in and around [start, end). */
void vma_merge(struct mm *mm, vaddr_t start, vaddr_t end)
{
    struct vma *v = vma_first_from(mm, start ? start - 1 : 0);
    while (v != NULL && v->start <= end) {
        struct vma *n = vma_next(v);
        if (n == NULL || !mergeable(v, n)) {
            v = n;
            continue;
        }
        vaddr_t n_end = n->end;
        vaddr_t next = mm->window_next;
        vma_remove(mm, n);
        mm->window_next = next;
        mm->mapped_pages += (n_end - v->end) / PAGE_SIZE;
        v->end = n_end;
    }
}

bool vma_gap_free(struct mm *mm, vaddr_t at, u64 len)
{
    struct vma *v = vma_first_from(mm, at);
    return at >= WINDOW_START && at <= WINDOW_END && len <= WINDOW_END - at &&
           (v == NULL || v->start >= at + len);
}

static vaddr_t gap_from(struct mm *mm, vaddr_t at, u64 len)
{
    for (struct vma *v = vma_first_from(mm, at); v != NULL && v->start < at + len;
         v = vma_next(v)) {
        at = MAX(at, v->end);
    }
    return at <= WINDOW_END && len <= WINDOW_END - at ? at : 0;
}

vaddr_t vma_gap_above(struct mm *mm, vaddr_t at, u64 len)
{
    return gap_from(mm, at, len);
}

/* The hint, if the range there is free; else the first gap with room for the range and a free
 * page after it. That page may be mapped later. */
vaddr_t vma_find_gap(struct mm *mm, u64 len, vaddr_t hint)
{
    hint = PAGE_DOWN(hint);
    if (hint && vma_gap_free(mm, hint, len)) {
        return hint;
    }
    vaddr_t at = gap_from(mm, mm->window_next, len + PAGE_SIZE);
    if (!at) {
        at = gap_from(mm, WINDOW_START, len + PAGE_SIZE);
    }
    if (at) {
        mm->window_next = at;
    }
    return at;
}
