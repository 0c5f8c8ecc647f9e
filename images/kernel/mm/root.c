// SPDX-License-Identifier: Apache-2.0
/*
 * Trees of page tables beside the first. Such a tree begins with the first one's tables for the low
 * 512 GiB, which hold the kernel, RAM and the initrd: it shares them. Where a process needs other
 * pages there, its tree gets copies of the tables on the way, and shares the rest. The first tree
 * is never changed so. A table is the tree's own if the first tree has another one in that place.
 *
 * A tree that is not needed any more is kept with its tables of the window, which are empty then.
 * The next address space is likely to have its mappings at the same places. So it needs no new
 * table, and a host that shadows page tables keeps what it has for them. Such a host answers a
 * write to a table above the lowest level with much work, most of all to a root.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define ENTRIES    512u
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)

#define KEPT_TREES  16u
#define KEPT_TABLES 64u /* a tree with more is not kept */

static KERNEL_COLD u64 *kept[KEPT_TREES];
static KERNEL_COLD unsigned kept_count;

static unsigned index_at(vaddr_t va, int level)
{
    return va >> (12 + 9 * (level - 1)) & (ENTRIES - 1);
}

static u64 *table_of(u64 entry)
{
    return entry & PTE_P && !(entry & PTE_LARGE) ? phys_ptr(entry & PTE_ADDR) : NULL;
}

u64 *root_new(void)
{
    if (kept_count > 0) {
        return kept[--kept_count];
    }
    u64 *root = pt_table_new();
    if (root != NULL) {
        root[0] = pt_first()[0];
    }
    return root;
}

/* Frees a table of this level, and those under it that the first tree, which has `first` in that
 * place, does not have. */
static void free_tree(u64 *table, const u64 *first, int level)
{
    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        u64 *next = table_of(table[i]), *other = first != NULL ? table_of(first[i]) : NULL;
        if (next != NULL && next != other) {
            free_tree(next, other, level - 1);
        }
    }
    pt_table_free(table);
}

/* How many tables there are from this one on, at most `most` and a few. */
static unsigned count_tables(const u64 *table, int level, unsigned most)
{
    unsigned n = 1;
    for (unsigned i = 0; level > 1 && i < ENTRIES && n <= most; i++) {
        const u64 *next = table_of(table[i]);
        n += next != NULL ? count_tables(next, level - 1, most) : 0;
    }
    return n;
}

static unsigned window_tables(const u64 *root)
{
    unsigned n = 0;
    for (unsigned i = 1; i < ENTRIES && n <= KEPT_TABLES; i++) {
        const u64 *table = table_of(root[i]);
        n += table != NULL ? count_tables(table, 3, KEPT_TABLES) : 0;
    }
    return n;
}

void root_free(u64 *root, bool empty)
{
    if (root == pt_first()) {
        return;
    }
    if (!empty || kept_count == KEPT_TREES || window_tables(root) > KEPT_TABLES) {
        free_tree(root, pt_first(), 4);
        return;
    }
    u64 *low = table_of(root[0]), *shared = table_of(pt_first()[0]);
    if (low != shared) {
        root[0] = pt_first()[0];
        free_tree(low, shared, 3);
    }
    kept[kept_count++] = root;
}

/* The table under an entry, as the tree's own. `first` is the table that the first tree has there,
 * or NULL. */
static u64 *own_table(u64 *entry, const u64 *first)
{
    u64 *old = table_of(*entry);
    if (old != NULL && old != first) {
        return old;
    }
    u64 *table = pt_table_new();
    if (table == NULL) {
        return NULL;
    }
    if (old != NULL) {
        memcpy(table, old, PAGE_SIZE);
    } else if (*entry & PTE_P) { /* a large page */
        for (unsigned i = 0; i < ENTRIES; i++) {
            table[i] = (*entry & ~PTE_LARGE) + i * PAGE_SIZE;
        }
    }
    *entry = (u64)table | TABLE_BITS;
    return table;
}

/* Has the selected tree a table of its own for the page? */
static bool has_own_table(vaddr_t va)
{
    const u64 *table = pt_selected(), *first = pt_first();
    for (int level = 4; level > 1 && table != NULL; level--) {
        table = table_of(table[index_at(va, level)]);
        first = first != NULL ? table_of(first[index_at(va, level)]) : NULL;
    }
    return table != NULL && table != first;
}

static u64 *own_entry(vaddr_t va)
{
    u64 *table = pt_selected();
    const u64 *first = pt_first();
    for (int level = 4; level > 1 && table != NULL; level--) {
        first = first != NULL ? table_of(first[index_at(va, level)]) : NULL;
        table = own_table(&table[index_at(va, level)], first);
    }
    return table != NULL ? &table[index_at(va, 1)] : NULL;
}

/* The rights of the pages around, which a copied table has, are those of other processes. They
 * would not be given back when such a page is freed, so only mm's own pages keep them. */
static void forget_rights(struct mm *mm, u64 *table, vaddr_t start)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        vaddr_t va = start + i * PAGE_SIZE;
        const struct vma *v = vma_find(mm, va);
        bool own = (v != NULL && v->kind == VMA_IDENT) || va == mm->guard;
        if (pmm_is_ram(va, PAGE_SIZE) && !own) {
            table[i] = va | pt_prot_bits(PROT_READ | PROT_WRITE);
        }
    }
}

int root_carve(struct mm *mm, vaddr_t start, vaddr_t end)
{
    vaddr_t va = start;
    bool own = pt_selected() == mm->root && mm->root != pt_first();
    KASSERT(own);
    while (va < end) {
        bool fresh = !has_own_table(va);
        u64 *entry = own_entry(va);
        if (entry == NULL) {
            root_mend(start, va);
            return -ENOMEM;
        }
        if (fresh) {
            forget_rights(mm, (u64 *)PAGE_DOWN(entry), va & ~(LARGE_PAGE - 1));
        }
        vaddr_t last = MIN(end, pt_last_page(va) + PAGE_SIZE);
        memset(entry, 0, (last - va) / PAGE_SIZE * sizeof(*entry));
        va = last;
    }
    tlb_flush();
    return 0;
}

void root_mend(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        *pt_entry(va, false) =
            pmm_is_ram(va, PAGE_SIZE) ? va | pt_prot_bits(PROT_READ | PROT_WRITE) : 0;
    }
}
