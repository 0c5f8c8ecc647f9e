// SPDX-License-Identifier: Apache-2.0
/*
 * What a run gives, kept in memory and written as one JSON object: `pyhl run --json`. How much is
 * kept is bounded by vmm_run.max_output, which must not be 0.
 */
#ifndef PYHL_RESULT_H
#define PYHL_RESULT_H

#include "vmm/vmm.h"

#include <jansson.h>

#define RESULT_BYTES (64ull << 20) /* of output, unless the user says more or less */

struct result;

/* NULL: out of memory. */
struct result *result_new(void);
void result_free(struct result *result);

/* Takes stdout, stderr and records of the runs that follow. */
void result_io(struct result *result, struct vmm_io *io);

/* Writes the object, and a newline, to standard output, and forgets what the run gave. text says
 * why the run was ended, unless the program ended it itself: then it is NULL. Returns 0 or the
 * negative errno of a write. */
int result_write(struct result *result, const struct vmm_outcome *outcome, const char *text,
                 int status);

/* An object of what is counted of a run, with the names that result_write() gives, too. NULL: out
 * of memory. */
json_t *result_counts(const struct vmm_counters *counters);

#endif
