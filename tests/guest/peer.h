// SPDX-License-Identifier: Apache-2.0
/*
 * Another process that makes calls when it is told to, so that a test decides their order. It is a
 * fork: it has the descriptors and the functions of the test.
 */
#ifndef TESTS_GUEST_PEER_H
#define TESTS_GUEST_PEER_H

#include "t.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

typedef long (*peer_fn)(long a, long b, long c);

struct peer {
    pid_t pid;
    int fd;
};

struct peer_order {
    peer_fn fn;
    long arg[3];
};

static void peer_serve(int fd)
{
    struct peer_order order;

    while (read(fd, &order, sizeof(order)) == (ssize_t)sizeof(order)) {
        long result = order.fn(order.arg[0], order.arg[1], order.arg[2]);
        if (result == -1) {
            result = -errno;
        }
        if (write(fd, &result, sizeof(result)) != (ssize_t)sizeof(result)) {
            break;
        }
    }
    _exit(0);
}

static inline struct peer peer_start(void)
{
    int fds[2];
    struct peer p;

    T_MUST("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    p.pid = fork();
    T_MUST("fork", p.pid >= 0);
    if (p.pid == 0) {
        close(fds[0]);
        peer_serve(fds[1]);
    }
    close(fds[1]);
    p.fd = fds[0];
    return p;
}

/* Begins a call, and gets the result of the call that has begun: -errno when it is -1. */
static inline void peer_begin(struct peer p, peer_fn fn, long a, long b, long c)
{
    struct peer_order order = {fn, {a, b, c}};

    T_MUST("order", write(p.fd, &order, sizeof(order)) == (ssize_t)sizeof(order));
}

static inline long peer_result(struct peer p)
{
    long result;

    T_MUST("answer", read(p.fd, &result, sizeof(result)) == (ssize_t)sizeof(result));
    return result;
}

static inline long peer_call(struct peer p, peer_fn fn, long a, long b, long c)
{
    peer_begin(p, fn, a, b, c);
    return peer_result(p);
}

static inline void peer_kill(struct peer p)
{
    kill(p.pid, SIGKILL);
    waitpid(p.pid, NULL, 0);
    close(p.fd);
}

static inline void peer_end(struct peer p)
{
    shutdown(p.fd, SHUT_RDWR); /* later peers have this end, too */
    waitpid(p.pid, NULL, 0);
    close(p.fd);
}

#endif
