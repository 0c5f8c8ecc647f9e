// SPDX-License-Identifier: Apache-2.0
/*
 * A worker's session takes packages. Three steps: the machine's kernel tells which ones it has, the
 * server finds what is missing, and a run puts the files in.
 */
#ifndef PYHL_WORKER_INSTALL_H
#define PYHL_WORKER_INSTALL_H

#include "bundle.h"
#include "worker.h"

struct worker_install {
    struct vmm *vm;
    const struct vmm_run *run; /* an empty cell, with its limits */
    void *arg;                 /* of the functions */
    /* Reads and writes all of it, or ends the process. */
    void (*read)(void *arg, void *to, size_t size);
    void (*tell)(void *arg, uint32_t kind, const void *bytes, size_t size);
    /* As vmm_run(), with signals. */
    int (*go)(void *arg, const struct vmm_run *run, struct vmm_outcome *outcome,
              struct vmm_err *err);
};

/* Puts the files of a bundle into a machine in which nothing has run, before its run. outcome:
 * VMM_READY with status 0 when they are there. */
int worker_put_packages(const struct worker_install *install, const struct bundle_info *info,
                        struct vmm_outcome *outcome, struct vmm_err *err);

/* outcome: VMM_READY with status 0 when it is done. With another status the machine is as before,
 * and detail says why. */
int worker_install(const struct worker_install *install, struct vmm_outcome *outcome,
                   struct vmm_err *err);

#endif
