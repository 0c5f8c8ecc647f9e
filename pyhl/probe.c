// SPDX-License-Identifier: Apache-2.0
#include "probe.h"
#include "child.h"
#include "env.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_TIMEOUT (2 * 1000000000ull)

/* The child's. */
struct probing {
    const struct probe *probe;
    int fd, nowhere;
    struct vmm *vm;
};

static int probe_run(const struct probing *probing, enum hv_run_mode mode, struct vmm_err *err)
{
    const char *const code = probing->probe->code;
    const char *const name = mode == HV_RUN_FILE ? "script" : mode == HV_RUN_CODE ? "-c" : "-";
    const char *const argv[] = {name, NULL};
    const char **env = env_make(NULL);
    const struct vmm_run run = {
        .mode = mode,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .source = code,
        .source_len = strlen(code),
        .timeout_ns = PROBE_TIMEOUT,
    };
    struct vmm_outcome outcome; /* however it ends, these were the pages that it needed */
    int rc = env == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                         : vmm_run(probing->vm, &run, &outcome, err);

    free(env);
    return rc;
}

static int probe_runs(const struct probing *probing, struct vmm_err *err)
{
    int rc;

    if (probing->probe->cell) {
        return probe_run(probing, HV_RUN_CELL, err);
    }
    rc = probe_run(probing, HV_RUN_CODE, err);
    if (rc == 0) {
        rc = vmm_rewind(probing->vm, err);
    }
    return rc == 0 ? probe_run(probing, HV_RUN_FILE, err) : rc;
}

static int probe_restore(struct probing *probing, struct vmm_err *err)
{
    const struct probe *probe = probing->probe;
    const struct vmm_io io = {
        .stdin_fd = -1,
        .stdout_fd = probing->nowhere,
        .stderr_fd = probing->nowhere,
        .plain = true,
    };
    struct vmm_snapshot *base, *state;
    int rc = probe->open(probe->arg, &base, err);

    if (rc == 0) {
        rc = vmm_checkpoint_open_fd(probing->fd, base, &state, err);
    }
    if (rc == 0) {
        rc = vmm_restore(state, &io, true, &probing->vm, err);
    }
    if (rc == 0) {
        vmm_workset_watch(probing->vm);
    }
    return rc; /* what was opened ends with the process */
}

static void probe_child(void *arg, int report)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const int outputs[] = {report, nowhere};
    struct probing *probing = arg;
    struct vmm_err err = {0};
    int rc = nowhere < 0 ? vmm_err_set(&err, errno, "/dev/null: %s", strerror(errno)) : 0;

    probing->nowhere = nowhere;
    rc = rc == 0 ? probe_restore(probing, &err) : rc;
    rc = rc == 0 ? child_jail(probing->vm, outputs, 2, probing->fd, &err) : rc;
    rc = rc == 0 ? probe_runs(probing, &err) : rc;
    rc = rc == 0 ? vmm_workset_small(probing->vm, &err) : rc;
    rc = rc == 0 ? vmm_snapshot_set_workset(probing->vm, probing->fd, &err) : rc;
    child_tell(report, rc, &err, NULL);
}

int probe_state(const struct probe *probe, int fd, struct vmm_err *err)
{
    const int keep[] = {fd, probe->keep};
    struct probing probing = {.probe = probe, .fd = fd, .nowhere = -1};
    struct child child = {0};
    int rc = child_start(&child, probe_child, &probing, keep, 2, err);

    rc = rc == 0 ? child_step(&child, NULL, err) : rc;
    child_end(&child);
    return rc;
}
