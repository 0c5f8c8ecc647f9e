// SPDX-License-Identifier: Apache-2.0
/*
 * A session in a VM of its own, from the home to the end of the last cell.
 */
#ifndef PYHL_REPL_H
#define PYHL_REPL_H

#include "repl_loop.h"
#include "start.h"

/* Restores a VM from *start, which it opens and closes, puts the process in jail, and runs the
 * loop. *run says what holds for each cell. Returns the exit status. */
int repl_session(const struct repl_config *config, const struct start_options *options,
                 struct start *start, const struct vmm_run *run);

#endif
