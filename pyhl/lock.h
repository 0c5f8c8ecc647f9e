// SPDX-License-Identifier: Apache-2.0
/*
 * Lock files: one process at a time holds the lock of a name in a folder. A process that ends gives
 * it up, however it ends.
 */
#ifndef PYHL_LOCK_H
#define PYHL_LOCK_H

#include "folder.h"

/* Takes the lock and returns its descriptor. When another process holds it, calls waiting(arg) and
 * waits; with waiting NULL it does not wait (EWOULDBLOCK). Only the user and root can hold the
 * lock: EPERM when there is another's file, or one that others can open. EINTR for an interrupted
 * wait. */
int lock_take(const struct folder *folder, const char *name, void (*waiting)(const void *arg),
              const void *arg, struct vmm_err *err);

/* Removes the lock file and gives the lock up; -1 is none. */
void lock_release(const struct folder *folder, const char *name, int fd);

#endif
