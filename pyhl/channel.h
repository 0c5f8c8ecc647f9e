// SPDX-License-Identifier: Apache-2.0
/*
 * The way between a process in jail, which holds a VM, and its parent, which is not in jail
 * (parent.h). The child asks and the parent answers: one request at a time, each a message of fixed
 * size over a socket. Bytes go with a message through memory that both processes map. That memory
 * belongs to the child, but from a request until its answer it is the parent's. The parent may also
 * send notices, which answer no request and carry no bytes.
 *
 * A guest may have taken over the child. So the parent believes nothing that comes from it. Nothing
 * keeps such a child from changing the memory while the parent reads it.
 */
#ifndef PYHL_CHANNEL_H
#define PYHL_CHANNEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_BYTES   (1u << 20) /* of the shared memory */
#define CHANNEL_NOTICES 256u       /* the most that the child keeps before they are taken */

struct channel_message {
    uint32_t kind;      /* of a request or notice: what it asks for or tells */
    int32_t result;     /* of an answer: 0 or more, or -errno */
    uint64_t serial;    /* of a request, and of its answer; 0: a notice */
    uint64_t size;      /* bytes in the shared memory that belong to the message */
    uint64_t number[4]; /* as the kind says */
};

/* The child's end. */
struct channel {
    /* Held by its users from before they put a request's bytes in place until they have taken those
     * of the answer. */
    pthread_mutex_t lock;
    int fd; /* the one that vmm_jail.channel_fd names */
    uint8_t *bytes;
    uint64_t serial;   /* of the last request */
    bool open;         /* it was not answered yet */
    uint64_t until_ns; /* requests give up at this instant of CLOCK_MONOTONIC; 0: never */
    /* NULL, or whether to give up now. Asked when a signal has interrupted the wait. */
    bool (*give_up)(void);
    struct channel_message notices[CHANNEL_NOTICES];
    size_t notice_count;
};

/* Sends a request, whose bytes are in place, and waits for the answer, which replaces it. kind,
 * size and number are the caller's. Returns 0, or -ETIMEDOUT when it gave up, -EPIPE when the
 * parent is gone, -EPROTO for an answer that is none. After -ETIMEDOUT the next request first waits
 * for the late answer, and drops it. */
int channel_call(struct channel *channel, struct channel_message *message);

/* The oldest notice that was not taken. Waits for one up to an instant of CLOCK_MONOTONIC; 0: not
 * at all. Returns 0, -EAGAIN when there is none, or as channel_call(). No request may be open. */
int channel_notice(struct channel *channel, uint64_t until_ns, struct channel_message *notice);

#endif
