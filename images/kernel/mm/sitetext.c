// SPDX-License-Identifier: Apache-2.0
/*
 * Pages of text with rewritten system calls, and their slots, for all address spaces beside the
 * first. What is in them depends on the sites and on where the text and the slots are. So the next
 * program that maps the file at the same place shows the same frames. They are kept for good, up to
 * a limit. In the tables they are like a file's frames: read-only, and not the mapping's own.
 * Whoever writes to such a page takes a copy (fault.c).
 */
#include "mm/mm.h"

#define FRAMES_MOST 512u

struct kept_page {
    vaddr_t va;
    u64 entry;
};

struct kept_text {
    LIST_ENTRY(kept_text) link;
    struct sitetext_place place;
    unsigned count;
    struct kept_page page[];
};

static KERNEL_COLD LIST_HEAD(, kept_text) texts;
static KERNEL_COLD unsigned frames;

static bool same_place(const struct sitetext_place *a, const struct sitetext_place *b)
{
    return a->sites == b->sites && a->count == b->count && a->base == b->base &&
           a->text == b->text && a->slots == b->slots;
}

bool sitetext_enter(const struct sitetext_place *p)
{
    const struct kept_text *t;
    LIST_FOREACH (t, &texts, link) {
        if (same_place(&t->place, p)) {
            break;
        }
    }
    for (unsigned n = 0; t != NULL && n < t->count; n++) {
        u64 *e = pt_entry(t->page[n].va, true);
        if (e == NULL) {
            /* The mapping gets pages of its own, and none of these. */
            while (n-- > 0) {
                *pt_entry(t->page[n].va, false) = 0;
            }
            return false;
        }
        *e = t->page[n].entry;
    }
    return t != NULL;
}

/* Hands each page in the range that the mapping owns to t, or with NULL only counts them. */
static unsigned take_pages(struct kept_text *t, vaddr_t start, vaddr_t end)
{
    unsigned count = 0;
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        u64 *e = pt_entry(va, false);
        if (e == NULL) {
            va = pt_last_page(va);
            continue;
        }
        if (!(*e & PTE_OWNED)) {
            continue;
        }
        count++;
        if (t != NULL) {
            *e = (*e & ~PTE_OWNED) | PTE_REWRITTEN;
            t->page[t->count++] = (struct kept_page){va, *e};
        }
    }
    return count;
}

void sitetext_keep(const struct sitetext_place *p, vaddr_t text_end, vaddr_t slots_end)
{
    unsigned count = take_pages(NULL, p->text, text_end) + take_pages(NULL, p->slots, slots_end);
    struct kept_text *t =
        frames + count <= FRAMES_MOST ? kmalloc(sizeof(*t) + count * sizeof(t->page[0])) : NULL;
    if (t == NULL) {
        return;
    }
    t->place = *p;
    t->count = 0;
    take_pages(t, p->text, text_end);
    take_pages(t, p->slots, slots_end);
    frames += count;
    LIST_INSERT_HEAD(&texts, t, link);
}
