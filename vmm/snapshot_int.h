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

struct vmm_snapshot {
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

/* snapshot_open.c */
/* EBADMSG when the snapshot or the initrd was written to since it was opened. An access to a mapped
 * file that has shrunk ends in SIGBUS, and any other change means that the content is not what was
 * checked. */
int snap_unchanged(const struct vmm_snapshot *snap, struct vmm_err *err);

/* check_vcpu.c */
int check_vcpu(struct vmm *vm, struct vmm_err *err); /* EUCLEAN: not as in a fresh machine */

/* workset.c */
void workset_prefault(struct vmm *vm);

#endif
