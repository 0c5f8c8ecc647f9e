// SPDX-License-Identifier: Apache-2.0
/*
 * The file of a checkpoint: a header, the list of its pages, the patches (patch.c), and at the next
 * page boundary the bytes of the pages that are neither zero nor patched. Patches and bytes are in
 * the order of the list. After them comes the working set, as in a snapshot, if one was recorded.
 * The header names the base by its key and by the checksum of its memory: two snapshots that are
 * made of the same files have the same key, and are different machines. Integers are little-endian;
 * structures of KVM are as its ABI has them.
 */
#ifndef CHECKPOINT_INT_H
#define CHECKPOINT_INT_H

#include "snapshot_int.h"

#define FILE_MAGIC   "pyhlckpt"
#define FILE_VERSION 3u
#define FILE_LIST    16384u /* where the list begins */
/* An entry of the list is the number of a page, and one of these when no bytes are stored. */
#define FILE_ZERO   0x80000000u /* the page is zero */
#define FILE_PATCH  0x40000000u /* it has a patch */
#define FILE_NUMBER 0x00ffffffu

struct file_header {
    char magic[8];
    uint32_t version;
    uint32_t abi_version;
    struct vmm_key base_key;
    uint64_t base_hash[2]; /* snap_header.image_hash of the base */
    uint64_t pages;        /* of the list */
    uint64_t stored;       /* of those, the ones that are neither zero nor patched */
    uint64_t patch_size;   /* bytes of all patches */
    uint64_t list_hash;    /* xxh3-64 */
    uint64_t patch_hash;   /* xxh3-64 */
    uint64_t data_hash[2]; /* xxh3-128 of the bytes */
    uint64_t workset_pages;
    uint64_t workset_hash; /* xxh3-64 of the working set */
    uint64_t wall_ns;      /* from here on as in snap_header */
    uint64_t mono_ns;
    uint64_t timer_ns;
    uint64_t generation;
    uint64_t is_suspended; /* 0 or 1; the rest as in struct snap_suspended */
    uint64_t until_ns;
    uint64_t open[HV_REQUESTS / 64];
    struct hv_call run_call;
    struct x86_state state;
    uint64_t header_hash; /* xxh3-64 of all fields before it */
};
_Static_assert(sizeof(struct file_header) <= FILE_LIST, "the list comes after the header");

#endif
