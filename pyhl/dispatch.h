// SPDX-License-Identifier: Apache-2.0
/*
 * Which worker has which job.
 */
#ifndef PYHL_DISPATCH_H
#define PYHL_DISPATCH_H

#include "service.h"

/* Hands jobs to workers that are ready, and has workers made. Returns 0 or, with *err, -errno. */
int jobs_dispatch(struct service *s, struct vmm_err *err);

/* Kills the workers whose runs should have ended. Returns in how many ms it is to be called again;
 * -1: not by itself. */
int jobs_overdue(struct service *s);

/* Drops all jobs and sessions; the workers are gone. */
void jobs_end(struct service *s);

#endif
