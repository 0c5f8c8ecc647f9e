// SPDX-License-Identifier: Apache-2.0
/*
 * A session in a VM of its own, from the home to the end of the last cell.
 */
#ifndef PYHL_REPL_H
#define PYHL_REPL_H

#include "repl_loop.h"

/* Restores a VM from a home (dest as for pyhl_home_open()), puts the process in jail, and runs the
 * loop. *run says what holds for each cell. Returns the exit status. */
int repl_session(const struct repl_config *config, const char *dest, const struct vmm_run *run);

#endif
