// SPDX-License-Identifier: Apache-2.0
#ifndef PYHL_OP_FORK_H
#define PYHL_OP_FORK_H

#include "service.h"

/* What follows from the answers of workers about states (states.h). To be called before each sleep
 * of the loop, ahead of jobs_dispatch(). */
void forks_turn(struct service *s);

#endif
