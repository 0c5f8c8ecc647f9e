// SPDX-License-Identifier: Apache-2.0
/*
 * What comes of a service run (WORKER_SERVICE): it fails by a record "failed", a type, a NUL and a
 * message, and its events are not those of a run of the client's code.
 */
#ifndef PYHL_SERVED_H
#define PYHL_SERVED_H

#include "service.h"

/* Whether the record is the run's failure, which is kept. */
bool served_record(struct job *job, const char *kind, const uint8_t *bytes, size_t size);
/* The run has ended: the client gets "done" or "failed". */
void served_done(const struct job *job, const struct vmm_outcome *outcome);

#endif
