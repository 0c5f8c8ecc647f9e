// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions on disk: the state of one that is paused is in a file, and it has no worker. The file
 * has no name, so it goes when nobody has it open any more, however the server ends.
 */
#ifndef PYHL_OP_PAUSE_H
#define PYHL_OP_PAUSE_H

#include "service.h"

#define PAUSE_LIMIT (64ull << 30) /* of disk, where nothing else is said */

/* Opens the directory for states. Returns 0 or, with *err, -errno. */
int pause_begin(struct service *s, struct vmm_err *err);

/* A paused session that has something to do gets a job that brings it back. */
void pause_wake(struct service *s, struct session_vm *session);

/* A job about a state on disk was answered. */
void pause_answered(struct service *s, struct job *job);

/* Pauses sessions that have been idle for long enough. Returns in how many ms it is to be called
 * again; -1: not by itself. */
int pauses_turn(struct service *s);

#endif
