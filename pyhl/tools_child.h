// SPDX-License-Identifier: Apache-2.0
/*
 * Tools in the process that holds the VM, and is in jail: a set of functions for vmm_run() whose
 * calls go to the parent (tools_parent.h). A thread of its own waits for the replies, so that a
 * guest that computes gets them, too.
 */
#ifndef PYHL_TOOLS_CHILD_H
#define PYHL_TOOLS_CHILD_H

#include "channel.h"
#include "tools.h"

struct tools_child;

/* Makes the set. The channel must live as long. ENOMEM, and the errors of vmm_tools_create(). */
int tools_child_make(const struct tool_list *list, struct channel *channel,
                     struct tools_child **out, struct vmm_err *err);

/* Starts the thread: for vmm_jail.threads. */
int tools_child_thread(void *tools, struct vmm_err *err);

/* vmm_run() with the tools, to the end of the run. What it waits for tools is limited to the run's
 * timeout; then the outcome is VMM_TIMEOUT. Without tools (NULL) it is vmm_run(). */
int tools_child_run(struct tools_child *tools, struct vmm *vm, const struct vmm_run *run,
                    struct vmm_outcome *outcome, struct vmm_err *err);

/* Call it before the VM is destroyed. NULL is allowed. The memory stays, because the thread may use
 * it until the process ends. */
void tools_child_end(struct tools_child *tools);

#endif
