// SPDX-License-Identifier: Apache-2.0
/*
 * Starts workers by fork(), which shares the open snapshot with them, and reads their messages.
 */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL_FAILURES 5u

/* In the new process: it dies with the server, and has none of its descriptors but the socket and
 * the snapshot's. */
static _Noreturn void member_run(const struct pool *pool, pid_t server, int fd)
{
    const struct worker_start start = {.snap = pool->snap, .fd = fd};
    const struct member *other;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    TAILQ_FOREACH (other, &pool->members, link) {
        close(other->flow.in_fd);
    }
    (void)signal(SIGINT, SIG_IGN); /* a terminal's are for the server */
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != server) {
        _exit(1);
    }
    close(null);
    _exit(worker_main(&start));
}

static int member_start(struct pool *pool, struct vmm_err *err)
{
    struct member *m = calloc(1, sizeof(*m));
    const pid_t server = getpid();
    int fds[2];

    if (m == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        free(m);
        return vmm_err_set(err, errno, "a worker's socket: %s", strerror(errno));
    }
    m->pid = fork();
    if (m->pid == 0) {
        close(fds[0]);
        member_run(pool, server, fds[1]);
    }
    close(fds[1]);
    if (m->pid < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        const int code = errno;

        close(fds[0]);
        free(m);
        return vmm_err_set(err, code, "a worker's process: %s", strerror(code));
    }
    m->flow.in_fd = m->flow.out_fd = fds[0];
    TAILQ_INSERT_TAIL(&pool->members, m, link);
    return 0;
}

size_t pool_count(const struct pool *pool, enum member_state state)
{
    const struct member *m;
    size_t count = 0;

    TAILQ_FOREACH (m, &pool->members, link) {
        count += m->state == state;
    }
    return count;
}

int pool_fill(struct pool *pool, struct vmm_err *err)
{
    size_t spare = pool_count(pool, MEMBER_READY) + pool_count(pool, MEMBER_STARTING);
    int rc = 0;

    if (pool->failures >= POOL_FAILURES) {
        return vmm_err_set(err, EIO, "workers die before they are ready");
    }
    for (; rc == 0 && spare < pool->spare; spare++) {
        rc = member_start(pool, err);
    }
    return rc;
}

struct member *pool_take(struct pool *pool, void *owner)
{
    struct member *m;

    TAILQ_FOREACH (m, &pool->members, link) {
        if (m->state == MEMBER_READY) {
            m->state = MEMBER_TAKEN;
            m->owner = owner;
            return m;
        }
    }
    return NULL;
}

void pool_kill(struct member *member)
{
    (void)kill(member->pid, SIGKILL);
}

int pool_send(struct member *member, const struct worker_message *message, const void *bytes)
{
    int rc = flow_put(&member->flow, message, sizeof(*message));

    rc = rc == 0 ? flow_put(&member->flow, bytes, message->size) : rc;
    if (rc == 0) {
        (void)flow_write(&member->flow);
    } else {
        pool_kill(member); /* it may have half the message */
    }
    return rc;
}

void pool_signal(struct member *member, int signo, int serial)
{
    (void)sigqueue(member->pid, signo, (union sigval){.sival_int = serial});
}

size_t pool_poll(struct pool *pool, bool reads, struct pollfd *fds, size_t max)
{
    const struct member *m;
    size_t count = 0;

    TAILQ_FOREACH (m, &pool->members, link) {
        const bool writes = flow_out_size(&m->flow) > 0;

        if (count < max) {
            fds[count++] = (struct pollfd){
                .fd = m->flow.in_fd,
                .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)),
            };
        }
    }
    return count;
}

/* Says how a process ended. */
static void member_why(const struct member *m, int status, char why[320])
{
    if (m->said[0] != 0) {
        (void)snprintf(why, 320, "the worker failed: %s", m->said);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(why, 320, "the worker was killed by signal %d%s", WTERMSIG(status),
                       WTERMSIG(status) == SIGSYS ? ": it was denied a system call" : "");
    } else {
        (void)snprintf(why, 320, "the worker ended with status %d", WEXITSTATUS(status));
    }
}

/* Ends a worker, if it has not ended by itself, and forgets it. */
static void member_end(struct pool *pool, struct member *m)
{
    char why[320];
    int status = 0;

    close(m->flow.in_fd);
    kill(m->pid, SIGKILL); /* one that has ended keeps its status */
    while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR) {
    }
    TAILQ_REMOVE(&pool->members, m, link);
    if (m->state == MEMBER_TAKEN) {
        member_why(m, status, why);
        pool->died(pool->arg, m, why);
    } else if (m->state == MEMBER_STARTING) {
        pool->failures++;
    }
    flow_free(&m->flow);
    free(m);
}

/* Takes one message off a worker's flow. Returns false when there is no whole one, or, with *bad,
 * when the worker has sent what no worker sends. */
static bool member_message(struct pool *pool, struct member *m, bool *bad)
{
    struct worker_message message;
    const uint8_t *bytes;

    if (flow_in_size(&m->flow) < sizeof(message)) {
        return false;
    }
    memcpy(&message, flow_in(&m->flow), sizeof(message));
    if (message.size > WORKER_BYTES) {
        *bad = true;
        return false;
    }
    if (flow_in_size(&m->flow) < sizeof(message) + message.size) {
        return false;
    }
    bytes = flow_in(&m->flow) + sizeof(message);
    flow_take(&m->flow, sizeof(message) + message.size);
    if (message.kind == WORKER_FAILED) {
        const size_t size = message.size < sizeof(m->said) ? message.size : sizeof(m->said) - 1;

        memcpy(m->said, bytes, size);
        m->said[size] = 0;
    } else if (message.kind == WORKER_READY) {
        if (m->state == MEMBER_TAKEN && !pool->ready(pool->arg, m)) {
            *bad = true; /* it stays taken: its user is told of the end */
            return false;
        }
        m->state = MEMBER_READY;
        m->owner = NULL;
        pool->failures = 0;
    } else if (m->state == MEMBER_TAKEN) {
        pool->message(pool->arg, m, &message, bytes);
    } else {
        *bad = true;
    }
    return !*bad;
}

static bool member_alive(struct pool *pool, struct member *m, short revents)
{
    bool bad = false;
    int rc = revents & POLLOUT ? flow_write(&m->flow) : 0;

    if (revents & (POLLIN | POLLHUP | POLLERR)) {
        rc = flow_read(&m->flow);
        while (member_message(pool, m, &bad)) {
        }
    }
    return !bad && (rc == 0 || rc == -EAGAIN);
}

void pool_ready(struct pool *pool, const struct pollfd *fds, size_t count)
{
    struct member *m = TAILQ_FIRST(&pool->members);

    for (size_t i = 0; i < count && m != NULL; i++) {
        struct member *next = TAILQ_NEXT(m, link);

        if (fds[i].revents != 0 && !member_alive(pool, m, fds[i].revents)) {
            member_end(pool, m);
        }
        m = next;
    }
}

void pool_trim(struct pool *pool)
{
    size_t waiting = pool_count(pool, MEMBER_READY);
    struct member *m = TAILQ_FIRST(&pool->members), *next;

    for (; m != NULL && waiting > pool->spare; m = next) {
        next = TAILQ_NEXT(m, link);
        if (m->state == MEMBER_READY) {
            member_end(pool, m);
            waiting--;
        }
    }
}

void pool_close(struct pool *pool)
{
    struct member *next;

    for (struct member *m = TAILQ_FIRST(&pool->members); m != NULL; m = next) {
        next = TAILQ_NEXT(m, link);
        m->state = MEMBER_READY; /* nobody is told */
        member_end(pool, m);
    }
}
