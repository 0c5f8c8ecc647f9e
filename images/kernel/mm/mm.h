// SPDX-License-Identifier: Apache-2.0
/*
 * Private to mm/ (and sys/trap.c, fs/mapfile.c, fs/rundev.c, exec/exec.c, sys/sys_mm.c): the
 * mappings of a process and the page tables under them.
 *
 * RAM is identity-mapped, read-write, no-execute. Two kinds of mapping:
 *   VMA_IDENT  anonymous memory (or copied file data) in RAM frames at their own address: costs no
 *              page-table write and no fault as long as it is read-write
 *   VMA_PAGED  anything else: pages are entered into the tables one by one, when touched or in
 * advance. Lives in the window, or where MAP_FIXED says, but never in RAM
 *
 * The program's address space:
 *   RAM            [2 MiB, ram_size)   identity
 *   initrd         HV_INITRD_GPA...    the CPIO, identity, read-only, kernel only
 *   window         [WINDOW_START, WINDOW_END)
 * What is unmapped in RAM is freed but stays accessible to the program (the tables are not touched
 * on that hot path); system calls and the page-fault path know it as unmapped.
 */
#ifndef MM_H
#define MM_H

#include "kernel.h"
#include <bsd/sys/tree.h>

#define LARGE_PAGE   0x200000ul
#define LARGE_MIN    (64ul << 20) /* mappings in the window from here on may have large pages */
#define WINDOW_START 0x100000000000ul
#define WINDOW_END   0x7ffffffff000ul
#define USER_MIN     LARGE_PAGE /* no mapping below */

#define PTE_P     1ull
#define PTE_W     2ull
#define PTE_U     4ull
#define PTE_A     0x20ull
#define PTE_D     0x40ull
#define PTE_LARGE 0x80ull
#define PTE_OWNED 0x200ull /* software: the frame belongs to the mapping */
#define PTE_NX    (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Rights that identity memory has by itself: to read, as any right implies, and to write. */
static inline bool prot_plain(int prot)
{
    return (prot & (PROT_WRITE | PROT_EXEC)) == PROT_WRITE;
}

enum vma_kind { VMA_IDENT, VMA_PAGED };

/* Private bits of vma->flags, beside the MAP_ ones. */
#define VMA_REWRITTEN 0x1000000 /* text with rewritten system calls */
#define VMA_SITES     0x2000000 /* the slots that they jump to */

/* What a mapping needs of a file that it shows. mm/ calls no function of fs/ by name: fs/mapfile.c
 * has the operations, and comes with them when it maps a file. */
struct sites_site;
struct vma_ops {
    /* Each mapping holds a reference to the inode. */
    void (*ref)(struct inode *i);
    void (*put)(struct inode *i);
    /* The frame of page index pgoff. for_write false: it is only read, and may be the CPIO's own,
     * which is never freed, or the inode's. for_write true (MAP_SHARED): a writable frame of the
     * inode's. Behind the end of file the last page reads as zeros. -ENXIO for a page beyond it
     * (SIGBUS), -ENOMEM. */
    int (*page)(struct inode *i, u64 pgoff, bool for_write, paddr_t *out);
    /* Copies bytes to kernel memory; how many there were, or -errno. */
    ssize_t (*read)(struct inode *i, void *buf, size_t n, u64 off);
    /* For /proc/self/maps. path: "" when it has none; returns the length. */
    size_t (*path)(const struct inode *i, char *buf, size_t size);
    u64 (*number)(const struct inode *i);
    /* The indexed system call sites of the file, by offset; NULL when it has none. */
    const struct sites_site *(*sites)(struct inode *i, unsigned *count);
};

/* A file from a page on. */
struct vma_file {
    const struct vma_ops *ops; /* NULL: no file */
    struct inode *inode;
    u64 pgoff;
};

struct vma {
    RB_ENTRY(vma) link;
    vaddr_t start, end;
    int prot;
    int flags; /* MAP_SHARED, MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE, ... as mapped */
    enum vma_kind kind;
    struct vma_file file; /* what start shows. VMA_IDENT has a copy of it */
};

static inline bool vma_has_file(const struct vma *v)
{
    return v->file.ops != NULL;
}

/* The frame of the file that va shows, as vma_ops.page has it. */
static inline int vma_file_page(const struct vma *v, vaddr_t va, bool for_write, paddr_t *out)
{
    u64 pgoff = v->file.pgoff + (va - v->start) / PAGE_SIZE;
    return v->file.ops->page(v->file.inode, pgoff, for_write, out);
}
RB_HEAD(vma_tree, vma);
RB_PROTOTYPE(vma_tree, vma, link, vma_compare)

struct mm {
    struct vma_tree tree;
    struct vma *last; /* found last */
    u64 mapped_pages;
    vaddr_t window_next;           /* where the search for a free window range starts */
    LIST_HEAD(, sites_area) sites; /* mm/sites.c */
    vaddr_t library, library_text; /* mm/text.c: a large page to be, and where it is used from */
    /* The brk area: its frames stay claimed, mapped or not, as long as the program lives. */
    vaddr_t brk_start, brk_end, brk_limit;
};

/* pmm.c */
void pmm_init(const struct hv_shared *s);
paddr_t pmm_alloc_large(void);         /* 2 MiB of zeroes, aligned, far from small frames; or 0 */
bool pmm_claim(paddr_t pa, u64 pages); /* takes exactly these frames; false when one is not free */
void pmm_zero_range(paddr_t pa, u64 pages); /* zeroes those claimed frames not known to be zero */
void pmm_mark_dirty(paddr_t pa, u64 pages);
void pmm_scrub(void); /* zeroes all free frames that are not known to be zero */
bool pmm_is_ram(paddr_t pa, u64 len);
/* The region kept back for non-PIE programs, used for nothing else while there is other memory. */
#define PMM_LOW_START 0x400000ul
#define PMM_LOW_END   0x4400000ul

/* pt.c: page tables. pt_entry: the 4 KiB entry for va, splitting a large page; NULL when the tables
 * are missing and !create or there is no memory. */
void pt_init(const struct hv_shared *s);
u64 *pt_entry(vaddr_t va, bool create);
u64 pt_prot_bits(int prot);
/* The last page of the 2 MiB that va lies in. What has no table there is passed over as a whole: a
 * loop by the page goes on from here. */
static inline vaddr_t pt_last_page(vaddr_t va)
{
    return (va | (LARGE_PAGE - 1)) - PAGE_MASK;
}
/* Sets permissions of present or identity pages; need_flush is set when rights were taken away. */
int pt_protect_ident(vaddr_t start, vaddr_t end, int prot, bool *need_flush);
bool pt_is_large(vaddr_t va);
/* Program text that fills 2 MiB together with constants becomes one page, constants executable. */
void pt_join_text(void);
/* The same at va, which has no pages, from frames that belong to the mapping. */
void pt_set_large(vaddr_t va, paddr_t pa);
/* Large pages of anonymous memory in the window. pt_enter_large: the frames at va, where there is
 * no table yet; false without memory for tables. The others act on one that lies in [va, end) as a
 * whole: new rights, but not none; out of the table, its frames returned to be freed. */
bool pt_enter_large(vaddr_t va, paddr_t pa, int prot);
bool pt_protect_large(vaddr_t va, vaddr_t end, int prot);
paddr_t pt_take_large(vaddr_t va, vaddr_t end);

/* text.c. Where a library goes whose text is to be a large page; 0 for any other file. */
vaddr_t text_place(struct mm *mm, u64 len, int flags, const struct vma_file *file);
void text_settle(struct mm *mm); /* before the snapshot */

/* vma.c */
struct vma *vma_find(struct mm *mm, vaddr_t addr);       /* the one that contains addr, or NULL */
struct vma *vma_first_from(struct mm *mm, vaddr_t addr); /* the lowest with end > addr */
struct vma *vma_next(struct vma *v);
int vma_split(struct mm *mm, vaddr_t at); /* makes at a boundary */
/* file: NULL for anonymous memory; copied, with a reference of its own. */
struct vma *vma_add(struct mm *mm, vaddr_t start, vaddr_t end, int prot, int flags,
                    enum vma_kind kind, const struct vma_file *file);
void vma_remove(struct mm *mm, struct vma *v);
void vma_merge(struct mm *mm, vaddr_t start, vaddr_t end);
bool vma_gap_free(struct mm *mm, vaddr_t at, u64 len); /* in the window */
vaddr_t vma_find_gap(struct mm *mm, u64 len, vaddr_t hint);
vaddr_t vma_gap_above(struct mm *mm, vaddr_t at, u64 len); /* the first at or above; 0 for none */

/* unmap.c: what is mapped in [start, end) goes. *rewritten becomes true when text with rewritten
 * system calls was among it. 0 or -ENOMEM: then one mapping, and all after it, are still there. */
int mm_unmap(struct mm *mm, vaddr_t start, vaddr_t end, bool *rewritten);

/* mmap.c */
/* mmap(2). file: NULL for anonymous memory, else what it shows; fs/mapfile.c has it for inodes and
 * open files. */
long mm_map(struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, const struct vma_file *file);
/* Maps kernel frames [pa, pa + len) read-only (or read-execute) at va in the window. */
int mm_map_frames(struct mm *mm, vaddr_t va, paddr_t pa, u64 len, int prot);
/* remap.c */
long mm_mremap(struct mm *mm, vaddr_t addr, u64 old_len, u64 new_len, int flags, vaddr_t fixed);
long mm_madvise(struct mm *mm, vaddr_t addr, u64 len, int advice);
/* brk area: claims address space and frames at exec; brk moves in it. */
long mm_brk(struct mm *mm, vaddr_t brk);
int mm_brk_reserve(struct mm *mm, vaddr_t after);
void mm_brk_release(struct mm *mm);

/* fault.c */
enum mm_fault_result {
    MM_FAULT_OK,
    MM_FAULT_MAPERR,
    MM_FAULT_ACCERR,
    MM_FAULT_BUS,
    MM_FAULT_OOM,
};
enum mm_fault_result mm_handle_fault(struct mm *mm, vaddr_t addr, u64 error);
/* Enters the pages of [start, end) of v into the tables without waiting for faults. */
int mm_populate(struct vma *v, vaddr_t start, vaddr_t end);
/* The page's own frame, made for a page not entered before. */
int mm_own_page(const struct vma *v, vaddr_t va, void **frame);
/* Takes pages out of the tables, freeing those the mapping owns; true when one was present. */
bool mm_unpopulate(vaddr_t start, vaddr_t end);

/* sites.c: system calls of mapped text become jumps, to slots that jump on to `entry`. */
void sites_init(void (*entry)(void));
void sites_rewrite(struct mm *mm,
                   struct vma *text); /* new text: paged, not entered; or ident, filled, writable */
void sites_unmapped(struct mm *mm);   /* some rewritten text has gone */
/* Makes the copy of rewritten text, still writable where it is identity memory, what it was in the
 * file. */
void sites_moved(struct mm *mm, vaddr_t from, vaddr_t to, u64 len);

/* stackpool.c */
void stackpool_init(void);
vaddr_t stackpool_take(u64 len); /* a PROT_NONE stack reservation of len in identity memory, or 0 */
bool stackpool_release(
    void); /* memory is short: gives back what is left; false when there is nothing */

#endif
