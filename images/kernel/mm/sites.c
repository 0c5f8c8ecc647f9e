// SPDX-License-Identifier: Apache-2.0
/*
 * System calls without traps. When a private executable mapping of an indexed file is made, each
 * site in it (include/sites.h) becomes a jump to a slot of its own in a read-execute area nearby:
 *
 *               the instruction before the syscall
 *     restart:  lea restart(%rip), %rcx
 *               mov $syscall_entry_call, %r11d
 *               jmp *%r11
 *     resume:   the instructions after the syscall
 *               jmp back
 *
 * A slot is ordinary program code. Apart from the site's own instructions it changes only rcx and
 * r11, which a system call changes, too. It may be interrupted anywhere. The area is unmapped with
 * the last page of the text that it serves. A system call that cannot be rewritten stays as it is
 * and traps.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"
#include "sites.h"

static void (*sites_entry)(void);

#define SLOT       40u
#define RESTART    8u /* offsets in a slot; entry.S knows their distance */
#define RESUME     (RESTART + SITES_CALL_LEN)
#define MARGIN     (32ul << 20) /* after the text: the rest of the file is mapped there */
#define REACH      (1900ul << 20)
#define AREA_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | VMA_SITES)

_Static_assert(RESUME + SITES_POST + SITES_JUMP <= SLOT && RESTART >= SITES_PRE, "a slot");

/* The slots of one mapping. */
struct sites_area {
    LIST_ENTRY(sites_area) link;
    vaddr_t start, end;           /* of the slots */
    vaddr_t text_start, text_end; /* of the mapping */
    vaddr_t base;                 /* where offset 0 of the file would be */
    const struct sites_site *sites;
    unsigned count;
    bool shared; /* its pages are those of another program (sitetext.c) */
};

/* Gives the memory through which the page of text or slots at va is written: identity memory
 * itself, or the frame of a page in the window. */
typedef u8 *(*page_fn)(struct vma *v, vaddr_t va);

static u8 *ident_page(struct vma *v, vaddr_t va)
{
    (void)v;
    return phys_ptr(PAGE_DOWN(va));
}

static u8 *paged_page(struct vma *v, vaddr_t va)
{
    void *page;
    return mm_own_page(v, PAGE_DOWN(va), &page) ? NULL : page;
}

static bool write_at(struct vma *v, page_fn page, vaddr_t va, const u8 *bytes, size_t n)
{
    while (n) {
        size_t piece = MIN(n, PAGE_SIZE - (va & PAGE_MASK));
        u8 *to = page(v, va);
        if (to == NULL) {
            return false;
        }
        memcpy(to + (va & PAGE_MASK), bytes, piece);
        va += piece;
        bytes += piece;
        n -= piece;
    }
    return true;
}

static void put_jump(u8 *at, vaddr_t from, vaddr_t to)
{
    int32_t distance = (int32_t)(to - (from + SITES_JUMP));
    KASSERT(from + SITES_JUMP + (u64)(s64)distance == to);
    at[0] = 0xe9;
    memcpy(at + 1, &distance, sizeof(distance));
}

/* Bytes of a slot that are never executed are int3, which traps. */
static void make_slot(u8 slot[SLOT], vaddr_t at, const struct sites_site *s, vaddr_t site)
{
    static const u8 lea[] = {0x48, 0x8d, 0x0d, 0xf9, 0xff, 0xff, 0xff};
    static const u8 jmp[] = {0x41, 0xff, 0xe3};
    u32 entry = (u32)(u64)sites_entry;
    _Static_assert(sizeof(lea) + 2 + sizeof(entry) + sizeof(jmp) == SITES_CALL_LEN, "the call");
    unsigned post = s->len - s->pre - SITES_SYSCALL;
    memset(slot, 0xcc, SLOT);
    memcpy(slot + RESTART - s->pre, s->bytes, s->pre);
    u8 *p = slot + RESTART;
    memcpy(p, lea, sizeof(lea));
    p[7] = 0x41;
    p[8] = 0xbb;
    memcpy(p + 9, &entry, sizeof(entry));
    memcpy(p + 13, jmp, sizeof(jmp));
    memcpy(slot + RESUME, s->bytes + s->pre + SITES_SYSCALL, post);
    put_jump(slot + RESUME + post, at + RESUME + post, site + s->len);
}

static vaddr_t slot_of(const struct sites_area *a, unsigned n)
{
    return a->start + n * SLOT;
}

static bool write_slots(const struct sites_area *a, struct vma *v, page_fn page)
{
    u8 slot[SLOT];
    for (unsigned n = 0; n < a->count; n++) {
        make_slot(slot, slot_of(a, n), &a->sites[n], a->base + a->sites[n].offset);
        if (!write_at(v, page, slot_of(a, n), slot, SLOT)) {
            return false;
        }
    }
    return true;
}

/* Does the jump leave the system call itself as it is? A program that comes to it there makes the
 * call by a trap. */
static bool keeps_call(const struct sites_site *s)
{
    return s->pre >= SITES_JUMP;
}

static bool write_jumps(const struct sites_area *a, struct vma *v, page_fn page)
{
    u8 jump[SITES_MAX];
    for (unsigned n = 0; n < a->count; n++) {
        const struct sites_site *s = &a->sites[n];
        memset(jump, 0xcc, sizeof(jump));
        if (keeps_call(s)) {
            memcpy(jump + s->pre, s->bytes + s->pre, SITES_SYSCALL);
        }
        put_jump(jump, a->base + s->offset, slot_of(a, n) + RESTART - s->pre);
        /* A site is written as a whole or not at all, also when it lies in two pages. */
        vaddr_t at = a->base + s->offset;
        if (page(v, at) == NULL || page(v, at + s->len - 1) == NULL ||
            !write_at(v, page, at, jump, s->len)) {
            return false;
        }
    }
    return true;
}

/* Makes an area for those of the file's sites that lie in the mapping as a whole; NULL when none
 * does. */
static struct sites_area *area_new(const struct vma *text)
{
    unsigned count, first = 0;
    u64 from = text->file.pgoff * PAGE_SIZE, to = from + (text->end - text->start);
    const struct sites_site *s = text->file.ops->sites(text->file.inode, &count);
    if (s == NULL) {
        return NULL;
    }
    while (first < count && s[first].offset < from) {
        first++;
    }
    while (count > first && s[count - 1].offset + (u64)s[count - 1].len > to) {
        count--;
    }
    struct sites_area *a = count > first ? kzalloc(sizeof(*a)) : NULL;
    if (a != NULL) {
        *a = (struct sites_area){.text_start = text->start,
                                 .text_end = text->end,
                                 .base = text->start - from,
                                 .sites = s + first,
                                 .count = count - first};
    }
    return a;
}

static struct sitetext_place place_of(const struct sites_area *a)
{
    return (struct sitetext_place){.sites = a->sites,
                                   .count = a->count,
                                   .base = a->base,
                                   .text = a->text_start,
                                   .slots = a->start};
}

/* Enters the pages of text and slots that were made for another program. */
static bool enter_shared(const struct mm *mm, struct sites_area *a)
{
    struct sitetext_place place = place_of(a);
    a->shared = mm->root != pt_first() && sitetext_enter(&place);
    return a->shared;
}

/* Puts the slots into the window, after the text but within reach of a jump. */
static bool slots_paged(struct mm *mm, struct sites_area *a)
{
    u64 len = PAGE_UP((u64)a->count * SLOT);
    vaddr_t at = vma_gap_above(mm, PAGE_UP(a->text_end) + MARGIN, len + 2 * PAGE_SIZE);
    struct vma *v;
    if (!at || at + len - a->text_start > REACH) {
        return false;
    }
    a->start = at + PAGE_SIZE;
    a->end = a->start + len;
    v = vma_add(mm, a->start, a->end, PROT_READ | PROT_EXEC, AREA_FLAGS, VMA_PAGED, NULL);
    if (v != NULL && (enter_shared(mm, a) || write_slots(a, v, paged_page))) {
        return true;
    }
    if (v != NULL) {
        mm_unpopulate(v->start, v->end);
        vma_remove(mm, v);
    }
    return false;
}

/* Puts the slots into RAM. Below 2 GiB every address is within reach of a jump from every other. */
static bool slots_ident(struct mm *mm, struct sites_area *a)
{
    u64 len = PAGE_UP((u64)a->count * SLOT);
    paddr_t pa = pmm_alloc(len / PAGE_SIZE, PMM_ZERO);
    bool flush = false;
    if (!pa) {
        return false;
    }
    a->start = pa;
    a->end = pa + len;
    struct vma *v =
        a->end <= REACH && a->text_end <= REACH && write_slots(a, NULL, ident_page)
            ? vma_add(mm, a->start, a->end, PROT_READ | PROT_EXEC, AREA_FLAGS, VMA_IDENT, NULL)
            : NULL;
    if (v != NULL && !pt_protect_ident(a->start, a->end, v->prot, &flush)) {
        if (flush) {
            tlb_flush();
        }
        return true;
    }
    if (v != NULL) {
        /* Some pages may have their rights. They are the kernel's again only when all are back. */
        bool rewritten = false;
        (void)mm_unmap(mm, a->start, a->end, &rewritten);
        return false;
    }
    pmm_free(pa, len / PAGE_SIZE);
    return false;
}

void sites_init(void (*entry)(void))
{
    sites_entry = entry;
}

void sites_rewrite(struct mm *mm, struct vma *text)
{
    bool ident = text->kind == VMA_IDENT;
    struct sites_area *a;
    if (!(text->prot & PROT_EXEC) || !vma_has_file(text) ||
        (text->flags & MAP_TYPE) != MAP_PRIVATE) {
        return;
    }
    a = area_new(text);
    if (a == NULL) {
        return;
    }
    /* Text in RAM that is another frame's address (fixed.c) has its slots in RAM, too. */
    bool low = pmm_is_ram(text->start, text->end - text->start);
    if (!(low ? slots_ident(mm, a) : slots_paged(mm, a))) {
        kfree(a);
        return;
    }
    text->flags |= VMA_REWRITTEN;
    LIST_INSERT_HEAD(&mm->sites, a, link);
    /* When memory runs out on the way, the other sites stay as they are, and trap. */
    if (!a->shared && write_jumps(a, text, ident ? ident_page : paged_page) && !low &&
        mm->root != pt_first() && !(text->prot & PROT_WRITE)) {
        struct sitetext_place place = place_of(a);
        sitetext_keep(&place, a->text_end, a->end);
    }
}

static bool in_use(struct mm *mm, const struct sites_area *a)
{
    struct vma *v = vma_first_from(mm, a->text_start);
    for (; v != NULL && v->start < a->text_end; v = vma_next(v)) {
        if (v->flags & VMA_REWRITTEN) {
            return true;
        }
    }
    return false;
}

void sites_unmapped(struct mm *mm)
{
    struct sites_area *next;
    bool rewritten = false; /* asked for by mm_unmap(); slots never are */
    for (struct sites_area *a = LIST_FIRST(&mm->sites); a != NULL; a = next) {
        next = LIST_NEXT(a, link);
        if (in_use(mm, a)) {
            continue;
        }
        LIST_REMOVE(a, link);
        struct vma *v = vma_find(mm, a->start);
        if (v != NULL && v->flags & VMA_SITES) {
            mm_unmap(mm, a->start, a->end, &rewritten);
        }
        kfree(a);
    }
}

int sites_copy(const struct mm *from, struct mm *to)
{
    const struct sites_area *a;
    LIST_FOREACH (a, &from->sites, link) {
        struct sites_area *copy = kmalloc(sizeof(*copy));
        if (copy == NULL) {
            return -ENOMEM;
        }
        *copy = *a;
        LIST_INSERT_HEAD(&to->sites, copy, link);
    }
    return 0;
}

/* At another address the jumps would not lead to the slots, so the original bytes are put back. */
void sites_moved(struct mm *mm, vaddr_t from, vaddr_t to, u64 len)
{
    struct vma *v = vma_find(mm, to);
    struct sites_area *a;
    LIST_FOREACH (a, &mm->sites, link) {
        for (unsigned n = 0; n < a->count; n++) {
            vaddr_t at = a->base + a->sites[n].offset;
            if (at >= from && at < from + len) {
                write_at(v, v->kind == VMA_IDENT ? ident_page : paged_page, at - from + to,
                         a->sites[n].bytes, a->sites[n].len);
            }
        }
    }
}

static const struct sites_area *area_at(struct mm *mm, vaddr_t rip, unsigned *n)
{
    struct sites_area *a;
    LIST_FOREACH (a, &mm->sites, link) {
        if (rip >= a->start && rip < a->start + (u64)a->count * SLOT) {
            *n = (unsigned)((rip - a->start) / SLOT);
            return a;
        }
    }
    return NULL;
}

/* Does the site's first instruction load this number? Of those that have room for a jump, two do;
 * their last four bytes are the constant. A shorter one is a xor, which loads 0. */
static bool loads(const struct sites_site *s, u64 nr)
{
    static const u8 mov_rax[] = {0x48, 0xc7, 0xc0};
    u32 constant;
    if (!keeps_call(s)) {
        return s->pre && nr == 0;
    }
    if (s->bytes[0] != 0xb8 && memcmp(s->bytes, mov_rax, sizeof(mov_rax)) != 0) {
        return false;
    }
    memcpy(&constant, s->bytes + s->pre - sizeof(constant), sizeof(constant));
    return constant == nr;
}

vaddr_t sites_restart(struct mm *mm, vaddr_t rip, u64 nr)
{
    unsigned n;
    const struct sites_area *a = area_at(mm, rip, &n);
    if (a == NULL || rip != slot_of(a, n) + RESUME) {
        return rip - SITES_SYSCALL;
    }
    const struct sites_site *s = &a->sites[n];
    if (loads(s, nr)) {
        return a->base + s->offset;
    }
    return keeps_call(s) ? a->base + s->offset + s->pre : slot_of(a, n) + RESTART;
}

vaddr_t sites_shown(struct mm *mm, vaddr_t rip)
{
    unsigned n;
    const struct sites_area *a = area_at(mm, rip, &n);
    if (a == NULL) {
        return rip;
    }
    const struct sites_site *s = &a->sites[n];
    /* Up to the call itself a slot has changed nothing but rcx and r11. */
    if (keeps_call(s) && rip >= slot_of(a, n) + RESTART && rip < slot_of(a, n) + RESUME) {
        return a->base + s->offset + s->pre;
    }
    if (rip != slot_of(a, n) + RESUME) {
        return rip;
    }
    return s->len == s->pre + SITES_SYSCALL ? a->base + s->offset + s->len : rip;
}
