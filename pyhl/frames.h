// SPDX-License-Identifier: Apache-2.0
/*
 * The client at the other ends of standard input and output, which speaks in frames (PROTOCOL.md).
 */
#ifndef PYHL_FRAMES_H
#define PYHL_FRAMES_H

#include "service.h"

struct frames;

/* Neither end blocks any more, until frames_end(). Returns 0 or, with *err, -errno. */
int frames_begin(struct service *service, struct frames **out, struct vmm_err *err);

/* Before each sleep of the loop. Returns whether there is more to do; if not, *status is the exit
 * status of the server, as far as this client has a say. */
bool frames_turn(struct frames *frames, int *status);

/* Puts back what others see of the ends. NULL is allowed. */
void frames_end(struct frames *frames);

#endif
