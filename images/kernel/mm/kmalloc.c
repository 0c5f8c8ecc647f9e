// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel heap: size classes cut from single frames, each with a small header
 * at its start; larger requests get frames of their own with the same header.
 */
#include "mm/mm.h"

#define SLAB_MAGIC  0x51ab51abu
#define LARGE_CLASS 0xffu

struct slab {
    u32 magic;
    u16 used;
    u16 class;
    u64 pages; /* of a large allocation */
    void *free;
    LIST_ENTRY(slab) link; /* slabs of the class with room */
};

/* 160 is for inodes, of which there is one for each file of the image. */
static const u16 class_size[] = {16,  32,  48,  64,  96,   128,  160, 192,
                                 256, 384, 512, 800, 1008, 1344, 2016};
#define CLASSES ARRAY_SIZE(class_size)
#define HEADER  64u
_Static_assert(sizeof(struct slab) <= HEADER, "header fits");

static LIST_HEAD(, slab) partial[CLASSES];

static struct slab *slab_of(void *p)
{
    struct slab *s = (struct slab *)PAGE_DOWN(p);
    KASSERT(s->magic == SLAB_MAGIC);
    return s;
}

static unsigned class_for(size_t size)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        if (size <= class_size[c]) {
            return c;
        }
    }
    return LARGE_CLASS;
}

/* What an allocation takes, without the header. */
static size_t slab_room(const struct slab *s)
{
    return s->class == LARGE_CLASS ? s->pages * PAGE_SIZE - HEADER : class_size[s->class];
}

static struct slab *slab_new(unsigned c)
{
    paddr_t pa = pmm_alloc(1, 0);
    if (!pa) {
        return NULL;
    }
    kernel_counts.heap_frames++;
    struct slab *s = phys_ptr(pa);
    *s = (struct slab){.magic = SLAB_MAGIC, .class = (u16)c};
    char *base = (char *)s;
    for (u64 at = PAGE_SIZE; at >= HEADER + class_size[c];) {
        at -= class_size[c];
        *(void **)(void *)(base + at) = s->free;
        s->free = base + at;
    }
    LIST_INSERT_HEAD(&partial[c], s, link);
    return s;
}

static void *alloc_large(size_t size)
{
    u64 pages = PAGE_UP(size + HEADER) / PAGE_SIZE;
    if (size + HEADER < size) {
        return NULL;
    }
    paddr_t pa = pmm_alloc(pages, 0);
    if (!pa) {
        return NULL;
    }
    struct slab *s = phys_ptr(pa);
    *s = (struct slab){.magic = SLAB_MAGIC, .class = LARGE_CLASS, .pages = pages};
    kernel_counts.heap += slab_room(s);
    kernel_counts.heap_frames += pages;
    return (char *)s + HEADER;
}

void *kmalloc(size_t size)
{
    unsigned c = class_for(size);
    if (c == LARGE_CLASS) {
        return alloc_large(size);
    }
    struct slab *s = LIST_FIRST(&partial[c]);
    if (s == NULL) {
        s = slab_new(c);
    }
    if (s == NULL) {
        return NULL;
    }
    void *p = s->free;
    KASSERT(p != NULL); /* every slab in the list has room */
    s->free = *(void **)p;
    s->used++;
    kernel_counts.heap += slab_room(s);
    if (s->free == NULL) {
        LIST_REMOVE(s, link);
    }
    return p;
}

void *kzalloc(size_t size)
{
    void *p = kmalloc(size);
    if (p != NULL) {
        memset(p, 0, size);
    }
    return p;
}

void kfree(void *p)
{
    if (p == NULL) {
        return;
    }
    struct slab *s = slab_of(p);
    kernel_counts.heap -= slab_room(s);
    if (s->class == LARGE_CLASS) {
        s->magic = 0;
        kernel_counts.heap_frames -= s->pages;
        pmm_free((paddr_t)s, s->pages);
        return;
    }
    KASSERT(s->used > 0 && p != s->free); /* else it was freed before */
    if (s->free == NULL) {
        LIST_INSERT_HEAD(&partial[s->class], s, link);
    }
    *(void **)p = s->free;
    s->free = p;
    if (--s->used == 0 && LIST_NEXT(LIST_FIRST(&partial[s->class]), link) != NULL) {
        LIST_REMOVE(s, link);
        s->magic = 0;
        kernel_counts.heap_frames--;
        pmm_free((paddr_t)s, 1);
    }
}

void *krealloc(void *p, size_t size)
{
    if (p == NULL) {
        return kmalloc(size);
    }
    struct slab *s = slab_of(p);
    size_t have = slab_room(s);
    if (size <= have) {
        return p;
    }
    void *n = kmalloc(size);
    if (n == NULL) {
        return NULL;
    }
    memcpy(n, p, have);
    kfree(p);
    return n;
}

char *kstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = kmalloc(n);
    return p != NULL ? memcpy(p, s, n) : NULL;
}
