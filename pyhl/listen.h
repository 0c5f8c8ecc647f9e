// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses to listen on: HOST:PORT, [HOST]:PORT, :PORT, or unix:PATH. HOST is a number or
 * localhost; 127.0.0.1 if there is none. No name is looked up, because a static program cannot.
 */
#ifndef PYHL_LISTEN_H
#define PYHL_LISTEN_H

#include "vmm/vmm.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct listen_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } address;
    socklen_t size;
};

/* Returns 0 or, with *err, -errno. */
int listen_parse(const char *text, struct listen_address *out, struct vmm_err *err);

/* Listens there, and does not block. A unix socket has mode 0600; one that nobody listens on any
 * more is replaced. Returns the descriptor or, with *err, -errno. */
int listen_open(const char *text, const struct listen_address *address, struct vmm_err *err);

/* The address that a descriptor listens at, as a URL, or `text`, as which it was given. */
void listen_where(int fd, const char *text, char *where, size_t size);

/* Whether only this user can connect. */
bool listen_is_private(const struct listen_address *address);

#endif
