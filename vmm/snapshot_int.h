// SPDX-License-Identifier: Apache-2.0
/*
 * The snapshot file, and what the files that use it share. The file begins with a header, which has
 * everything but memory. The image of all RAM begins at SNAP_IMAGE_OFFSET, a multiple of 2 MiB:
 * guest address g lies at SNAP_IMAGE_OFFSET + g. Zero pages are holes, but for those among program
 * text. After the image comes the working set, a list of page numbers. Integers are little-endian;
 * structures of KVM are as its ABI has them.
 */
#ifndef SNAPSHOT_INT_H
#define SNAPSHOT_INT_H

#include "vmm_int.h"

#include <pthread.h>

#define SNAP_MAGIC        "pyhlsnap"
#define SNAP_VERSION      5u
#define SNAP_IMAGE_OFFSET 0x200000u
#define SNAP_WORKSET_MAX  (1u << 20)

/* An entry of the working set: the number of a page and flags. Without a flag small runs write the
 * page. SNAP_PAGE_READ: they only read it. SNAP_PAGE_LONGER: longer runs write it. Both may be
 * set. */
#define SNAP_PAGE_NUMBER 0x00ffffffu
#define SNAP_PAGE_READ   0x40000000u
#define SNAP_PAGE_LONGER 0x80000000u

/* How much memory after the image's data has a slot from the start. In a rewindable machine this
 * memory also has a dirty log, and is as much as small runs take. When it is filled, more of it
 * would cost more than memory without a log (high.c): that takes 70 ns a page to give back and take
 * again, where a rewind copies a page in 100 ns and the first run has a fault for each. */
#define RESTORE_LOW        (64ull << 20)
#define RESTORE_LOW_LOGGED (4ull << 20)

struct snap_header {
    char magic[8];
    uint32_t version;
    uint32_t abi_version;
    struct vmm_key key;
    uint64_t memory;
    uint64_t initrd_size;
    uint64_t data_pages;
    uint64_t data_end;   /* guest address after the last page that is not zero */
    uint64_t text_start; /* program text in large pages; both ends are multiples of 2 MiB */
    uint64_t text_end;
    uint64_t image_hash[2]; /* xxh3-128 of number and content of every page that is not zero */
    uint64_t workset_pages;
    uint64_t workset_hash; /* xxh3-64 of the list */
    uint64_t wall_ns;      /* when it was made */
    uint64_t mono_ns;      /* guest time then */
    uint64_t timer_ns;     /* guest time of HV_CALL_TIMER, HV_NO_DEADLINE for none */
    uint64_t generation;
    uint64_t kernel_start;
    uint64_t kernel_text_end;
    struct hv_call run_call;
    struct x86_cpuid cpuid;
    struct x86_state state;
    uint64_t header_hash; /* xxh3-64 of all fields before it */
};
_Static_assert(offsetof(struct snap_header, header_hash) < SNAP_IMAGE_OFFSET, "before the image");

/* Pages packed into a sealed memfd, which checkpoints share by reference, or into the file of a
 * checkpoint. */
struct snap_pack {
    atomic_uint refs;
    int fd;
    uint64_t offset; /* of its first page */
    uint64_t size;   /* bytes */
    uint8_t *map;    /* read-only */
    bool is_file;
    struct infile_mark mark; /* of a file, when it was opened */
    uint64_t hash[2];        /* xxh3-128 of the bytes, as recorded in that file */
};

/* The pages in which a checkpoint differs from its base, by ascending number (delta.c). */
#define DELTA_PACKS 16u
#define DELTA_RUN   16u /* pages: a restore maps a run of so many */
/* In the place of a pack: the page is zero, or it is the base's with a patch, at slot * 8 of the
 * patches. */
#define DELTA_ZERO  UINT8_MAX
#define DELTA_PATCH (UINT8_MAX - 1)
struct snap_page {
    uint32_t number;
    uint8_t pack;
    bool mapped; /* a restore maps it from its pack; other pages are copied */
    uint16_t reserved;
    uint32_t slot; /* of the pack, in pages */
};
/* Patches, in memory of this process alone (patch.c). */
struct snap_patches {
    uint8_t *bytes;
    uint64_t size;
};
struct snap_delta {
    struct snap_page *pages;
    size_t count;
    struct snap_patches patches;
    struct snap_pack *packs[DELTA_PACKS];
    unsigned pack_count;
    bool is_file;        /* it was read from a file, whose pages are its only pack */
    uint64_t content[2]; /* of that file: as vmm_snapshot_info.content */
};

/* A snapshot, or a checkpoint. A checkpoint has a base, which it holds, and a delta. Its other
 * fields are copies of its base's, but for the header's state and times, what check_vcpu.c keeps,
 * and the working set that its file may have. */
struct vmm_snapshot {
    atomic_uint refs;          /* of its owner, of machines and of checkpoints */
    struct vmm_snapshot *base; /* of a checkpoint; never one itself. NULL of a snapshot */
    struct snap_delta delta;
    /* Of a checkpoint: a run was suspended (VMM_CALLED). */
    struct snap_suspended {
        bool is;
        uint64_t until_ns;               /* guest time at which it goes on at the latest */
        uint64_t open[HV_REQUESTS / 64]; /* its open requests, a bit each */
    } suspended;
    int fd;
    const struct policy *policy;
    uint64_t open_ns; /* how long opening it has taken */
    struct snap_header header;
    uint8_t *pristine;       /* the image, read-only, shared by all VMs */
    uint32_t *workset;       /* ascending page numbers with SNAP_PAGE_* */
    uint64_t workset_longer; /* entries with SNAP_PAGE_LONGER */
    struct mem_initrd initrd;
    int initrd_fd;
    struct infile_mark mark; /* of both files, when they were opened */
    struct infile_mark initrd_mark;
    atomic_int pagemap;     /* pagemap_open(), for all machines of a process; -1: not open */
    atomic_int pagemap_pid; /* of that process */
    /* The vCPU of a machine that has never run, as check_vcpu.c reads it: [0] of a machine for a
     * single run, [1] of a rewindable one. NULL before the first check. */
    pthread_mutex_t fresh_lock;
    struct check_vcpu *fresh[2];
};

/* snapshot.c */
uint64_t snap_header_hash(const struct snap_header *h);
uint64_t snap_file_size(const struct snap_header *h);
/* Stores the hash and the number of the pages of an image that are not zero. image maps fd from
 * SNAP_IMAGE_OFFSET on. */
int snap_image_hash(int fd, const uint8_t *image, uint64_t size, uint64_t hash[2], uint64_t *pages);
/* Whether a page that is not zero lies at or after the guest address `at`. */
bool snap_image_has_data(int fd, const uint8_t *image, uint64_t at, uint64_t size);

/* Sets what of the header is the moment: clocks and the open HV_CALL_RUN. */
void snap_header_moment(const struct vmm *vm, struct snap_header *h);

/* delta.c */
/* The entry of a page, or NULL: the page is as in the base. */
const struct snap_page *delta_find(const struct snap_delta *delta, uint64_t number);
/* The content of the page that an entry stands for, which is no patch; NULL: it is zero. */
const uint8_t *delta_bytes(const struct snap_delta *delta, const struct snap_page *page);
const uint8_t *delta_patch(const struct snap_delta *delta, const struct snap_page *page);
void delta_free(struct snap_delta *delta);
/* As vmm_snapshot_info.delta_memory. */
uint64_t delta_memory(const struct snap_delta *delta);
/* Guest address after the delta's last page; 0 when it is empty. */
uint64_t delta_end(const struct snap_delta *delta);
/* Maps those of its pages that are mapped into the machine's memory. */
int delta_map(const struct snap_delta *delta, struct vmm *vm, struct vmm_err *err);
/* EBADMSG when a file that it refers to was written to since. */
int delta_unchanged(const struct snap_delta *delta, struct vmm_err *err);
/* EBADMSG when the pages of a file that it refers to are not those that were recorded in it. */
int delta_verify(const struct snap_delta *delta, struct vmm_err *err);
/* Gives back a pack; NULL is allowed. */
void pack_release(struct snap_pack *pack);
/* Maps it to be read; -errno. */
int pack_map(struct snap_pack *pack);
/* Makes a pack of `size` bytes of a file from `offset` on, for one delta. Takes over the
 * descriptor, also when it fails; NULL with *err set. */
struct snap_pack *pack_of_file(int fd, uint64_t offset, uint64_t size,
                               const struct infile_mark *mark, struct vmm_err *err);
/* Finds the runs that a restore maps, when all entries are there. */
void delta_mark_runs(struct snap_delta *delta);
/* Copies the other pages into the machine's memory, which is as in the base. */
void delta_copy(const struct snap_delta *delta, struct vmm *vm);
/* Copies those of a snapshot's pages that lie in high memory. */
void delta_copy_high(const struct vmm_snapshot *snap, struct vmm *vm);
/* Clears the delta's pages from guest address `from` to `end`. */
void delta_zero(const struct snap_delta *delta, struct vmm *vm, uint64_t from, uint64_t end);
/* The content of a page of a snapshot or a checkpoint; NULL: it is zero. room, a page, is where the
 * content of a patched page is put. */
const uint8_t *snap_page(const struct vmm_snapshot *snap, uint64_t number, uint8_t *room);
/* The same of its base. */
const uint8_t *snap_base_page(const struct vmm_snapshot *snap, uint64_t number);
/* The snapshot itself, or a checkpoint's base. */
struct vmm_snapshot *snap_base(struct vmm_snapshot *snap);
/* Whether giving back the page's copy to the host would not leave the page as in vm->snap. */
bool snap_page_stays(const struct vmm *vm, uint64_t number);

/* freed.c */
/* Makes zero, of the given pages of a machine that stands, those that its guest does not use. Takes
 * out of `pages` what has gone back to the host. */
int freed_clear(struct vmm *vm, uint64_t *pages, struct vmm_err *err);

/* delta_make.c */
/* Fills an empty delta: the pages of vm that differ from the base of vm->snap. The differing pages
 * are among those of `pages`, a bit each for all RAM. */
int delta_make(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
               struct vmm_err *err);
/* The same, but the pages stay where the machine has them: valid until the machine changes. */
int delta_make_in_place(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                        struct vmm_err *err);

/* patch.c */
#define PATCH_LINE  64u
#define PATCH_LINES 16u /* a patch has no more */
#define PATCH_NONE  UINT64_MAX
/* Which lines of a page differ from the base's (NULL: it is zero), a bit each; PATCH_NONE: more
 * than a patch may have. */
uint64_t patch_lines(const uint8_t *have, const uint8_t *base);
uint64_t patch_size(uint64_t lines); /* of a patch of these lines, in bytes */
/* Writes a patch; returns where it ends. */
uint8_t *patch_put(uint8_t *at, uint64_t lines, const uint8_t *have);
/* Puts a patch on a page, which is as in the base. */
void patch_apply(const uint8_t *patch, uint8_t *to);
/* Makes room for patches of so many bytes; -errno. */
int patches_reserve(struct snap_patches *patches, uint64_t size);
void patches_free(struct snap_patches *patches);

/* snapshot_open.c */
/* A checkpoint without a delta, whose moment is the base's. NULL: out of memory. */
struct vmm_snapshot *snap_new_over(struct vmm_snapshot *base);
/* Reads and checks the working set that lies at `at` in a file. name is for the message. */
int snap_workset_read(struct vmm_snapshot *snap, int fd, uint64_t at, uint64_t pages, uint64_t hash,
                      const char *name, struct vmm_err *err);
/* EBADMSG when a state or an open call that was read cannot be one of a machine. */
int snap_moment_check(const struct snap_header *h, struct vmm_err *err);
/* The holder gives it back by vmm_snapshot_close(). */
struct vmm_snapshot *snap_hold(struct vmm_snapshot *snap);
/* Makes *at hold snap in the place of what it holds. */
void snap_exchange(struct vmm_snapshot **at, struct vmm_snapshot *snap);

/* EBADMSG when the snapshot or the initrd was written to since it was opened. An access to a mapped
 * file that has shrunk ends in SIGBUS, and any other change means that the content is not what was
 * checked. */
int snap_unchanged(const struct vmm_snapshot *snap, struct vmm_err *err);
/* The same of vm->snap, and of the checkpoint that the machine's memory maps. */
int snap_unchanged_of(const struct vmm *vm, struct vmm_err *err);

/* How much memory from address 0 on the image's data takes, whole pages of 2 MiB. */
uint64_t snap_image_size(const struct vmm_snapshot *snap);
/* The least that a run can be limited to: what the guest holds, and what has a dirty log. */
uint64_t snap_memory_least(const struct vmm_snapshot *snap);

/* hot.c */
/* vm->snap is, or will be, another, from which the pages of delta may differ. */
void hot_target_changed(struct vmm *vm, const struct snap_delta *delta);

/* rewind.c */
/* From now on a rewind goes to snap, which has the same base. */
void rewind_target(struct vmm *vm, struct vmm_snapshot *snap);
/* As vmm_renew_to(), of the same base. */
int rewind_renew_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err);

/* check_vcpu.c */
int check_vcpu(struct vmm *vm, struct vmm_err *err); /* EUCLEAN: not as in a fresh machine */

/* workset.c */
/* Copies the working set, and the pages of a checkpoint that a restore copies. */
void workset_prefault(struct vmm *vm);

/* checkpoint_file.c */
/* Writes a working set into fd, which is open on the file that the checkpoint was read from. */
int checkpoint_file_workset(struct vmm_snapshot *snap, int fd, const uint32_t *entries,
                            size_t count, struct vmm_err *err);

#endif
