// SPDX-License-Identifier: Apache-2.0
/*
 * Trees of page tables beside the first. Such a tree begins with the first one's tables for the low
 * 512 GiB, which hold the kernel, RAM and the initrd: it shares them. Where a process needs other
 * pages there, its tree gets copies of the tables on the way, and shares the rest. The first tree
 * is never changed so. A table is the tree's own if the first tree has another one in that place.
 *
 * A tree that is not needed any more is kept with its upper tables of the window. The next address
 * space is likely to have its mappings at the same places. So it needs no new ones, and a host that
 * shadows page tables keeps what it has for them. Such a host answers a write to a table above the
 * lowest level with much work, most of all to a root. leaf.c keeps the tables of the lowest level.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

#define ENTRIES    512u
#define LEVELS     4
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)

#define KEPT_TREES  16u
#define KEPT_TABLES 128u /* a tree with more is not kept */

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
    u64 *root = pt_table_new(LEVELS);
    if (root != NULL) {
        root[0] = pt_first()[0];
    }
    return root;
}

static void keep_leaf(u64 *table, vaddr_t va, const struct mm *mm)
{
    u64 *other = leaf_keep(table, va, mm->program);
    if (other != NULL) {
        pt_table_free(other, 1);
    }
}

/* Frees a table of this level, which begins at va, and those under it that the first tree, which
 * has `first` in that place, does not have. Those of the lowest level below the window are left to
 * the program. */
static void free_tree(const struct mm *mm, u64 *table, const u64 *first, vaddr_t va, int level)
{
    const u64 size = PAGE_SIZE << 9 * (level - 1);
    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        u64 *next = table_of(table[i]), *other = first != NULL ? table_of(first[i]) : NULL;
        if (next != NULL && next != other) {
            free_tree(mm, next, other, va + i * size, level - 1);
        }
    }
    if (level == 1 && va < LOW_END) {
        keep_leaf(table, va, mm);
    } else {
        pt_table_free(table, level);
    }
}

/* Takes the tables of pages out of a table of this level. They are empty. */
static void shed_leaves(const struct mm *mm, u64 *table, vaddr_t va, int level)
{
    const u64 size = PAGE_SIZE << 9 * (level - 1);
    for (unsigned i = 0; i < ENTRIES; i++) {
        u64 *next = table_of(table[i]);
        if (next != NULL && level > 2) {
            shed_leaves(mm, next, va + i * size, level - 1);
        } else if (next != NULL) {
            pt_set(&table[i], 0);
            keep_leaf(next, va + i * size, mm);
        }
    }
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

bool root_is_kept(const u64 *root)
{
    return root != pt_first() && kept_count < KEPT_TREES && window_tables(root) <= KEPT_TABLES;
}

void root_free(struct mm *mm, bool keep)
{
    u64 *root = mm->root;
    if (root == pt_first()) {
        return;
    }
    if (!keep) {
        free_tree(mm, root, pt_first(), 0, LEVELS);
        return;
    }
    u64 *low = table_of(root[0]), *shared = table_of(pt_first()[0]);
    if (low != shared) {
        root[0] = pt_first()[0];
        free_tree(mm, low, shared, 0, LEVELS - 1);
    }
    for (unsigned i = 1; i < ENTRIES; i++) {
        if (table_of(root[i]) != NULL) {
            shed_leaves(mm, table_of(root[i]), i * (PAGE_SIZE << 27), LEVELS - 1);
        }
    }
    kept[kept_count++] = root;
}

/* Has mm identity memory, or its guard page, in the range? */
static bool has_ident(const struct mm *mm, struct vma *v, vaddr_t start, vaddr_t end)
{
    for (; v != NULL && v->start < end; v = vma_next(v)) {
        if (v->kind == VMA_IDENT) {
            return true;
        }
    }
    return mm->guard >= start && mm->guard < end;
}

/* Fills a table of this level, the lowest or the one above, for the range that begins at start.
 * Each entry is as in `old`, the table or large page that the first tree has there. But rights that
 * pages of other processes have would not be given back when such a page is freed, so only mm's own
 * pages keep them. */
static void fill_table(struct mm *mm, u64 *table, u64 entry, vaddr_t start, int level)
{
    const u64 *old = table_of(entry), large = level > 1 ? PTE_LARGE : 0;
    const u64 size = PAGE_SIZE << 9 * (level - 1);
    struct vma *v = vma_first_from(mm, start);
    for (unsigned i = 0; i < ENTRIES; i++) {
        vaddr_t at = start + i * size;
        u64 e = old != NULL ? old[i] : entry & PTE_P ? (entry & ~PTE_LARGE) + i * PAGE_SIZE : 0;
        while (v != NULL && v->end <= at) {
            v = vma_next(v);
        }
        if ((e & PTE_LARGE) == large && at >= USER_MIN && pmm_is_ram(at, size) &&
            !has_ident(mm, v, at, at + size)) {
            e = at | pt_prot_bits(PROT_READ | PROT_WRITE) | large;
        }
        pt_set(&table[i], e);
    }
}

/* The table under an entry of this level, as the tree's own. `first` is the table that the first
 * tree has there, or NULL. */
static u64 *own_table(struct mm *mm, u64 *entry, const u64 *first, vaddr_t va, int level)
{
    u64 *old = table_of(*entry);
    if (old != NULL && old != first) {
        return old;
    }
    u64 *table = level == 2 ? leaf_take(va) : NULL;
    if (table == NULL) {
        table = pt_table_old(level - 1);
    }
    if (table == NULL) {
        return NULL;
    }
    u64 size = PAGE_SIZE << 9 * (level - 1);
    if (level <= 3) {
        fill_table(mm, table, *entry, va & ~(size - 1), level - 1);
    } else {
        for (unsigned i = 0; i < ENTRIES; i++) {
            pt_set(&table[i], old != NULL ? old[i] : 0);
        }
    }
    *entry = (u64)table | TABLE_BITS;
    return table;
}

static u64 *own_entry(struct mm *mm, vaddr_t va, int lowest)
{
    u64 *table = mm->root;
    const u64 *first = pt_first();
    for (int level = LEVELS; level > lowest && table != NULL; level--) {
        first = first != NULL ? table_of(first[index_at(va, level)]) : NULL;
        table = own_table(mm, &table[index_at(va, level)], first, va, level);
    }
    return table != NULL ? &table[index_at(va, lowest)] : NULL;
}

u64 *root_large(struct mm *mm, vaddr_t va)
{
    return own_entry(mm, va, 2);
}

u64 *root_entry(struct mm *mm, vaddr_t va)
{
    return own_entry(mm, va, 1);
}

int root_carve(struct mm *mm, vaddr_t start, vaddr_t end)
{
    bool own = pt_selected() == mm->root && mm->root != pt_first();
    KASSERT(own);
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *entry = root_entry(mm, va);
        if (entry == NULL) {
            root_mend(start, va);
            return -ENOMEM;
        }
        for (; va < next; va += PAGE_SIZE, entry++) {
            pt_set(entry, 0);
        }
    }
    tlb_flush();
    return 0;
}

void root_mend(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start, next; va < end; va = next) {
        next = MIN(end, pt_last_page(va) + PAGE_SIZE);
        u64 *region = pt_region(va);
        if (next - va == LARGE_PAGE && table_of(*region) == NULL && pmm_is_ram(va, LARGE_PAGE)) {
            pt_set(region, va | pt_prot_bits(PROT_READ | PROT_WRITE) | PTE_LARGE);
            continue;
        }
        for (u64 *e = pt_entry(va, true); va < next; va += PAGE_SIZE, e++) {
            pt_set(e, pmm_is_ram(va, PAGE_SIZE) ? va | pt_prot_bits(PROT_READ | PROT_WRITE) : 0);
        }
    }
}
