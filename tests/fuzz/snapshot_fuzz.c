// SPDX-License-Identifier: Apache-2.0
/*
 * Opening a snapshot: it is refused with a message, or the open snapshot keeps to its file, also
 * when all of it is verified and read. Each input has a file of its own. snapshot_subject.h
 * describes the input.
 */
#include "snapshot_subject.h"

static int make_file(const struct subject *s, uint64_t size)
{
    int fd = fuzz_file(&s->header, sizeof(s->header));
    uint64_t n;
    const uint64_t at = subject_workset(s, size, &n);
    MUST(ftruncate(fd, (off_t)size) == 0);
    MUST(n == 0 || pwrite(fd, s->workset, n, (off_t)at) == (ssize_t)n);
    return fd;
}

/* The verdict of the verification is ignored: the recorded checksum is not that of any image. */
static void read_all(const struct vmm_snapshot *snap)
{
    struct vmm_err err;
    volatile uint8_t sum = 0;
    (void)vmm_snapshot_verify(snap, &err);
    for (uint64_t at = 0; at < snap->header.memory; at += PAGE_2M) {
        sum = sum ^ snap->pristine[at];
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
    }
    subject_make(&in, &s, &file_size);
    int fd = make_file(&s, file_size);
    fuzz_path(initrd, initrd_path);
    int rc = vmm_snapshot_open_fd(fd, initrd_path, NULL, &snap, &err);
    if (rc == 0) {
        check_open(snap, file_size);
        read_all(snap);
        vmm_snapshot_close(snap);
    } else {
        MUST(!subject_is_sound(&s, file_size));
        MUST(snap == NULL && rc == -err.code && err.msg[0] != '\0');
    }
    (void)close(fd);
    return 0;
}
