// SPDX-License-Identifier: Apache-2.0
/*
 * The workers of a server (worker.h), seen from the server: processes that are made ahead, so that
 * a run finds one waiting. The server itself never opens /dev/kvm. One thread uses a pool.
 */
#ifndef PYHL_POOL_H
#define PYHL_POOL_H

#include "flow.h"
#include "worker.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

enum member_state {
    MEMBER_STARTING, /* or being put back: not ready yet */
    MEMBER_READY,
    MEMBER_TAKEN,
};

struct member {
    TAILQ_ENTRY(member) link;
    enum member_state state;
    pid_t pid;
    struct flow flow;
    void *owner;    /* of the pool's user, while it is taken */
    char said[256]; /* what the worker has said of its failure */
};
TAILQ_HEAD(member_list, member);

struct pool {
    struct vmm_snapshot *snap;
    size_t spare; /* how many are to wait, or to be on their way to that */
    struct member_list members;
    size_t failures; /* of workers that died before they were ready, one after the other */
    /* A message of a taken worker. Its bytes are valid until it returns. */
    void (*message)(void *arg, struct member *member, const struct worker_message *message,
                    const uint8_t *bytes);
    /* Whether a taken worker may be spare again: it says that nothing has run in its machine. */
    bool (*ready)(void *arg, const struct member *member);
    /* A taken worker is no more. why is one line. */
    void (*died)(void *arg, struct member *member, const char *why);
    void *arg;
};

/* Starts workers until enough are spare. Returns 0 or, with *err, -errno. EIO when workers die
 * before they are ready, again and again. */
int pool_fill(struct pool *pool, struct vmm_err *err);

/* A worker that is ready, which is taken from now on; NULL: none is. It is spare again when it
 * sends WORKER_READY. */
struct member *pool_take(struct pool *pool, void *owner);

/* Sends a message to a worker. Of one that is gone pool_ready() finds it. Returns 0, or
 * -ENOMEM, and it is killed. */
int pool_send(struct member *member, const struct worker_message *message, const void *bytes);

/* Interrupts a run, or ends it. */
void pool_signal(struct member *member, int signo, int serial);

/* Kills a worker, which pool_ready() then finds gone. */
void pool_kill(struct member *member);

/* Ends workers that wait, beyond those that are to. */
void pool_trim(struct pool *pool);

/* The workers' descriptors, for poll(2): at most max of them. Returns how many. Unless `reads`,
 * nothing is read. */
size_t pool_poll(struct pool *pool, bool reads, struct pollfd *fds, size_t max);
/* After poll(2), with the same array. */
void pool_ready(struct pool *pool, const struct pollfd *fds, size_t count);

size_t pool_count(const struct pool *pool, enum member_state state);

/* Kills all workers and waits for their end. */
void pool_close(struct pool *pool);

#endif
