// SPDX-License-Identifier: Apache-2.0
/*
 * How long the command itself may wait, outside of runs: for the text of a script, for a reader of
 * its messages. libvmm sees to the runs. Of the process, which has one thread.
 */
#ifndef PYHL_DEADLINE_H
#define PYHL_DEADLINE_H

#include "vmm/vmm.h"

/* To be called once, before the rest: what is waited for ends timeout_ns from now; 0: never. Takes
 * SIGALRM. */
int deadline_begin(uint64_t timeout_ns, struct vmm_err *err);

/* Another timeout_ns from now: an iteration begins. */
void deadline_renew(void);

/* From the deadline on, though not at once (a reader may be about to read), system calls that block
 * fail with EINTR, also those that are made later, until deadline_unwatch(). Handlers of other
 * signals have the same effect. */
int deadline_watch(struct vmm_err *err);
void deadline_unwatch(void);

#endif
