// SPDX-License-Identifier: Apache-2.0
#ifndef UNIT_KERNEL_SIDES_H
#define UNIT_KERNEL_SIDES_H

#include "hostfs.h"

/* An empty file system on both sides. */
bool sides_begin(void);
/* The kernel's goes; whether all of its memory came back. */
bool sides_end(void);
/* Makes the call on both sides. Returns whether it ended alike, with the same file, and prints what
 * differs when not; *rc is the host's result. */
bool sides_call(enum hostfs_op op, unsigned flags, const char *a, const char *b, int *rc);

#endif
