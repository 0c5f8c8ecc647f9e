// SPDX-License-Identifier: Apache-2.0
/*
 * Copying in the process that holds the VM, and is in jail: the lists of files for vmm_run(), whose
 * functions ask the parent (copies_parent.h).
 */
#ifndef PYHL_COPIES_CHILD_H
#define PYHL_COPIES_CHILD_H

#include "channel.h"
#include "copies.h"

struct copies_child;

/* The list, the channel and name, which begins messages, must live as long. ENOMEM. */
int copies_child_make(struct copies *copies, struct channel *channel, const char *name,
                      struct copies_child **out, struct vmm_err *err);

/* Gives the run its files. NULL copies: it has none. */
void copies_child_begin(struct copies_child *copies, struct vmm_run *run);

/* The run is over, with this outcome. Returns whether all that it left, and that was wanted, was
 * copied. If not, the user has been told. When a run did not come to its own end the outcome says
 * enough. */
bool copies_child_end(struct copies_child *copies, const struct vmm_outcome *outcome);

#endif
