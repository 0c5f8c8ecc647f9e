// SPDX-License-Identifier: Apache-2.0
/*
 * Page tables (SDM vol. 3, 4.5). The VMM has made the first tree of them: an identity mapping with
 * 2 MiB pages. This file splits large pages where single pages need other rights, and adds tables
 * for the window (mm.h). The window's tables live as long as their tree, except spare ones, because
 * its addresses are used again. All functions work on the selected tree; root.c makes others than
 * the first.
 */
#include "mm/mm.h"
#include "cpu/cpu.h"

#define PT_LEVELS  4
#define PT_ENTRIES 512u

/* Accessed and dirty bits are always set in advance, so that no CPU writes a table. */
#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A)
/* All bits that pt_prot_bits() can give. */
#define PTE_RIGHTS (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX)

static u64 *root;                   /* of the selected tree */
static KERNEL_COLD u64 *first_root; /* of the VMM's */
/* Frames that were tables, for each level: their addresses, in frames of such addresses. The first
 * word of such a frame leads to the one before it. */
static KERNEL_COLD struct {
    u64 *frame;
    unsigned count; /* of addresses in the frame */
} used_tables[PT_LEVELS];
/* One spare page table for each large page that belongs to a mapping, chained through their
 * first words. With it the large page can be split again without an allocation, which could
 * fail. */
static u64 *spares;

static unsigned pt_index(vaddr_t va, int level)
{
    return va >> (12 + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

void pt_init(const struct hv_shared *s)
{
    root = first_root = phys_ptr(s->pt_root);
}

u64 *pt_first(void)
{
    return first_root;
}

u64 *pt_selected(void)
{
    return root;
}

void pt_select(u64 *tree)
{
    root = tree;
}

/* Frames for tables, and for the notes of those that are kept. */
static u64 *frame_new(unsigned flags)
{
    paddr_t pa = pmm_alloc(1, flags);
    kernel_counts.tables += pa ? 1 : 0;
    return pa ? phys_ptr(pa) : NULL;
}

static void frame_free(u64 *frame)
{
    kernel_counts.tables--;
    pmm_free((paddr_t)frame, 1);
}

static u64 *used_take(int level)
{
    u64 *frame = used_tables[level - 1].frame;
    if (frame != NULL && used_tables[level - 1].count == 0 && frame[0]) {
        used_tables[level - 1].frame = (u64 *)frame[0];
        used_tables[level - 1].count = PT_ENTRIES - 1;
        frame_free(frame);
        frame = used_tables[level - 1].frame;
    }
    return frame != NULL && used_tables[level - 1].count
               ? (u64 *)frame[used_tables[level - 1].count--]
               : NULL;
}

u64 *pt_table_old(int level)
{
    u64 *table = used_take(level);
    return table != NULL ? table : frame_new(PMM_ZERO);
}

u64 *pt_table_new(int level)
{
    u64 *table = pt_table_old(level);
    for (unsigned i = 0; table != NULL && i < PT_ENTRIES; i++) {
        pt_set(&table[i], 0);
    }
    return table;
}

/* A host that shadows page tables goes on doing so with a frame that was one, as long as it is used
 * in the same way. Its writes cost a fault, in a table of tables one each. So the frame becomes a
 * table of the same level again and nothing else, and nothing is written to it before. */
void pt_table_free(u64 *table, int level)
{
    u64 *frame = used_tables[level - 1].frame;
    if (frame == NULL || used_tables[level - 1].count == PT_ENTRIES - 1) {
        frame = frame_new(0);
        if (frame == NULL) {
            frame_free(table);
            return;
        }
        frame[0] = (u64)used_tables[level - 1].frame;
        used_tables[level - 1].frame = frame;
        used_tables[level - 1].count = 0;
    }
    frame[++used_tables[level - 1].count] = (u64)table;
}

static void spare_put(u64 *table)
{
    table[0] = (u64)spares;
    spares = table;
}

static u64 *spare_take(void)
{
    u64 *table = spares;
    KASSERT(table != NULL);
    spares = (u64 *)table[0];
    return table;
}

static u64 *split_large(u64 *entry)
{
    u64 *table = *entry & PTE_OWNED ? spare_take() : pt_table_old(1);
    if (table == NULL) {
        return NULL;
    }
    u64 base = *entry & PTE_ADDR & ~(LARGE_PAGE - 1), bits = *entry & (PTE_RIGHTS | PTE_OWNED);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        table[i] = (base + i * PAGE_SIZE) | bits;
    }
    *entry = (u64)table | PTE_TABLE;
    return table;
}

/* An empty table of this level. Most likely the table that the program had there the last time has
 * to say the same. */
static u64 *table_for(vaddr_t va, int level)
{
    u64 *table = level == 1 && va >= LOW_END && root != first_root ? leaf_take(va) : NULL;
    return table != NULL ? table : pt_table_new(level);
}

/* Walks to the entry for va in its table of this level: 1 maps pages, 2 maps large pages. A
 * large page on the way is split. NULL when a table is missing and not to be made, or memory is
 * short. */
static u64 *pt_walk(vaddr_t va, int level, bool create)
{
    u64 *table = root;
    for (int at = PT_LEVELS; at > level; at--) {
        u64 *entry = &table[pt_index(va, at)];
        if (*entry & PTE_P && *entry & PTE_LARGE) {
            KASSERT(at == 2);
            table = split_large(entry);
        } else if (*entry & PTE_P) {
            table = phys_ptr(*entry & PTE_ADDR);
        } else {
            table = create ? table_for(va, at - 1) : NULL;
            if (table != NULL) {
                *entry = (u64)table | PTE_TABLE;
            }
        }
        if (table == NULL) {
            return NULL;
        }
    }
    return &table[pt_index(va, level)];
}

u64 *pt_entry(vaddr_t va, bool create)
{
    return pt_walk(va, 1, create);
}

/* x86 has no write-only and no execute-only page here: any right implies read. */
u64 pt_prot_bits(int prot)
{
    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) {
        return 0;
    }
    return PTE_P | PTE_U | PTE_A | (prot & PROT_WRITE ? PTE_W | PTE_D : 0) |
           (prot & PROT_EXEC ? 0 : PTE_NX);
}

static bool takes_rights(u64 old, u64 new)
{
    return old & PTE_P &&
           (!(new &PTE_P) || (old & PTE_W && !(new &PTE_W)) || (!(old & PTE_NX) && new &PTE_NX));
}

u64 *pt_region(vaddr_t va)
{
    return pt_walk(va, 2, false);
}

u64 *pt_large(vaddr_t va)
{
    u64 *entry = pt_region(va);
    return entry != NULL && *entry & PTE_P && *entry & PTE_LARGE ? entry : NULL;
}

bool pt_is_large(vaddr_t va)
{
    return pt_large(va) != NULL;
}

bool pt_is_writable(vaddr_t va)
{
    const u64 *e = pt_large(va);
    e = e != NULL ? e : pt_entry(va, false);
    return e != NULL && *e & PTE_W;
}

paddr_t pt_frame(vaddr_t va)
{
    const u64 *large = pt_large(va);
    if (large != NULL) {
        return (*large & PTE_ADDR & ~(LARGE_PAGE - 1)) | (va & (LARGE_PAGE - 1));
    }
    const u64 *e = pt_entry(va, false);
    return e != NULL && *e ? (*e & PTE_ADDR) | (va & PAGE_MASK) : 0;
}

/* Gives a large page other rights as a whole; true when it has them now. That needs a page that
 * lies in the range as a whole, and some right that is left. */
static bool protect_large(u64 *large, vaddr_t va, vaddr_t end, u64 bits, bool *need_flush)
{
    if ((*large & PTE_RIGHTS) == bits) {
        return true;
    }
    if (!bits || va & (LARGE_PAGE - 1) || end - va < LARGE_PAGE) {
        return false;
    }
    *need_flush |= takes_rights(*large, bits);
    *large = va | bits | PTE_LARGE;
    return true;
}

/* Gives a page of RAM its own frame back, with the same contents: text.c had mapped the file's
 * frame there. */
static void take_back(u64 *e, vaddr_t va)
{
    const void *file = phys_ptr(*e & PTE_ADDR);
    *e = va | pt_prot_bits(PROT_READ | PROT_WRITE);
    tlb_flush();
    memcpy(phys_ptr(va), file, PAGE_SIZE);
}

/* An entry that is right already is not written, and no large page is split that need not be:
 * writes to tables are expensive, and program text in large pages saves the host most of its
 * faults. */
static void protect_page(u64 *e, vaddr_t va, u64 bits, bool *need_flush)
{
    u64 new = bits ? va | bits : 0;
    if (*e == new) {
        return;
    }
    if (*e & PTE_P && (*e & PTE_ADDR) != va) {
        take_back(e, va);
    }
    *need_flush |= takes_rights(*e, new);
    *e = new;
}

static int protect_in_tree(vaddr_t start, vaddr_t end, int prot, bool *need_flush)
{
    u64 bits = pt_prot_bits(prot);
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *large = pt_large(va);
        if (large != NULL && protect_large(large, va, end, bits, need_flush)) {
            continue;
        }
        u64 *e = pt_entry(va, true);
        if (e == NULL) {
            return -ENOMEM;
        }
        for (; va < next; va += PAGE_SIZE, e++) {
            protect_page(e, va, bits, need_flush);
        }
    }
    return 0;
}

/* The first tree has the rights of all frames at their own addresses, whose tables others share as
 * far as they can (root.c). */
int pt_protect_ident(vaddr_t start, vaddr_t end, int prot, bool *need_flush)
{
    u64 *selected = root;
    root = first_root;
    int rc = protect_in_tree(start, end, prot, need_flush);
    root = selected;
    if (rc == 0 && root != first_root) {
        rc = protect_in_tree(start, end, prot, need_flush);
    }
    return rc;
}

int pt_split_ends(vaddr_t start, vaddr_t end)
{
    bool whole_first = !(start & (LARGE_PAGE - 1)) && end - start >= LARGE_PAGE;
    bool whole_last = !(end & (LARGE_PAGE - 1)) && end - start >= LARGE_PAGE;
    return (whole_first || pt_entry(start, true) != NULL) &&
                   (whole_last || pt_entry(end - PAGE_SIZE, true) != NULL)
               ? 0
               : -ENOMEM;
}

void pt_open(vaddr_t start, vaddr_t end)
{
    u64 bits = pt_prot_bits(PROT_READ | PROT_WRITE);
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *large = pt_large(va);
        if (large != NULL) {
            pt_set(large, (va & ~(LARGE_PAGE - 1)) | bits | PTE_LARGE);
            continue;
        }
        for (u64 *e = pt_entry(va, false); va < next; va += PAGE_SIZE, e++) {
            pt_set(e, va | bits);
        }
    }
}

/* Does the table map the 2 MiB at va to their own frames, all read-only, and some of them as
 * text? Or all as free memory is mapped? Then *rights are those of one large page instead, else 0.
 */
static bool can_join(const u64 *table, vaddr_t va, u64 *rights)
{
    const u64 plain = pt_prot_bits(PROT_READ | PROT_WRITE);
    const u64 text = pt_prot_bits(PROT_READ | PROT_EXEC);
    unsigned plains = 0, texts = 0, constants = 0;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        u64 e = table[i] ^ (va + i * PAGE_SIZE);
        plains += e == plain;
        texts += e == text;
        constants += e == (text | PTE_NX);
    }
    *rights = plains ? plain : text;
    return plains == PT_ENTRIES || (texts && texts + constants == PT_ENTRIES);
}

void pt_join(void)
{
    bool joined = false;
    for (vaddr_t va = LARGE_PAGE; pmm_is_ram(va, LARGE_PAGE); va += LARGE_PAGE) {
        u64 *entry = pt_walk(va, 2, false), rights;
        if (*entry & PTE_LARGE || !can_join(phys_ptr(*entry & PTE_ADDR), va, &rights)) {
            continue;
        }
        frame_free(phys_ptr(*entry & PTE_ADDR));
        *entry = va | rights | PTE_LARGE;
        joined = true;
    }
    if (joined) {
        tlb_flush();
    }
}

void pt_forget_used(void)
{
    for (int level = 1; level <= PT_LEVELS; level++) {
        for (u64 *table = used_take(level); table != NULL; table = used_take(level)) {
            frame_free(table);
        }
        if (used_tables[level - 1].frame != NULL) {
            frame_free(used_tables[level - 1].frame);
        }
        used_tables[level - 1].frame = NULL;
    }
}

void pt_set_large(vaddr_t va, paddr_t pa)
{
    u64 *entry = pt_walk(va, 2, true);
    KASSERT(entry != NULL && *entry & PTE_P && !(*entry & PTE_LARGE));
    spare_put(phys_ptr(*entry & PTE_ADDR));
    *entry = pa | pt_prot_bits(PROT_READ | PROT_EXEC) | PTE_LARGE | PTE_OWNED;
    tlb_flush();
}

/* The table under an entry when no page is entered in it, or a new one when there is none; else
 * NULL.
 */
static u64 *unused_table(u64 entry)
{
    if (!entry) {
        return pt_table_old(1);
    }
    u64 *table = entry & PTE_LARGE ? NULL : phys_ptr(entry & PTE_ADDR);
    for (unsigned i = 0; table != NULL && i < PT_ENTRIES; i++) {
        if (table[i]) {
            return NULL;
        }
    }
    return table;
}

bool pt_enter_large(vaddr_t va, paddr_t pa, int prot)
{
    KASSERT(((va | pa) & (LARGE_PAGE - 1)) == 0);
    u64 *entry = pt_walk(va, 2, true);
    u64 *table = entry != NULL ? unused_table(*entry) : NULL;
    if (table == NULL) {
        return false;
    }
    bool replaced = *entry != 0;
    *entry = pa | pt_prot_bits(prot) | PTE_LARGE | PTE_OWNED;
    if (replaced) {
        tlb_flush();
    }
    spare_put(table);
    return true;
}

bool pt_protect_large(vaddr_t va, vaddr_t end, int prot)
{
    u64 *entry = pt_large(va), bits = pt_prot_bits(prot);
    if (entry == NULL || !(*entry & PTE_OWNED) || !bits || va & (LARGE_PAGE - 1) ||
        end - va < LARGE_PAGE) {
        return false;
    }
    *entry = (*entry & PTE_ADDR) | bits | PTE_LARGE | PTE_OWNED;
    return true;
}

paddr_t pt_take_large(vaddr_t va, vaddr_t end)
{
    u64 *entry = pt_large(va);
    if (entry == NULL || !(*entry & PTE_OWNED) || va & (LARGE_PAGE - 1) || end - va < LARGE_PAGE) {
        return 0;
    }
    paddr_t pa = *entry & PTE_ADDR;
    *entry = 0;
    pt_table_free(spare_take(), 1);
    return pa;
}
