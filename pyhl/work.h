// SPDX-License-Identifier: Apache-2.0
/*
 * A run as it was handed over to a worker, taken apart.
 */
#ifndef PYHL_WORK_H
#define PYHL_WORK_H

#include "pyhl.h"
#include "worker.h"

/* The arrays and what they point to are of one allocation. */
struct work {
    struct worker_run head;
    const char **args, **env, **tools;
    struct pyhl_run run;
    struct vmm_tools *set; /* NULL: the run has no functions */
};

typedef int work_call(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call);

/* Takes the bytes of a WORKER_RUN apart, after its head, which work->head has, and which a NUL
 * follows. They must stay. Calls of the run's functions go to on_call. Returns 0 or, with *err,
 * -errno. work_free() it in any case. */
int work_make(struct work *work, work_call *on_call, const char *bytes, size_t size,
              struct vmm_err *err);
void work_free(struct work *work);

#endif
