// SPDX-License-Identifier: Apache-2.0
/*
 * Private to mm/ (and sys/trap.c, fs/mapfile.c, fs/rundev.c, exec/exec.c, sys/sys_mm.c): the
 * mappings of a process and the page tables under them.
 *
 * RAM is identity-mapped (virtual address == physical address), read-write, no-execute. There are
 * two kinds of mapping:
 *   VMA_IDENT  anonymous memory (or copied file data) in RAM frames at their own address; it costs
 *              no page-table write and no fault as long as it is read-write
 *   VMA_PAGED  anything else; pages are entered into the tables one by one, when touched or in
 *              advance. It lies in the window, or where MAP_FIXED says. It lies in RAM only when
 * the frames of those addresses are in use by another address space
 *
 * The program's address space:
 *   RAM            [2 MiB, ram_size)   identity
 *   initrd         HV_INITRD_GPA...    the CPIO, identity, read-only, kernel only
 *   window         [WINDOW_START, WINDOW_END)   page by page
 *
 * Memory that is unmapped from RAM is freed but stays accessible to the program, because that hot
 * path does not touch the tables. System calls and the page-fault path treat it as unmapped.
 *
 * Every address space maps all of RAM at its own address, so that the kernel reaches its own frames
 * and those of the current process there, whichever is loaded. That holds by two rules:
 *   - A frame whose address lies in a mapping of any address space is neither free nor the
 * kernel's. An address space that has another frame there (VMA_PAGED in RAM) is one more holder of
 * the frame of that address (pmm_share()).
 *   - A frame that is free or the kernel's is read-write at its own address in every tree of
 * tables. So the kernel does not touch another process's frames, except with that one's tables
 * loaded.
 */
#ifndef MM_H
#define MM_H

#include "kernel.h"
#include <bsd/sys/tree.h>

#define LARGE_PAGE   0x200000ul
#define LARGE_MIN    (64ul << 20) /* smaller mappings in the window have no large pages */
#define WINDOW_START 0x100000000000ul
#define WINDOW_END   0x7ffffffff000ul
#define USER_MIN     LARGE_PAGE  /* no mapping below */
#define LOW_END      (1ul << 39) /* below it trees of tables share what they can (root.c) */

#define PTE_P         1ull
#define PTE_W         2ull
#define PTE_U         4ull
#define PTE_A         0x20ull
#define PTE_D         0x40ull
#define PTE_LARGE     0x80ull
#define PTE_OWNED     0x200ull /* software: the frame belongs to the mapping */
#define PTE_REWRITTEN 0x400ull /* software: the frame belongs to sitetext.c */
#define PTE_NX        (1ull << 63)
#define PTE_ADDR      0x000ffffffffff000ull

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Are these the rights that identity memory has anyway? They are write, which implies read. */
static inline bool prot_plain(int prot)
{
    return (prot & (PROT_WRITE | PROT_EXEC)) == PROT_WRITE;
}

enum vma_kind { VMA_IDENT, VMA_PAGED };

/* Private bits of vma->flags, beside the MAP_ ones. */
#define VMA_REWRITTEN 0x1000000 /* text with rewritten system calls */
#define VMA_SITES     0x2000000 /* the slots that they jump to */
#define VMA_NOWRITE   0x8000000 /* never writable: of a file that this mapping may not write */

/* The operations on the file that a mapping shows. mm/ calls no function of fs/ by name:
 * fs/mapfile.c has these operations, and hands them over when it maps a file. */
struct sites_site;
struct vma_ops {
    /* Each mapping holds a reference to the inode. */
    void (*ref)(struct inode *i);
    void (*put)(struct inode *i);
    /* Gives the frame of the file's page pgoff. With for_write false the frame is only read, and
     * may be the CPIO's own, which is never freed, or the inode's. With for_write true
     * (MAP_SHARED) it is the inode's, and may be written. The last page reads as zeroes after
     * the end of file. -ENXIO (SIGBUS) for a page beyond that one, or -ENOMEM. */
    int (*page)(struct inode *i, u64 pgoff, bool for_write, paddr_t *out);
    /* Copies bytes to kernel memory. Returns how many there were, or -errno. */
    ssize_t (*read)(struct inode *i, void *buf, size_t n, u64 off);
    /* For /proc/self/maps. path: "" when it has none; returns the length. */
    size_t (*path)(const struct inode *i, char *buf, size_t size);
    u64 (*number)(const struct inode *i);
    /* The system call sites of the file that are in the index, sorted by offset; NULL for none. */
    const struct sites_site *(*sites)(struct inode *i, unsigned *count);
};

/* A file, from its page pgoff on. */
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
    struct vma_file file; /* what `start` shows; of VMA_IDENT, a copy */
};

static inline bool vma_has_file(const struct vma *v)
{
    return v->file.ops != NULL;
}

/* The frame of the file's page that va shows: see vma_ops.page. */
static inline int vma_file_page(const struct vma *v, vaddr_t va, bool for_write, paddr_t *out)
{
    u64 pgoff = v->file.pgoff + (va - v->start) / PAGE_SIZE;
    return v->file.ops->page(v->file.inode, pgoff, for_write, out);
}
RB_HEAD(vma_tree, vma);
RB_PROTOTYPE(vma_tree, vma, link, vma_compare)

struct mm {
    struct vma_tree tree;
    struct vma *last; /* the mapping that vma_find() found last */
    u64 mapped_pages;
    vaddr_t window_next;           /* where the search for a free window range starts */
    LIST_HEAD(, sites_area) sites; /* mm/sites.c */
    vaddr_t library, library_text; /* mm/text.c: a large page to come, and the start of its text */
    /* The brk area: its frames stay allocated, mapped or not, as long as the program lives. */
    vaddr_t brk_start, brk_end, brk_limit;
    bool copied; /* by fork: the brk area has no frames, and the guard page is another's */
    bool lent;   /* forks share frames of its identity memory, which are read-only meanwhile */
    vaddr_t stack_top;
    paddr_t guard;       /* the page below the first stack, which nobody can access; 0: no stack */
    u64 *root;           /* the tree of page tables */
    const void *program; /* names the program for leaf.c */
    unsigned refs;       /* processes that use it */
    LIST_ENTRY(mm) link;
};

/* space.c: all address spaces. The loaded one is what the CPU sees and system calls access. */
LIST_HEAD(mm_list, mm);
extern struct mm_list mm_spaces;
/* Lets pt.c work on the tables of mm while another is loaded. mm_activate() ends that. */
void mm_select(struct mm *mm);
void mm_leave(void); /* loads the first tree, in which no process has mappings */

/* root.c: trees of page tables beside the first. root_large, root_entry: mm's entry for the 2 MiB,
 * or the page, in which va lies, in a table of mm's own, or NULL. The rest of a new such table
 * shows what the first tree does. root_carve: makes [start, end) of mm's selected tree, where it
 * shows what the first does, its own and empty. root_mend: shows RAM there at its own address
 * again, after pt_split_ends(). */
u64 *root_new(void);
/* root_is_kept: a tree that is not needed any more is kept for another address space, if nothing is
 * entered in its window. root_free: gives it up; it is not loaded. */
bool root_is_kept(const u64 *root);
void root_free(struct mm *mm, bool keep);
u64 *root_large(struct mm *mm, vaddr_t va);
u64 *root_entry(struct mm *mm, vaddr_t va);
int root_carve(struct mm *mm, vaddr_t start, vaddr_t end);
void root_mend(vaddr_t start, vaddr_t end);
/* fixed.c: prepares addresses for a VMA_PAGED mapping. In RAM mm becomes a holder of the frames
 * that are there, until fixed_give(). */
int fixed_take(struct mm *mm, vaddr_t start, vaddr_t end);
void fixed_give(vaddr_t start, vaddr_t end);

/* pmm.c */
void pmm_init(struct hv_shared *s);    /* s stays: the run's peak is noted there */
paddr_t pmm_alloc_large(void);         /* 2 MiB of zeroes, aligned, far from small frames; or 0 */
bool pmm_claim(paddr_t pa, u64 pages); /* takes exactly these frames; false when one is not free */
void pmm_zero_range(paddr_t pa, u64 pages); /* zeroes those claimed frames not known to be zero */
void pmm_mark_dirty(paddr_t pa, u64 pages);
void pmm_scrub(void); /* zeroes all free frames that are not known to be zero */
bool pmm_is_ram(paddr_t pa, u64 len);
/* pmm_share: one more holder of a frame in use; pmm_free() is called once for each. False: there is
 * no memory to count them. */
bool pmm_share(paddr_t pa);
bool pmm_share_all(paddr_t pa, u64 pages); /* all of them or none */
bool pmm_is_shared(paddr_t pa);
bool pmm_any_shared(void);
bool pmm_is_used(paddr_t pa); /* or beyond what the run may use */
/* The region kept back for non-PIE programs, used for nothing else while there is other memory. */
#define PMM_LOW_START 0x400000ul
#define PMM_LOW_END   0x4400000ul

/* pt.c: page tables. The functions work on the selected tree. pt_first: the one that the VMM has
 * made. pt_table_new: NULL when memory is short. */
u64 *pt_first(void);
u64 *pt_selected(void);
void pt_select(u64 *tree);
/* level: 1 for a table of pages, 4 for a root. pt_table_old: its entries may be old ones. */
u64 *pt_table_new(int level);
u64 *pt_table_old(int level);
void pt_table_free(u64 *table, int level);
/* A write to a table in use is expensive, and string instructions are, too. */
static inline void pt_set(u64 *entry, u64 value)
{
    if (*entry != value) {
        *(volatile u64 *)entry = value;
    }
}
/* pt_entry: the entry for va in the table of 4 KiB pages; a large page there
 * is split. NULL when a table is missing and not to be made (!create), or memory is short. */
void pt_init(const struct hv_shared *s);
u64 *pt_entry(vaddr_t va, bool create);
u64 pt_prot_bits(int prot);
/* The last page of the 2 MiB in which va lies. A loop over pages goes on after it when these 2
 * MiB have no table or are one large page. */
static inline vaddr_t pt_last_page(vaddr_t va)
{
    return (va | (LARGE_PAGE - 1)) - PAGE_MASK;
}
/* Sets the rights of identity memory. *need_flush becomes true when rights were taken away. */
int pt_protect_ident(vaddr_t start, vaddr_t end, int prot, bool *need_flush);
/* Takes rights from nobody: the pages become free memory. A large page of the first tree that has
 * other rights than free memory belongs to one process as a whole. */
void pt_open(vaddr_t start, vaddr_t end);
/* Makes tables for the large pages that the range covers only in part; 0 or -ENOMEM. */
int pt_split_ends(vaddr_t start, vaddr_t end);
u64 *pt_region(vaddr_t va); /* the entry for the 2 MiB, a table or a large page; or NULL */
u64 *pt_large(vaddr_t va);  /* the same, only if it is a large page */
bool pt_is_large(vaddr_t va);
bool pt_is_writable(vaddr_t va);
paddr_t pt_frame(vaddr_t va); /* where va lies in memory; 0 when no page is entered */
/* Before the snapshot. pt_join: makes all 2 MiB of RAM that are only text and constants one large
 * page, whose constants become executable, and those whose pages have the rights of free memory.
 * pt_forget_used: frees the frames that were tables. */
void pt_join(void);
void pt_forget_used(void);
/* Makes va such a large page, of the frames at pa, which belong to the mapping. No page may be
 * entered there. */
void pt_set_large(vaddr_t va, paddr_t pa);
/* Large pages of anonymous memory in the window. pt_enter_large: maps the frames at pa to va;
 * false when pages are entered there already, or memory for tables is short. The other two do
 * something only when va begins a large page that ends by `end`. pt_protect_large: gives it other
 * rights, if there are any. pt_take_large: takes it out of the tables and returns its frames, which
 * the caller frees, or 0. */
bool pt_enter_large(vaddr_t va, paddr_t pa, int prot);
bool pt_protect_large(vaddr_t va, vaddr_t end, int prot);
paddr_t pt_take_large(vaddr_t va, vaddr_t end);

/* leaf.c: tables of pages that were left, for the program whose tree is selected. leaf_keep: the
 * table is empty or in RAM, and in no tree. It returns another one that is kept no longer, or NULL.
 * leaf_take: one for the 2 MiB around va, with entries as they were left, or NULL. */
void leaf_program(const void *of);
u64 *leaf_keep(u64 *table, vaddr_t va, const void *of);
u64 *leaf_take(vaddr_t va);

/* text.c. Where to map a library whose text is to become a large page; 0 for any other file. */
vaddr_t text_place(struct mm *mm, u64 len, int flags, const struct vma_file *file);
void text_settle(struct mm *mm); /* before the snapshot */
/* How much of a private mapping of so many bytes will be used. The loader maps a library first as a
 * whole, only to find a place, and then the segments after the first one over that. */
u64 text_wanted(const struct vma_file *file, u64 len);

/* vma.c */
struct vma *vma_find(struct mm *mm, vaddr_t addr);       /* the one that contains addr, or NULL */
struct vma *vma_first_from(struct mm *mm, vaddr_t addr); /* the lowest with end > addr */
struct vma *vma_next(struct vma *v);
int vma_split(struct mm *mm, vaddr_t at); /* makes `at` a boundary of mappings */
/* file: NULL for anonymous memory; copied, with a reference of its own. */
struct vma *vma_add(struct mm *mm, vaddr_t start, vaddr_t end, int prot, int flags,
                    enum vma_kind kind, const struct vma_file *file);
void vma_remove(struct mm *mm, struct vma *v);
void vma_merge(struct mm *mm, vaddr_t start, vaddr_t end);
bool vma_gap_free(struct mm *mm, vaddr_t at, u64 len); /* in the window */
vaddr_t vma_find_gap(struct mm *mm, u64 len, vaddr_t hint);
vaddr_t vma_gap_above(struct mm *mm, vaddr_t at, u64 len); /* the first at or above; 0 for none */

/* unmap.c: unmaps [start, end). *rewritten becomes true when text with rewritten system calls was
 * in it. 0, or -ENOMEM: then one mapping, and all after it, are still there. */
int mm_unmap(struct mm *mm, vaddr_t start, vaddr_t end, bool *rewritten);
/* Gives up all mappings. The tree, which is not the first, is not used any more as it is. Only with
 * `empty` are pages taken out of the tables of the window. */
void mm_drop(struct mm *mm, bool empty);

/* mmap.c */
/* mmap(2). file: what the mapping shows, or NULL for anonymous memory. fs/mapfile.c has forms of
 * this for inodes and open files. */
long mm_map(struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, const struct vma_file *file);
/* Maps kernel frames [pa, pa + len) read-only (or read-execute) at va in the window. */
int mm_map_frames(struct mm *mm, vaddr_t va, paddr_t pa, u64 len, int prot);
/* remap.c */
long mm_mremap(struct mm *mm, vaddr_t addr, u64 old_len, u64 new_len, int flags, vaddr_t fixed);
long mm_madvise(struct mm *mm, vaddr_t addr, u64 len, int advice);
/* The brk area: exec reserves address space and frames for it, in which mm_brk() moves the
 * break. */
long mm_brk(struct mm *mm, vaddr_t brk);
int mm_brk_reserve(struct mm *mm, vaddr_t after);
void mm_brk_release(struct mm *mm);
/* clear.c: maps a stack of so many bytes with nothing below it: in RAM for the first tree, else in
 * the window, where it ends at `top`. mm_clear: forgets everything; 0 or -ENOMEM. */
int mm_stack(struct mm *mm, vaddr_t top, u64 bytes);
int mm_clear(struct mm *mm);

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
/* The frame of a page that the mapping owns; it is made when it does not yet own one. */
int mm_own_page(const struct vma *v, vaddr_t va, void **frame);
/* Takes pages out of the tables and frees those that the mapping owns; true when one was
 * present. */
bool mm_unpopulate(vaddr_t start, vaddr_t end);

/* sites.c: system calls in mapped text become jumps to slots, which jump on to `entry`. */
void sites_init(void (*entry)(void));
/* New text: paged and not entered yet, or ident, filled and still writable. */
void sites_rewrite(struct mm *mm, struct vma *text);
int sites_copy(const struct mm *from, struct mm *to); /* for a copy of the address space */
void sites_unmapped(struct mm *mm);                   /* some rewritten text was unmapped */
/* Puts the file's bytes back into rewritten text that was moved or copied to `to`. Identity
 * memory must still be writable. */
void sites_moved(struct mm *mm, vaddr_t from, vaddr_t to, u64 len);

/* sitetext.c: rewritten text that address spaces share. Sites and addresses say what is in
 * its pages. sitetext_enter: enters those that are kept; false when there are none, or memory for
 * tables is short. sitetext_keep: keeps the pages that were just made in the text and the slots. */
struct sitetext_place {
    const struct sites_site *sites;
    unsigned count;
    vaddr_t base, text, slots; /* base: where offset 0 of the file would be */
};
bool sitetext_enter(const struct sitetext_place *p);
void sitetext_keep(const struct sitetext_place *p, vaddr_t text_end, vaddr_t slots_end);

/* cow.c: identity memory whose frames other address spaces show, too. It keeps its frames: the
 * others get copies. cow_write: the first write to such a page; 0 or -ENOMEM. cow_own: nobody else
 * shows the frames in [start, end) any more, and they have these rights. cow_rights: as
 * pt_protect_ident(), but what others hold stays read-only. cow_lend: takes the right to write from
 * a part of such memory that lies in one 2 MiB; 0 or -ENOMEM. whole: the 2 MiB are all lent.
 * cow_settle: when nothing is shared any more, all such memory can be written again. */
int cow_write(struct mm *mm, const struct vma *v, vaddr_t va);
int cow_own(vaddr_t start, vaddr_t end, int prot);
int cow_rights(vaddr_t start, vaddr_t end, int prot, bool *need_flush);
int cow_lend(struct mm *mm, vaddr_t start, vaddr_t end, bool whole);
void cow_settle(void);

bool cow_is_shown(paddr_t pa); /* by another address space than the one whose memory it is */

/* hot.c: hot_note: a page was copied at a fault, because a fork shared it. hot_copy: gives the new
 * copy its own of such pages. */
void hot_note(vaddr_t va);
void hot_copy(struct mm *from, struct mm *to);

/* stackpool.c */
void stackpool_init(void);
vaddr_t stackpool_take(u64 len); /* a PROT_NONE stack reservation of len in identity memory, or 0 */
/* When memory is short: frees the stacks that are left; false when there are none. */
bool stackpool_release(void);

#endif
