// SPDX-License-Identifier: Apache-2.0
/*
 * What the command says on standard error. A message must not hold the process. When nobody reads
 * it, it is given up at the deadline (deadline.h) or when a signal comes; the exit status says the
 * same in short. Without a deadline it waits for its reader.
 */
#ifndef PYHL_MESSAGE_H
#define PYHL_MESSAGE_H

#define MESSAGE_MAX 16384 /* bytes; the rest is left out. Two paths of 4096 in words fit */

/* Writes whole lines, in one piece as far as a pipe keeps them so. */
void message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
