// SPDX-License-Identifier: Apache-2.0
/*
 * A snapshot's header and working set, for the targets that open mutated snapshots: a sound one is
 * patched, and its checksums are made right again or not.
 *
 * Input: a byte of flags (1: header checksum made right, 2: file size as the header says, 4:
 * working set checksum made right), two bytes to add to or cut from the file's size, then patches:
 * offset (2 bytes; with the highest bit in the working set, without it in the header), length (1),
 * bytes.
 */
#ifndef SNAPSHOT_SUBJECT_H
#define SNAPSHOT_SUBJECT_H

#include "fuzz.h"
#include "vmm/snapshot_int.h"

#include <xxhash.h>

#define WORKSET  64u
#define FILE_MAX (VMM_MEMORY_MIN * 2)

struct subject {
    struct snap_header header;
    uint32_t workset[WORKSET];
};

static struct subject sound;
static int initrd = -1;

static inline void sound_make(void)
{
    struct snap_header *h = &sound.header;
    initrd = fuzz_file("initrd", 6);
    memcpy(h->magic, SNAP_MAGIC, sizeof(h->magic));
    h->version = SNAP_VERSION;
    h->abi_version = HV_ABI_VERSION;
    h->memory = VMM_MEMORY_MIN;
    h->initrd_size = 6;
    h->workset_pages = WORKSET;
    x86_state_boot(&h->state, &(struct policy){.tss_available = false}, 0, 0, 1);
    h->run_call.arg[0] = 0x100000;
    h->run_call.arg[1] = 0x10000;
    for (uint32_t i = 0; i < WORKSET; i++) {
        sound.workset[i] = 3 * i | (i % 4 == 1 ? SNAP_PAGE_READ : 0) |
                           (i % 8 == 5 || i % 8 == 7 ? SNAP_PAGE_LONGER : 0);
    }
    h->workset_hash = XXH3_64bits(sound.workset, sizeof(sound.workset));
    h->header_hash = snap_header_hash(h);
}

static inline void patch(struct subject *s, struct fuzz_input *in)
{
    while (in->size > 0) {
        uint16_t at;
        uint8_t bytes[256];
        fuzz_take(in, &at, sizeof(at));
        const size_t n = fuzz_byte(in);
        fuzz_take(in, bytes, n);
        const size_t to = at & 0x8000 ? offsetof(struct subject, workset) + (at & 0x7fff) : at;
        if (to >= sizeof(*s)) {
            continue;
        }
        memcpy((uint8_t *)s + to, bytes, n < sizeof(*s) - to ? n : sizeof(*s) - to);
    }
}

/* The mutated snapshot of an input, and the size its file has. */
static inline void subject_make(struct fuzz_input *in, struct subject *s, uint64_t *size)
{
    int16_t delta;
    const uint8_t flags = fuzz_byte(in);
    fuzz_take(in, &delta, sizeof(delta));
    *s = sound;
    patch(s, in);
    if (flags & 4) {
        const uint64_t n = s->header.workset_pages < WORKSET ? s->header.workset_pages : WORKSET;
        s->header.workset_hash = XXH3_64bits(s->workset, n * sizeof(uint32_t));
    }
    if (flags & 1) {
        s->header.header_hash = snap_header_hash(&s->header);
    }
    uint64_t n = snap_file_size(flags & 2 ? &s->header : &sound.header);
    n = n < FILE_MAX ? n : FILE_MAX;
    *size = delta < 0 && n < (uint64_t)-delta ? 0 : n + (uint64_t)(int64_t)delta;
}

static inline bool subject_is_sound(const struct subject *s, uint64_t size)
{
    return memcmp(s, &sound, sizeof(sound)) == 0 && size == snap_file_size(&sound.header);
}

/* Returns where the working set lies, and in *n how many bytes of it the file has. */
static inline uint64_t subject_workset(const struct subject *s, uint64_t size, uint64_t *n)
{
    const uint64_t at = SNAP_IMAGE_OFFSET + s->header.memory;
    const uint64_t left = at < size ? size - at : 0;
    *n = left < sizeof(s->workset) ? left : sizeof(s->workset);
    return at;
}

/* Checks the promises of an open snapshot. */
static inline void check_open(const struct vmm_snapshot *snap, uint64_t size)
{
    struct vmm_snapshot_info info;
    vmm_snapshot_info(snap, &info);
    MUST(info.memory % PAGE_2M == 0 && SNAP_IMAGE_OFFSET + info.memory <= size);
    MUST(snap->header.cpuid.nent <= CPUID_ENTRIES);
    MUST(snap->header.run_call.arg[0] <= info.memory);
    MUST(snap->header.run_call.arg[1] <= info.memory - snap->header.run_call.arg[0]);
    const size_t n = snap->header.workset_pages * sizeof(uint32_t);
    MUST(snap->header.header_hash == snap_header_hash(&snap->header));
    MUST(n == 0 || XXH3_64bits(snap->workset, n) == snap->header.workset_hash);
    MUST(info.workset_longer <= snap->header.workset_pages);
    for (uint64_t i = 0; i < snap->header.workset_pages; i++) {
        const uint32_t page = snap->workset[i] & SNAP_PAGE_NUMBER;
        MUST((uint64_t)page * HV_PAGE_SIZE < info.memory);
        MUST(i == 0 || page > (snap->workset[i - 1] & SNAP_PAGE_NUMBER));
        MUST((snap->workset[i] & ~(SNAP_PAGE_NUMBER | SNAP_PAGE_READ | SNAP_PAGE_LONGER)) == 0);
    }
}

#endif
