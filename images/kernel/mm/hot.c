// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages forks copy at once. A page that one side wrote after a fork is likely to be written
 * after the next one, too, as long as it is the same program: its stack, counts of references, the
 * locks that the C library sets. A fault costs more than ten copies. So the pages that had to be
 * copied at a fault are noted, and the next forks give the copy its own of each.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define HOT_MAX 256u

static KERNEL_COLD struct hot {
    vaddr_t pages[HOT_MAX];
    unsigned count, next; /* next: the place of the oldest when all are taken */
} * hot;

void hot_note(vaddr_t va)
{
    if (hot == NULL) {
        hot = kzalloc(sizeof(*hot));
    }
    if (hot == NULL) {
        return; /* it only makes forks faster */
    }
    for (unsigned i = 0; i < hot->count; i++) {
        if (hot->pages[i] == va) {
            return;
        }
    }
    hot->pages[hot->next] = va;
    hot->next = (hot->next + 1) % HOT_MAX;
    hot->count = MAX(hot->count, hot->next);
}

/* Gives the parent its right to write back if nobody shows its frame now. */
static void parent_writes(struct mm *from, vaddr_t va, paddr_t frame)
{
    const struct vma *v = vma_find(from, va);
    bool flush = false;
    mm_select(from);
    if (v->kind == VMA_IDENT) {
        if (!cow_is_shown(frame)) {
            (void)pt_protect_ident(va, va + PAGE_SIZE, v->prot, &flush);
        }
        return;
    }
    u64 *e = pt_entry(va, false);
    if (e != NULL && *e & PTE_OWNED && !pmm_is_shared(frame)) {
        pt_set(e, frame | PTE_OWNED | pt_prot_bits(v->prot));
    }
}

/* Is it a private page of the copy, to which it may write, but which it shares yet? The copy's tree
 * is selected. */
static u64 *shared_entry(struct mm *to, vaddr_t va)
{
    const struct vma *v = vma_find(to, va);
    if (v == NULL || v->flags & MAP_SHARED || !(v->prot & PROT_WRITE) || !pt_frame(va)) {
        return NULL;
    }
    u64 *e = pt_entry(va, false);
    bool shared =
        e != NULL && *e & PTE_P && !(*e & PTE_W) && (*e & PTE_OWNED || (*e & PTE_ADDR) == va);
    return shared ? e : NULL;
}

static void copy_page(struct mm *from, struct mm *to, vaddr_t va, u64 *e, paddr_t copy)
{
    paddr_t frame = *e & PTE_ADDR;
    memcpy(phys_ptr(copy), phys_ptr(frame), PAGE_SIZE);
    if (*e & PTE_OWNED) {
        pmm_free(frame, 1);
    }
    *e = copy | PTE_OWNED | pt_prot_bits(vma_find(to, va)->prot);
    parent_writes(from, va, frame);
    mm_select(to);
}

void hot_copy(struct mm *from, struct mm *to)
{
    unsigned count = hot != NULL ? hot->count : 0, used = 0;
    paddr_t copies = count ? pmm_alloc(count, 0) : 0;
    mm_select(to);
    for (unsigned i = 0; copies && i < count; i++) {
        u64 *e = shared_entry(to, hot->pages[i]);
        if (e != NULL) {
            copy_page(from, to, hot->pages[i], e, copies + used++ * PAGE_SIZE);
        }
    }
    if (copies) {
        pmm_free(copies + used * PAGE_SIZE, count - used);
    }
}
