// SPDX-License-Identifier: Apache-2.0
/*
 * The first stack of a program, and the end of an address space.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define STACK_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN)
#define STACK_FIRST (32 * PAGE_SIZE) /* entered at once: most programs need no more */

static int ident_stack(struct mm *mm, u64 bytes)
{
    paddr_t pa = pmm_alloc(bytes / PAGE_SIZE + 1, PMM_ZERO);
    bool flush = false;
    if (!pa) {
        return -ENOMEM;
    }
    if (pt_protect_ident(pa, pa + PAGE_SIZE, PROT_NONE, &flush) ||
        vma_add(mm, pa + PAGE_SIZE, pa + PAGE_SIZE + bytes, PROT_READ | PROT_WRITE, STACK_FLAGS,
                VMA_IDENT, NULL) == NULL) {
        return -ENOMEM;
    }
    tlb_flush();
    mm->guard = pa;
    mm->stack_top = pa + PAGE_SIZE + bytes;
    return 0;
}

/* A run has one first process, and any number of others. Their stacks in RAM would be memory to
 * clear for each of them, mostly by the host, and a guard page to close and open in the tables. */
int mm_stack(struct mm *mm, vaddr_t top, u64 bytes)
{
    if (mm->root == pt_first()) {
        return ident_stack(mm, bytes);
    }
    if (!vma_gap_free(mm, top - bytes - PAGE_SIZE, bytes + PAGE_SIZE)) {
        return -ENOMEM;
    }
    struct vma *v =
        vma_add(mm, top - bytes, top, PROT_READ | PROT_WRITE, STACK_FLAGS, VMA_PAGED, NULL);
    mm->stack_top = top;
    return v != NULL ? mm_populate(v, top - MIN(bytes, STACK_FIRST), top) : -ENOMEM;
}

static void free_guard(struct mm *mm)
{
    if (!mm->guard) {
        return;
    }
    pt_open(mm->guard, mm->guard + PAGE_SIZE);
    if (!mm->copied) { /* it is closed in the first tree, too */
        pt_select(pt_first());
        pt_open(mm->guard, mm->guard + PAGE_SIZE);
        mm_select(mm);
    }
    pmm_free(mm->guard, 1);
    mm->guard = 0;
}

int mm_clear(struct mm *mm)
{
    free_guard(mm);
    mm->copied = false;
    mm->stack_top = 0;
    int rc = (int)mm_munmap(mm, USER_MIN, WINDOW_END - USER_MIN);
    if (rc == 0) {
        mm_brk_release(mm);
    }
    return rc;
}

void mm_put(struct mm *mm)
{
    KASSERT(mm->refs > 0);
    if (--mm->refs > 0) {
        return;
    }
    bool kept = root_is_kept(mm->root);
    if (mm->root == pt_first()) {
        mm_activate(mm);
        (void)mm_clear(mm);
        mm_leave();
    } else {
        mm_leave();
        mm_drop(mm, kept);
        mm_select(mm);
        free_guard(mm);
        mm_brk_release(mm);
        sites_unmapped(mm);
        mm_leave();
    }
    LIST_REMOVE(mm, link);
    root_free(mm, kept);
    kfree(mm);
    cow_settle();
}
