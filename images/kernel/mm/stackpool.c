// SPDX-License-Identifier: Apache-2.0
/*
 * Thread stacks in identity memory. The C library asks for a stack as a PROT_NONE reservation and
 * then opens all but its guard page. In the window that would write page tables, which a restored
 * machine should not have to do for a thread (vmm/shadow.c). So a few stacks of the default size
 * are set aside before the first program starts, with guard pages that are inaccessible already. A
 * stack is given out once; after it is unmapped it is ordinary memory.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define SLOT_SIZE (PAGE_SIZE + (8ul << 20)) /* guard and glibc's default stack */
#define SLOTS_MAX 8u
#define RAM_SHARE 16u /* at most a sixteenth of memory */

static paddr_t slots[SLOTS_MAX];
static unsigned slot_count;

void stackpool_init(void)
{
    u64 budget = pmm_free_pages() * PAGE_SIZE / RAM_SHARE;
    bool flush = false;
    while (slot_count < SLOTS_MAX && (slot_count + 1) * SLOT_SIZE <= budget) {
        paddr_t pa = pmm_alloc(SLOT_SIZE / PAGE_SIZE, PMM_ZERO);
        if (!pa) {
            break;
        }
        if (pt_protect_ident(pa, pa + PAGE_SIZE, PROT_NONE, &flush)) {
            pmm_free(pa, SLOT_SIZE / PAGE_SIZE);
            break;
        }
        slots[slot_count++] = pa;
    }
    if (flush) {
        tlb_flush();
    }
}

vaddr_t stackpool_take(u64 len)
{
    return len == SLOT_SIZE && slot_count ? slots[--slot_count] : 0;
}

bool stackpool_release(void)
{
    bool any = slot_count, flush = false;
    while (slot_count) {
        paddr_t pa = slots[--slot_count];
        int rc = pt_protect_ident(pa, pa + PAGE_SIZE, PROT_READ | PROT_WRITE, &flush);
        KASSERT(rc == 0);
        pmm_free(pa, SLOT_SIZE / PAGE_SIZE);
    }
    return any;
}
