// SPDX-License-Identifier: Apache-2.0
/*
 * Runs that end without ending the machine. The guest asks for another run with the status of the
 * one before, and the next run goes on in the state that this one has left.
 */
#include "vt.h"

#include <unistd.h>

static void turn(struct vmm *vm, const char *status, int want)
{
    IS(vt_run(vm, "turn", status), VMM_READY, want, "");
}

static void t_turns(void)
{
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    turn(vm, "7", 7);
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "1") == 0); /* is there when the run is over */
    turn(vm, "255", 255);
    turn(vm, "0", 0);
    turn(vm, "4099", 3); /* a byte, whatever the guest says */
    IS(vt_run(vm, "status", "9"), VMM_EXITED, 9, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "1234") == 0);
    vmm_destroy(vm);
}

/* A rewind undoes all turns. From a snapshot that was taken between two turns the machine goes on
 * there. */
static void t_turns_snapshot(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm = vt_boot(&vt_no_io);
    const struct vmm_key key = {{1}};
    const int fd = vt_memfd("", 0);
    turn(vm, "1", 1);
    OK(vmm_snapshot_write(vm, fd, &key, &err));
    vmm_destroy(vm);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, &key, &snap, &err));
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    OK(vmm_restore(snap, &io, true, &vm, &err));
    for (int i = 0; i < 3; i++) {
        turn(vm, "5", 5);
        turn(vm, "6", 6);
        OK(vmm_rewind(vm, &err));
    }
    turn(vm, "5", 5);
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "2323232") == 0);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* Each turn has its own deadline, source and limits. */
static void t_turns_each(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm *vm = vt_boot(&vt_no_io);
    const char *const argv[] = {"turn", "1", NULL};
    struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = 200000000, .max_output = 1};
    for (int i = 0; i < 3; i++) {
        OK(vmm_run(vm, &run, &o, &err));
        IS(o, VMM_READY, 1, "");
        usleep(150000);
    }
    run.cwd = "relative";
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "absolute");
    run.cwd = "/";
    run.context = "a";
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "context 'a': only a run of a session has one");
    run.mode = HV_RUN_CELL;
    run.context = "";
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "a context needs a name");
    run.context = NULL;
    run.cursor = 7;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "a cursor at 7: only completion");
    run.mode = HV_RUN_EXEC;
    run.cursor = 0;
    OK(vmm_run(vm, &run, &o, &err)); /* the refused runs have changed nothing */
    IS(o, VMM_READY, 1, "");
    IS(vt_run_for(vm, "spin", "", VT_SHORT), VMM_TIMEOUT, 0, "out of time");
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
    vmm_destroy(vm);
}

const struct vt_test vt_turns_tests[] = {
    {"turns", t_turns},
    {"turns-snapshot", t_turns_snapshot},
    {"turns-each", t_turns_each},
    {NULL, NULL},
};
