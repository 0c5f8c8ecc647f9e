// SPDX-License-Identifier: Apache-2.0
/*
 * The workers of a server (worker.h), seen from the server: processes that are made ahead, so that
 * a run finds one waiting. The server itself never opens /dev/kvm. One thread uses a pool.
 */
#ifndef PYHL_POOL_H
#define PYHL_POOL_H

#include "flow.h"
#include "worker.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#define POOL_KEPT 16u

enum member_state {
    MEMBER_STARTING, /* or being put back: not ready yet */
    MEMBER_READY,
    MEMBER_TAKEN,
};

struct member {
    TAILQ_ENTRY(member) link;
    struct pool *pool;
    struct event *reads, *writes;
    struct event *late; /* it should have returned */
    enum member_state state;
    pid_t pid;
    struct flow flow;
    void *owner;          /* of the pool's user, while it is taken */
    const void *for_whom; /* whom alone it serves since it was first taken; NULL: it was not yet */
    bool returns;         /* it is taken still, and will be ready soon, unless it dies */
    bool used_up;         /* it is never spare again */
    char said[256];       /* what the worker has said of its failure */
};
TAILQ_HEAD(member_list, member);

struct pool {
    struct event_base *base;
    int kept[POOL_KEPT]; /* beside its socket and the standard ones, the descriptors that a worker
                            has */
    size_t kept_count;
    struct vmm_snapshot *snap;
    size_t spare; /* how many are to wait, or to be on their way to that */
    struct member_list members;
    size_t failures;   /* of workers that died before they were ready, one after the other */
    char why[320];     /* the last one of them died */
    bool began;        /* one was ready once: what is in the way of another may pass */
    uint64_t retry_ns; /* CLOCK_MONOTONIC: none is started before */
    /* A message of a taken worker. Its bytes are valid until it returns. */
    void (*message)(void *arg, struct member *member, const struct worker_message *message,
                    const uint8_t *bytes);
    /* Whether a taken worker may be spare again: it says that nothing has run in its machine. */
    bool (*ready)(void *arg, const struct member *member);
    /* A taken worker is no more. why is one line. */
    void (*died)(void *arg, struct member *member, const char *why);
    void *arg;
};

/* A worker has the descriptors that are open now, and its socket. What is set already stays: snap,
 * spare and the functions. pool->base must be set before the first worker is started. Returns 0 or,
 * with *err, -errno. */
int pool_begin(struct pool *pool, struct vmm_err *err);

/* Starts workers until enough are spare. Returns 0 or, with *err, -errno. EIO when workers die
 * before they are ready, again and again; EAGAIN where some were ready before: then none is started
 * for a while. */
int pool_fill(struct pool *pool, struct vmm_err *err);

/* A worker that is ready, which is taken from now on; NULL: none is, but one may be soon. It is
 * spare again when it sends WORKER_READY, for the same `for_whom` only: who has taken over a worker
 * must not get what others have run in it. */
struct member *pool_take(struct pool *pool, const void *for_whom);

/* Sends a message to a worker. That one is gone is found out by the loop. Returns 0, or -ENOMEM,
 * and it is killed. */
int pool_send(struct member *member, const struct worker_message *message, const void *bytes);

/* A taken worker puts its machine back by itself; reset: it is told to. From then on it counts as
 * one that is to wait. */
void pool_return(struct member *member, bool reset);

/* The same, without bytes and with a descriptor, which is the pool's from now on. One may be on its
 * way: -EBUSY, and nothing is sent. */
int pool_pass(struct member *member, const struct worker_message *message, int fd);

/* Interrupts a run, or ends it. */
void pool_signal(struct member *member, int signo, int serial);

/* Kills a worker, which the loop then finds gone. */
void pool_kill(struct member *member);

/* Ends a worker at once, and waits until its process is gone. The member is no more, and nobody is
 * told. Not from within a function of struct pool. */
void pool_end(struct member *member);

/* Whether what a worker sends stays unread for now. */
void pool_pause(struct member *member, bool paused);

/* Ends workers that wait, beyond those that are to. */
void pool_trim(struct pool *pool);

size_t pool_count(const struct pool *pool, enum member_state state);

/* Kills all workers and waits for their end. */
void pool_close(struct pool *pool);

#endif
