// SPDX-License-Identifier: Apache-2.0
/*
 * What a process in jail needs where the guest calls functions of the host that answer later: a
 * thread that takes the replies, and the wait for them.
 */
#ifndef PYHL_REPLIES_H
#define PYHL_REPLIES_H

#include "vmm/vmm.h"

/* Starts the thread, for vmm_jail.threads. Signals are for the other thread. What a new thread does
 * at first it must do before the list of system calls holds: the caller waits until it has begun.
 */
int replies_thread(void *(*work)(void *arg), void *arg, struct vmm_err *err);

/* Goes on with a run while the guest can do nothing but wait for replies (VMM_CALLED). That time
 * does not count as the run's, so it is limited by itself, to the run's timeout; then the outcome
 * is VMM_TIMEOUT. 0: no limit. suspended: NULL, or called with arg whenever the guest waits, and
 * after vmm_wake(). */
int replies_wait(struct vmm *vm, uint64_t timeout_ns, void (*suspended)(void *arg), void *arg,
                 struct vmm_outcome *outcome, struct vmm_err *err);

#endif
