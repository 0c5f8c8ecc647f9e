// SPDX-License-Identifier: Apache-2.0
/*
 * mm/vma.c, the tree of mappings, against one entry a page. Mappings are made, split, changed and
 * removed here as mm/mmap.c does it, in two areas: one of RAM, one at the window's start.
 */
#include "host.h"
#include "mm/mm.h"
#include "process.h"

#define PAGES    400u /* of an area */
#define RAM_AREA (64ul << 20)
#define SIZE     (PAGES * PAGE_SIZE)
#define FILES    3u

/* What a page of a mapping is; all zero where there is none. file is 0 or 1 + its number. */
struct page {
    bool mapped;
    int prot, flags;
    u32 file;
    u64 pgoff;
};

static const vaddr_t areas[2] = {RAM_AREA, WINDOW_START};
static struct page model[2][PAGES];
static struct mm *mm;
static u64 file_refs[FILES]; /* mappings that hold a reference */

/* The numbers of files stand for inodes, which nobody looks into. */
static void file_ref_counted(struct inode *i)
{
    file_refs[(u64)i - 1]++;
}

static void file_put_counted(struct inode *i)
{
    file_refs[(u64)i - 1]--;
}

static const struct vma_ops file_ops = {.ref = file_ref_counted, .put = file_put_counted};

static struct page page_of(const struct vma *v, vaddr_t at)
{
    bool file = v->file.ops != NULL;

    return (struct page){
        .mapped = true,
        .prot = v->prot,
        .flags = v->flags,
        .file = file ? (u32)(u64)v->file.inode : 0,
        .pgoff = file ? v->file.pgoff + (at - v->start) / PAGE_SIZE : 0,
    };
}

static bool alike(const struct page *a, const struct page *b)
{
    return a->mapped == b->mapped && a->prot == b->prot && a->flags == b->flags &&
           a->file == b->file && a->pgoff == b->pgoff;
}

static struct page *model_at(vaddr_t at)
{
    unsigned area = at >= WINDOW_START;

    return &model[area][(at - areas[area]) / PAGE_SIZE];
}

static vaddr_t any_place(void)
{
    return areas[below(2)] + below(PAGES) * PAGE_SIZE;
}

/* The end of a range that begins there and stays in its area. */
static vaddr_t any_end(vaddr_t start)
{
    vaddr_t limit = (start >= WINDOW_START ? WINDOW_START : RAM_AREA) + SIZE;
    u64 pages = 1 + below(below(4) == 0 ? 100 : 12);

    return MIN(limit, start + pages * PAGE_SIZE);
}

static bool model_free(vaddr_t start, vaddr_t end)
{
    for (vaddr_t at = start; at < end; at += PAGE_SIZE) {
        if (model_at(at)->mapped) {
            return false;
        }
    }
    return true;
}

/* All of the tree is in the model and the other way round; the mappings are in order; each file has
 * a reference for every mapping. */
static void check_same(void)
{
    u64 pages = 0, refs[FILES] = {0};
    vaddr_t last_end = 0;
    struct page none = {0};

    for (struct vma *v = vma_first_from(mm, 0); v != NULL; v = vma_next(v)) {
        CHECK(v->start >= last_end && v->end > v->start);
        last_end = v->end;
        pages += (v->end - v->start) / PAGE_SIZE;
        for (vaddr_t at = v->start; at < v->end; at += PAGE_SIZE) {
            struct page p = page_of(v, at);
            CHECK(alike(&p, model_at(at)));
        }
        if (v->file.ops != NULL) {
            refs[(u64)v->file.inode - 1]++;
        }
    }
    CHECK(mm->mapped_pages == pages);
    for (unsigned a = 0; a < 2; a++) {
        for (unsigned k = 0; k < PAGES; k++) {
            pages -= !alike(&model[a][k], &none);
        }
    }
    CHECK(pages == 0);
    CHECK(memcmp(refs, file_refs, sizeof(refs)) == 0);
}

/* Two neighbours without a file that are alike are one mapping after vma_merge() over them. */
static void check_merged(vaddr_t start, vaddr_t end)
{
    for (struct vma *v = vma_first_from(mm, start - 1); v != NULL && v->start <= end;
         v = vma_next(v)) {
        struct vma *next = vma_next(v);
        if (next != NULL && next->start == v->end && v->file.ops == NULL) {
            struct page a = page_of(v, v->start), b = page_of(next, next->start);
            CHECK(v->kind != next->kind || !alike(&a, &b));
        }
    }
}

static void map(void)
{
    vaddr_t start = any_place(), end = any_end(start);
    u32 file = below(3) == 0 ? 1 + (u32)below(FILES) : 0;
    struct page p = {true, (int)below(3), MAP_PRIVATE | (below(4) == 0 ? MAP_NORESERVE : 0), file,
                     file > 0 ? below(1000) : 0};
    struct vma_file shown = {&file_ops, (struct inode *)(u64)file, p.pgoff};
    enum vma_kind kind = start >= WINDOW_START ? VMA_PAGED : VMA_IDENT;

    if (!model_free(start, end)) {
        return;
    }
    CHECK(vma_add(mm, start, end, p.prot, p.flags, kind, file > 0 ? &shown : NULL) != NULL);
    for (vaddr_t at = start; at < end; at += PAGE_SIZE) {
        *model_at(at) = p;
        p.pgoff += file > 0;
    }
    if (file == 0) {
        vma_merge(mm, start, end);
        check_merged(start, end);
    }
}

static void unmap(vaddr_t start, vaddr_t end)
{
    CHECK(vma_split(mm, start) == 0 && vma_split(mm, end) == 0);
    for (struct vma *v = vma_first_from(mm, start), *next; v != NULL && v->start < end; v = next) {
        next = vma_next(v);
        CHECK(v->start >= start && v->end <= end);
        vma_remove(mm, v);
    }
    for (vaddr_t at = start; at < end; at += PAGE_SIZE) {
        *model_at(at) = (struct page){0};
    }
}

static void protect(vaddr_t start, vaddr_t end)
{
    int prot = (int)below(3);

    CHECK(vma_split(mm, start) == 0 && vma_split(mm, end) == 0);
    for (struct vma *v = vma_first_from(mm, start); v != NULL && v->start < end; v = vma_next(v)) {
        v->prot = prot;
    }
    vma_merge(mm, start, end);
    check_merged(start, end);
    for (vaddr_t at = start; at < end; at += PAGE_SIZE) {
        if (model_at(at)->mapped) {
            model_at(at)->prot = prot;
        }
    }
}

/* What contains an address, and what comes next. */
static void find(void)
{
    vaddr_t at = any_place() + (below(2) == 0 ? 0 : below(PAGE_SIZE)),
            limit = at >= WINDOW_START ? WINDOW_START : RAM_AREA;
    struct vma *v = vma_find(mm, at), *from = vma_first_from(mm, at);

    CHECK((v != NULL) == model_at(at)->mapped);
    CHECK(v == NULL || (at >= v->start && at < v->end && v == from));
    limit += SIZE;
    while (at < limit && !model_at(at)->mapped) {
        at += PAGE_SIZE;
    }
    if (at < limit) {
        CHECK(from != NULL && at >= from->start && at < from->end);
    } else {
        CHECK(from == NULL || from->start >= limit);
    }
}

/* Gaps: the window's pages after the model's are all free. */
static void gaps(void)
{
    vaddr_t at = WINDOW_START + below(PAGES) * PAGE_SIZE, first = at;
    u64 pages = 1 + below(20), run = 0;
    u64 len = pages * PAGE_SIZE;
    bool is_free = model_free(at, MIN(at + len, WINDOW_START + SIZE));

    CHECK(vma_gap_free(mm, at, len) == is_free);
    for (vaddr_t end = at; run < pages; end += PAGE_SIZE) {
        run = end < WINDOW_START + SIZE && model_at(end)->mapped ? 0 : run + 1;
        first = end + PAGE_SIZE - run * PAGE_SIZE;
    }
    CHECK(vma_gap_above(mm, at, len) == first);
    CHECK(!is_free || vma_find_gap(mm, len, at + below(PAGE_SIZE)) == at);
    at = vma_find_gap(mm, len, is_free ? 0 : at);
    CHECK(at >= WINDOW_START && model_free(at, MIN(at + len + PAGE_SIZE, WINDOW_START + SIZE)));
}

/* Without memory a split changes nothing. */
static void split_fails(void)
{
    vaddr_t at = any_place();
    struct vma *v = vma_find(mm, at);

    heap_left = 0;
    CHECK(vma_split(mm, at) == (v == NULL || v->start == at ? 0 : -ENOMEM));
    CHECK(vma_add(mm, 2 * WINDOW_START, 3 * WINDOW_START, 0, 0, VMA_PAGED, NULL) == NULL);
    heap_left = NO_LIMIT;
    check_same();
}

static void step(void)
{
    vaddr_t start = any_place();

    switch (below(12)) {
    case 0:
    case 1:
        unmap(start, any_end(start));
        break;
    case 2:
    case 3:
        protect(start, any_end(start));
        break;
    case 4:
        gaps();
        break;
    case 5:
        split_fails();
        break;
    case 6:
    case 7:
        find();
        break;
    default:
        map();
    }
}

static void begin(void)
{
    mm = kzalloc(sizeof(*mm)); /* mm_create() makes page tables, too */
    CHECK(mm != NULL);
    RB_INIT(&mm->tree);
    LIST_INIT(&mm->sites);
    mm->window_next = WINDOW_START;
    memset(model, 0, sizeof(model));
}

static void end(void)
{
    unmap(RAM_AREA, RAM_AREA + SIZE);
    unmap(WINDOW_START, WINDOW_START + SIZE);
    check_same();
    CHECK(vma_first_from(mm, 0) == NULL && heap_used == 1);
    kfree(mm);
}

static void sequence(void)
{
    begin();
    for (unsigned n = 0; n < 800 && unit_failures == 0; n++) {
        step();
        if (n % 8 == 0) {
            check_same();
        }
    }
    end();
}

static void random_steps(void)
{
    each_seed(30, sequence);
}

/* The place that was given up is found again; a range that is too large for it goes after it. */
static void reused_gap(void)
{
    begin();
    for (unsigned n = 0; n < 4; n++) {
        vaddr_t at = vma_find_gap(mm, 3 * PAGE_SIZE, 0);
        CHECK(at < WINDOW_START + SIZE);
        vma_add(mm, at, at + 3 * PAGE_SIZE, 0, (int)n, VMA_PAGED, NULL);
    }
    vaddr_t freed = vma_next(vma_first_from(mm, 0))->start;
    unmap(freed, freed + 3 * PAGE_SIZE);
    CHECK(vma_find_gap(mm, PAGE_SIZE, 0) == freed);
    CHECK(vma_find_gap(mm, 3 * PAGE_SIZE, 0) > freed);
    end();
}

static void window_end(void)
{
    begin();
    CHECK(vma_find_gap(mm, WINDOW_END - WINDOW_START - PAGE_SIZE, 0) == WINDOW_START);
    CHECK(vma_find_gap(mm, WINDOW_END - WINDOW_START, 0) == 0);
    CHECK(vma_find_gap(mm, WINDOW_END, WINDOW_START) == 0);
    CHECK(vma_gap_free(mm, WINDOW_END - PAGE_SIZE, PAGE_SIZE));
    CHECK(!vma_gap_free(mm, WINDOW_END - PAGE_SIZE, 2 * PAGE_SIZE));
    CHECK(!vma_gap_free(mm, WINDOW_END + PAGE_SIZE, 0) && !vma_gap_free(mm, RAM_AREA, PAGE_SIZE));
    CHECK(!vma_gap_free(mm, WINDOW_START, UINT64_MAX - WINDOW_START + 1));
    CHECK(vma_gap_above(mm, WINDOW_END - PAGE_SIZE, PAGE_SIZE) == WINDOW_END - PAGE_SIZE);
    CHECK(vma_gap_above(mm, WINDOW_END - PAGE_SIZE, 2 * PAGE_SIZE) == 0);
    end();
}

static void add_again(void *arg)
{
    vma_add(arg, RAM_AREA, RAM_AREA + 2 * PAGE_SIZE, 0, 0, VMA_IDENT, NULL);
}

/* In a process of its own: the mapping that is refused is lost in the panic. */
static unsigned twice_once(void)
{
    begin();
    add_again(mm);
    CHECK(panics(add_again, mm));
    return unit_failures;
}

static void twice(void)
{
    CHECK(in_process(twice_once));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"vma a gap used again", reused_gap},
        {"vma the window's end", window_end},
        {"vma random steps", random_steps},
        {"vma the same start twice", twice},
        {0},
    };

    return unit_run(tests);
}
