// SPDX-License-Identifier: Apache-2.0
#include "flow.h"
#include "passing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOW_READ 65536u     /* room for a read, at least */
#define FLOW_KEEP (1u << 20) /* an empty buffer that is larger is given back */

/* Makes room for more bytes after the end. */
static int bytes_reserve(struct flow_bytes *b, size_t more)
{
    size_t room = b->room > 0 ? b->room : FLOW_READ;
    uint8_t *bytes;

    if (b->at > 0 && b->room - b->end < more) {
        memmove(b->bytes, b->bytes + b->at, b->end - b->at);
        b->end -= b->at;
        b->at = 0;
    }
    while (room - b->end < more) {
        room *= 2;
    }
    if (room == b->room) {
        return 0;
    }
    bytes = realloc(b->bytes, room);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    b->bytes = bytes;
    b->room = room;
    return 0;
}

static void bytes_take(struct flow_bytes *b, size_t size)
{
    b->at += size;
    if (b->at == b->end) {
        b->at = b->end = 0;
    }
}

/* Gives a large buffer back once it is empty. */
static void bytes_trim(struct flow_bytes *b)
{
    if (b->end == 0 && b->room > FLOW_KEEP) {
        free(b->bytes);
        *b = (struct flow_bytes){0};
    }
}

int flow_read(struct flow *flow)
{
    struct flow_bytes *in = &flow->in;
    ssize_t n;
    int rc;

    bytes_trim(in);
    rc = bytes_reserve(in, FLOW_READ);
    if (rc < 0) {
        return rc;
    }
    n = read(flow->in_fd, in->bytes + in->end, in->room - in->end);
    if (n < 0) {
        return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
    in->end += (size_t)n;
    return n == 0 ? -EPIPE : 0;
}

const uint8_t *flow_in(const struct flow *flow)
{
    return flow->in.bytes + flow->in.at;
}

size_t flow_in_size(const struct flow *flow)
{
    return flow->in.end - flow->in.at;
}

void flow_take(struct flow *flow, size_t size)
{
    bytes_take(&flow->in, size);
}

int flow_put(struct flow *flow, const void *bytes, size_t size)
{
    struct flow_bytes *out = &flow->out;
    const int rc = bytes_reserve(out, size);

    if (rc == 0 && size > 0) {
        memcpy(out->bytes + out->end, bytes, size);
        out->end += size;
    }
    return rc;
}

int flow_pass(struct flow *flow, const void *bytes, size_t size, int fd)
{
    const size_t before = flow_out_size(flow);
    int rc = flow->passes ? -EBUSY : flow_put(flow, bytes, size);

    if (rc < 0) {
        close(fd);
        return rc;
    }
    flow->passes = true;
    flow->pass_fd = fd;
    flow->pass_after = before;
    return 0;
}

uint8_t *flow_out(const struct flow *flow)
{
    return flow->out.bytes + flow->out.at;
}

size_t flow_out_size(const struct flow *flow)
{
    return flow->out.end - flow->out.at;
}

/* Writes up to the bytes that a descriptor goes with, and these with it. */
static ssize_t flow_write_passing(struct flow *flow)
{
    const struct flow_bytes *out = &flow->out;
    ssize_t n;

    if (flow->pass_after > 0) {
        n = write(flow->out_fd, out->bytes + out->at, flow->pass_after);
        flow->pass_after -= n > 0 ? (size_t)n : 0;
        return n;
    }
    n = passing_send(flow->out_fd, out->bytes + out->at, out->end - out->at, flow->pass_fd);
    if (n > 0) {
        close(flow->pass_fd);
        flow->passes = false;
    }
    return n;
}

int flow_write(struct flow *flow)
{
    struct flow_bytes *out = &flow->out;

    while (out->end > out->at) {
        const ssize_t n = flow->passes
                              ? flow_write_passing(flow)
                              : write(flow->out_fd, out->bytes + out->at, out->end - out->at);

        if (n < 0 && errno != EINTR) {
            return errno == EAGAIN ? 0 : -errno;
        }
        bytes_take(out, n > 0 ? (size_t)n : 0);
    }
    bytes_trim(out);
    return 0;
}

void flow_free(struct flow *flow)
{
    free(flow->in.bytes);
    free(flow->out.bytes);
    if (flow->passes) {
        close(flow->pass_fd);
        flow->passes = false;
    }
    flow->in = flow->out = (struct flow_bytes){0};
}
