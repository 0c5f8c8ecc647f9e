// SPDX-License-Identifier: Apache-2.0
/*
 * The trace of system calls, in the manner of strace(1).
 */
#ifndef TRACE_H
#define TRACE_H

#include "kernel.h"

/* Runs the call and writes its line. For a call that the kernel does not have, s or s->fn is
 * NULL. */
long trace_call(u64 nr, const struct syscall *s, const long a[6]);

#endif
