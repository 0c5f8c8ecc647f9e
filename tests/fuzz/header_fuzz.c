// SPDX-License-Identifier: Apache-2.0
/*
 * Opening a snapshot: only the header and the working set, in one file for all inputs, which is
 * several times as fast as the target `snapshot`. snapshot_subject.h describes the input.
 */
#include "snapshot_subject.h"

static int file = -1;

static void put(const void *bytes, uint64_t n, uint64_t at)
{
    MUST(n == 0 || pwrite(file, bytes, n, (off_t)at) == (ssize_t)n);
}

static void file_fill(const struct subject *s, uint64_t size)
{
    uint64_t n;
    const uint64_t at = subject_workset(s, size, &n);
    put(&s->header, sizeof(s->header), 0);
    MUST(ftruncate(file, (off_t)size) == 0);
    put(s->workset, n, at);
}

/* Clears a working set that was not at the usual place, for the next input. */
static void file_clean(const struct subject *s, uint64_t size)
{
    static const uint32_t zeros[WORKSET];
    uint64_t n;
    const uint64_t at = subject_workset(s, size, &n);
    if (s->header.memory != sound.header.memory) {
        put(zeros, n, at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_snapshot *snap;
    struct vmm_err err = {0};
    struct subject s;
    uint64_t file_size;
    char initrd_path[64];
    if (initrd < 0) {
        sound_make();
        file = fuzz_file("", 0);
    }
    subject_make(&in, &s, &file_size);
    file_fill(&s, file_size);
    fuzz_path(initrd, initrd_path);
    int rc = vmm_snapshot_open_fd(file, initrd_path, NULL, &snap, &err);
    if (rc == 0) {
        check_open(snap, file_size);
        vmm_snapshot_close(snap);
    } else {
        MUST(!subject_is_sound(&s, file_size));
        MUST(snap == NULL && rc == -err.code && err.msg[0] != '\0');
    }
    file_clean(&s, file_size);
    return 0;
}
