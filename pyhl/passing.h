// SPDX-License-Identifier: Apache-2.0
/*
 * A descriptor that goes through a socket together with bytes.
 */
#ifndef PYHL_PASSING_H
#define PYHL_PASSING_H

#include <stddef.h>
#include <sys/types.h>

/* As send(2); the descriptor goes with the first of the bytes. */
ssize_t passing_send(int socket, const void *bytes, size_t size, int fd);

/* As recv(2). *fd is a descriptor that came along, which the caller closes, or -1. */
ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd);

#endif
