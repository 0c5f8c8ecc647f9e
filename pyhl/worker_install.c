// SPDX-License-Identifier: Apache-2.0
/*
 * The server is trusted here. It gives the files in pieces, because this process can open none.
 */
#include "worker_install.h"
#include "outcome.h"
#include "packages_have.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads an answer to the last message. Returns its size. One of another kind or over `most` bytes
 * cannot be: the two sides lose each other. */
static int take_read(const struct worker_install *install, uint32_t kind, void *to, size_t most,
                     size_t *size)
{
    struct worker_message message;

    install->read(install->arg, &message, sizeof(message));
    if (message.kind != kind || message.size > most) {
        return -EPROTO;
    }
    install->read(install->arg, to, message.size);
    *size = message.size;
    return 0;
}

/* For bundle.get. */
static int take_get(void *arg, uint64_t offset, void *to, size_t size)
{
    const struct worker_install *install = arg;
    const struct worker_fetch fetch = {.offset = offset, .size = size};
    size_t came;
    int rc;

    install->tell(install->arg, WORKER_FETCH, &fetch, sizeof(fetch));
    rc = take_read(install, WORKER_PIECE, to, size, &came);
    return rc == 0 && came != size ? -EIO : rc;
}

/* Finds out what the machine has. outcome is not VMM_READY when that was its last run. */
static int take_look(const struct worker_install *install, struct packages_have *have,
                     struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_run run = *install->run;

    run.mode = HV_RUN_FILES;
    run.files_out = packages_have_look(have);
    return install->go(install->arg, &run, outcome, err);
}

/* Says why a machine that is as before did not take them. */
static void take_refused(struct vmm_outcome *outcome, const char *why)
{
    outcome->kind = VMM_READY;
    outcome->status = 1;
    (void)snprintf(outcome->detail, sizeof(outcome->detail), "%.*s",
                   (int)sizeof(outcome->detail) - 1, why);
}

int worker_put_packages(const struct worker_install *install, const struct bundle_info *info,
                        struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct bundle bundle = {.get = take_get, .arg = (void *)(uintptr_t)install};
    struct vmm_run run = *install->run;
    int rc = bundle_open(&bundle, info, err);

    run.mode = HV_RUN_PRELOAD;
    run.files_in = &bundle.in;
    rc = rc == 0 ? install->go(install->arg, &run, outcome, err) : rc;
    bundle_close(&bundle);
    return rc;
}

static int take_put(const struct worker_install *install, const struct vmm_files_in *files,
                    struct vmm_outcome *outcome, struct vmm_err *err)
{
    const struct outcome_limits limits = {.memory = install->run->memory,
                                          .timeout = "the timeout",
                                          .timeout_ns = install->run->timeout_ns};
    struct vmm_snapshot *before = NULL;
    struct vmm_run run = *install->run;
    char text[OUTCOME_TEXT];
    int rc = vmm_checkpoint(install->vm, &before, err);

    if (rc < 0) {
        take_refused(outcome, err->msg);
        return 0;
    }
    run.mode = HV_RUN_PRELOAD;
    run.files_in = files;
    rc = install->go(install->arg, &run, outcome, err);
    if (rc == 0 && (outcome->kind != VMM_READY || outcome->status != 0)) {
        rc = vmm_rewind_to(install->vm, before, err);
        outcome_text(outcome, &limits, text);
        take_refused(outcome, text);
    }
    vmm_snapshot_close(before);
    return rc;
}

static int take_bundle(const struct worker_install *install, const struct bundle_info *info,
                       struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct bundle bundle = {.get = take_get, .arg = (void *)(uintptr_t)install};
    struct vmm_err failed = {0};
    int rc = bundle_open(&bundle, info, &failed);

    if (rc == 0) {
        rc = take_put(install, &bundle.in, outcome, err);
    } else if (rc != -EPROTO) {
        take_refused(outcome, failed.msg);
        rc = 0;
    } else {
        *err = failed;
    }
    bundle_close(&bundle);
    return rc;
}

/* Tells what the machine has, and takes what the server has found. */
static int take_missing(const struct worker_install *install, const struct packages_have *have,
                        struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct bundle_info info = {0};
    size_t size = 0;
    int rc = 0;

    install->tell(install->arg, WORKER_WANTS, have->text, have->size);
    if (take_read(install, WORKER_TAKE, &info, sizeof(info), &size) < 0) {
        rc = vmm_err_set(err, EPROTO, "an answer that is none");
    } else if (size == sizeof(info)) {
        rc = take_bundle(install, &info, outcome, err);
    }
    return rc;
}

int worker_install(const struct worker_install *install, struct vmm_outcome *outcome,
                   struct vmm_err *err)
{
    struct packages_have *have = malloc(sizeof(*have));
    struct vmm_err many = {0};
    int rc;

    if (have == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = take_look(install, have, outcome, err);
    if (rc == 0 && outcome->kind == VMM_READY) {
        outcome->status = 0; /* it was that of the cell before */
        if (packages_have_check(have, &many) < 0) {
            take_refused(outcome, many.msg);
        } else {
            rc = take_missing(install, have, outcome, err);
        }
    }
    free(have);
    return rc;
}
