// SPDX-License-Identifier: Apache-2.0
/*
 * How long the command itself may wait outside of runs: for the text of a script, or for a reader
 * of its messages. libvmm bounds the runs. There is one deadline for the process, which has one
 * thread.
 */
#ifndef PYHL_DEADLINE_H
#define PYHL_DEADLINE_H

#include "vmm/vmm.h"

/* Sets the deadline timeout_ns from now; 0: never. Call it once, before the rest. It takes
 * SIGALRM. */
int deadline_begin(uint64_t timeout_ns, struct vmm_err *err);

/* In a child after fork(), which has none of its parent's timers. */
int deadline_forked(struct vmm_err *err);

/* Sets the deadline timeout_ns from now again, because an iteration begins. */
void deadline_renew(void);

/* After this call, system calls that block fail with EINTR from the deadline on, also calls that
 * are made later. When the deadline is over already, they get a short time, since a reader may be
 * about to read. deadline_unwatch() ends this. Handlers of other signals interrupt such calls in
 * the same way. */
int deadline_watch(struct vmm_err *err);
void deadline_unwatch(void);

#endif
