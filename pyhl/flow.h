// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes on their way through a descriptor that does not block: what has come and was not taken
 * apart yet, and what is to go.
 */
#ifndef PYHL_FLOW_H
#define PYHL_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_bytes {
    uint8_t *bytes;
    size_t at, end, room; /* what counts is from at to end */
};

struct flow {
    int in_fd, out_fd; /* may be one; -1: ended */
    struct flow_bytes in, out;
    bool passes; /* a descriptor is to go, after so many bytes of out */
    int pass_fd;
    size_t pass_after;
};

/* Reads once, when there is something to read. Returns 0, -EAGAIN when nothing was there, -EPIPE at
 * the end, or another negative errno. */
int flow_read(struct flow *flow);

/* What has come and is not taken. */
const uint8_t *flow_in(const struct flow *flow);
size_t flow_in_size(const struct flow *flow);
/* Takes bytes off it. Those that flow_in() gave stay valid until the next flow_read(). */
void flow_take(struct flow *flow, size_t size);

/* Adds to what is to go. Returns 0 or -ENOMEM. */
int flow_put(struct flow *flow, const void *bytes, size_t size);
/* The same, for a socket, and a descriptor goes with the first of the bytes. The flow closes it.
 * One can be on its way: -EBUSY. */
int flow_pass(struct flow *flow, const void *bytes, size_t size, int fd);
uint8_t *flow_out(const struct flow *flow); /* what is to go; it may be changed */
size_t flow_out_size(const struct flow *flow);

/* Writes what goes without waiting. Returns 0 or -EPIPE, and the like. */
int flow_write(struct flow *flow);

/* Frees the memory; the descriptors are the caller's. */
void flow_free(struct flow *flow);

#endif
