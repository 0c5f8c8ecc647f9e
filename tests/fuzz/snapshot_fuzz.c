// SPDX-License-Identifier: Apache-2.0
/*
 * The snapshot's header and working set: a sound file is patched, its checksums are made right
 * again or not, and it is opened. It must be refused with words, or what is open must keep to the
 * file.
 *
 * Input: a byte of flags (1: header checksum made right, 2: file size as the header says, 4:
 * working set checksum made right), two bytes to add to or cut from the file's size, then patches:
 * offset (2 bytes; with the highest bit in the working set, without it in the header), length (1),
 * bytes.
 */
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

static void sound_make(void)
{
    struct snap_header *h = &sound.header;
    initrd = fuzz_file("initrd", 6);
    memcpy(h->magic, SNAP_MAGIC, sizeof(h->magic));
    h->version = SNAP_VERSION;
    h->abi_version = HV_ABI_VERSION;
    h->memory = VMM_MEMORY_MIN;
    h->initrd_size = 6;
    h->workset_pages = WORKSET;
    h->state.msrs.nmsrs = STATE_MSRS;
    h->run_call.arg[0] = 0x100000;
    h->run_call.arg[1] = 0x10000;
    for (uint32_t i = 0; i < WORKSET; i++) {
        sound.workset[i] = 3 * i | (i % 4 == 1 ? SNAP_PAGE_READ : 0) |
                           (i % 8 == 5 || i % 8 == 7 ? SNAP_PAGE_LONGER : 0);
    }
    h->workset_hash = XXH3_64bits(sound.workset, sizeof(sound.workset));
    h->header_hash = snap_header_hash(h);
}

static void patch(struct subject *s, struct fuzz_input *in)
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

static int make_file(const struct subject *s, uint64_t size)
{
    int fd = fuzz_file(&s->header, sizeof(s->header));
    MUST(ftruncate(fd, (off_t)size) == 0);
    const uint64_t at = SNAP_IMAGE_OFFSET + s->header.memory;
    if (at < size) {
        const uint64_t n = size - at < sizeof(s->workset) ? size - at : sizeof(s->workset);
        MUST(pwrite(fd, s->workset, n, (off_t)at) == (ssize_t)n);
    }
    return fd;
}

/* What an open snapshot promises. */
static void check_open(const struct vmm_snapshot *snap, uint64_t size)
{
    struct vmm_snapshot_info info;
    struct vmm_err err;
    vmm_snapshot_info(snap, &info);
    MUST(info.memory % PAGE_2M == 0 && SNAP_IMAGE_OFFSET + info.memory <= size);
    MUST(snap->header.cpuid.nent <= CPUID_ENTRIES);
    MUST(snap->header.run_call.arg[0] <= info.memory);
    MUST(snap->header.run_call.arg[1] <= info.memory - snap->header.run_call.arg[0]);
    MUST(info.workset_longer <= snap->header.workset_pages);
    for (uint64_t i = 0; i < snap->header.workset_pages; i++) {
        const uint32_t page = snap->workset[i] & SNAP_PAGE_NUMBER;
        MUST((uint64_t)page * HV_PAGE_SIZE < info.memory);
        MUST(i == 0 || page > (snap->workset[i - 1] & SNAP_PAGE_NUMBER));
        MUST((snap->workset[i] & ~(SNAP_PAGE_NUMBER | SNAP_PAGE_READ | SNAP_PAGE_LONGER)) == 0);
    }
    (void)vmm_snapshot_verify(snap, &err);
    uint8_t sum = 0;
    for (uint64_t at = 0; at < info.memory; at += PAGE_2M) {
        sum ^= snap->pristine[at];
    }
    MUST(sum == 0 || sum != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_snapshot *snap;
    struct vmm_err err = {0};
    char initrd_path[64];
    if (initrd < 0) {
        sound_make();
    }
    struct subject s = sound;
    int16_t delta;
    const uint8_t flags = fuzz_byte(&in);
    fuzz_take(&in, &delta, sizeof(delta));
    patch(&s, &in);
    if (flags & 4) {
        const uint64_t n = s.header.workset_pages < WORKSET ? s.header.workset_pages : WORKSET;
        s.header.workset_hash = XXH3_64bits(s.workset, n * sizeof(uint32_t));
    }
    if (flags & 1) {
        s.header.header_hash = snap_header_hash(&s.header);
    }
    uint64_t file_size = snap_file_size(flags & 2 ? &s.header : &sound.header);
    if (file_size > FILE_MAX) {
        file_size = FILE_MAX;
    }
    file_size =
        delta < 0 && file_size < (uint64_t)-delta ? 0 : file_size + (uint64_t)(int64_t)delta;
    int fd = make_file(&s, file_size);
    fuzz_path(initrd, initrd_path);
    int rc = vmm_snapshot_open_fd(fd, initrd_path, NULL, &snap, &err);
    if (rc == 0) {
        check_open(snap, file_size);
        vmm_snapshot_close(snap);
    } else {
        MUST(snap == NULL && rc == -err.code && err.msg[0] != '\0');
    }
    (void)close(fd);
    return 0;
}
