// SPDX-License-Identifier: Apache-2.0
#ifndef VT_JAIL_H
#define VT_JAIL_H

#include "vt.h"

#include <sys/types.h>

/* The jail of a process with standard input, output and error, and no extras. */
struct vmm_jail jail_plain(void);
/* For good, so that a failed check can still say so. */
void jail_enter(const struct vmm_jail *jail);

/* /proc/PID/task/TID/status, and what in it tells of the jail. */
void jail_read_status(pid_t pid, pid_t tid, char text[4096]);
void jail_status_is(const char *text, bool in_jail);

#endif
