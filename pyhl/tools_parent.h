// SPDX-License-Identifier: Apache-2.0
/*
 * Runs tools in the parent, which is not in jail (parent.h). Several run at once; those beyond a
 * bound wait for their turn.
 */
#ifndef PYHL_TOOLS_PARENT_H
#define PYHL_TOOLS_PARENT_H

#include "parent.h"
#include "tools.h"

struct tools_parent;

/* Serves the child's calls of these tools. The list must live as long. ENOMEM, ENOSPC. */
int tools_parent_offer(const struct tool_list *list, struct parent *parent,
                       struct tools_parent **out, struct vmm_err *err);

/* Kills what still runs. NULL is allowed. */
void tools_parent_end(struct tools_parent *tools);

#endif
