// SPDX-License-Identifier: Apache-2.0
/*
 * Starts workers by fork(), which shares the open snapshot with them, and reads their messages.
 */
#include "pool.h"
#include "child.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
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
#define POOL_RETRY_NS 1000000000ull
#define POOL_RETURN   5 /* seconds that a worker has to put its machine back */

/* In the new process: it dies with the server, and has none of its descriptors but the socket and
 * the snapshot's. */
static _Noreturn void member_run(const struct pool *pool, pid_t server, int fd)
{
    const struct worker_start start = {.snap = pool->snap, .fd = fd};
    int null;

    (void)signal(SIGINT, SIG_IGN); /* a terminal's are for the server */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGWINCH, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL); /* the function for it is the server's */
    if (child_close_others(fd, pool->kept, pool->kept_count) < 0) {
        _exit(1);
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != server) {
        _exit(1);
    }
    close(null);
    _exit(worker_main(&start));
}

/* Remembers the descriptors that are open now. */
static int pool_keep(struct pool *pool, DIR *dir)
{
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        const int fd = entry->d_name[0] != '.' ? atoi(entry->d_name) : -1;

        if (fd <= STDERR_FILENO || fd == dirfd(dir)) {
            continue;
        }
        if (pool->kept_count == POOL_KEPT) {
            return -EMFILE;
        }
        pool->kept[pool->kept_count++] = fd;
    }
    return 0;
}

int pool_begin(struct pool *pool, struct vmm_err *err)
{
    DIR *dir = opendir("/proc/self/fd");
    int rc;

    TAILQ_INIT(&pool->members);
    if (dir == NULL) {
        return vmm_err_set(err, errno, "/proc/self/fd: %s", strerror(errno));
    }
    rc = pool_keep(pool, dir);
    closedir(dir);
    return rc < 0 ? vmm_err_set(err, EMFILE, "over %u descriptors are open", POOL_KEPT) : 0;
}

static void member_on_read(evutil_socket_t fd, short what, void *arg);
static void member_on_write(evutil_socket_t fd, short what, void *arg);
static void member_on_late(evutil_socket_t fd, short what, void *arg);

static void member_free(struct member *m)
{
    if (m->reads != NULL) {
        event_free(m->reads);
    }
    if (m->writes != NULL) {
        event_free(m->writes);
    }
    if (m->late != NULL) {
        event_free(m->late);
    }
    flow_free(&m->flow);
    free(m);
}

/* The server's end of a worker. */
static struct member *member_new(struct pool *pool, int fd)
{
    struct member *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        return NULL;
    }
    m->pool = pool;
    m->flow.in_fd = m->flow.out_fd = fd;
    m->reads = event_new(pool->base, fd, EV_READ | EV_PERSIST, member_on_read, m);
    m->writes = event_new(pool->base, fd, EV_WRITE, member_on_write, m);
    m->late = evtimer_new(pool->base, member_on_late, m);
    if (m->reads == NULL || m->writes == NULL || m->late == NULL) {
        member_free(m);
        return NULL;
    }
    return m;
}

static int member_start(struct pool *pool, struct vmm_err *err)
{
    const pid_t server = getpid();
    struct member *m;
    int fds[2], code;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        return vmm_err_set(err, errno, "a worker's socket: %s", strerror(errno));
    }
    m = member_new(pool, fds[0]);
    if (m == NULL) {
        close(fds[0]);
        close(fds[1]);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    m->pid = fork();
    if (m->pid == 0) {
        member_run(pool, server, fds[1]);
    }
    code = errno;
    close(fds[1]);
    if (m->pid < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 || event_add(m->reads, NULL) < 0) {
        member_free(m);
        close(fds[0]);
        return vmm_err_set(err, code, "a worker's process: %s", strerror(code));
    }
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
    const struct member *m;
    int rc = 0;

    TAILQ_FOREACH (m, &pool->members, link) {
        spare += m->returns;
    }
    if (pool->failures >= POOL_FAILURES && !pool->began) {
        return vmm_err_set(err, EIO, "workers die before they are ready: %s", pool->why);
    }
    if (pool->failures >= POOL_FAILURES) {
        pool->failures = 0;
        pool->retry_ns = report_now() + POOL_RETRY_NS;
    }
    if (spare < pool->spare && report_now() < pool->retry_ns) {
        return vmm_err_set(err, EAGAIN, "workers die before they are ready: %s", pool->why);
    }
    for (; rc == 0 && spare < pool->spare; spare++) {
        rc = member_start(pool, err);
    }
    return rc;
}

void pool_pause(struct member *member, bool paused)
{
    if (member->flow.in_fd < 0) {
        return; /* it has ended */
    }
    if (paused) {
        (void)event_del(member->reads);
    } else if (event_add(member->reads, NULL) < 0) {
        (void)kill(member->pid, SIGKILL);
    }
}

void pool_kill(struct member *member)
{
    (void)kill(member->pid, SIGKILL);
    pool_pause(member, false); /* its end is to be seen */
}

/* Writes what can be written now, and the loop the rest. */
static int member_write(struct member *m)
{
    const int rc = flow_write(&m->flow);

    return rc == 0 && flow_out_size(&m->flow) > 0 && event_add(m->writes, NULL) < 0 ? -ENOMEM : rc;
}

int pool_send(struct member *member, const struct worker_message *message, const void *bytes)
{
    int rc = flow_put(&member->flow, message, sizeof(*message));

    rc = rc == 0 ? flow_put(&member->flow, bytes, message->size) : rc;
    if (rc < 0 || member_write(member) == -ENOMEM) {
        pool_kill(member); /* it may have half the message */
        return -ENOMEM;
    }
    return 0;
}

int pool_pass(struct member *member, const struct worker_message *message, int fd)
{
    const int rc = flow_pass(&member->flow, message, sizeof(*message), fd);

    if (rc == -EBUSY) {
        return rc;
    }
    if (rc < 0 || member_write(member) == -ENOMEM) {
        pool_kill(member);
        return -ENOMEM;
    }
    return 0;
}

void pool_return(struct member *member, bool reset)
{
    const struct worker_message message = {.kind = WORKER_RESET};
    const struct timeval late = {.tv_sec = POOL_RETURN};

    member->returns = !member->used_up;
    if (member->used_up || event_add(member->late, &late) < 0) {
        pool_kill(member);
    } else if (reset) {
        (void)pool_send(member, &message, NULL);
    }
}

void pool_signal(struct member *member, int signo, int serial)
{
    (void)sigqueue(member->pid, signo, (union sigval){.sival_int = serial});
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

    (void)event_del(m->reads);
    (void)event_del(m->writes);
    close(m->flow.in_fd);
    m->flow.in_fd = m->flow.out_fd = -1;
    kill(m->pid, SIGKILL); /* one that has ended keeps its status */
    while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR) {
    }
    TAILQ_REMOVE(&pool->members, m, link);
    member_why(m, status, why);
    if (m->state == MEMBER_TAKEN) {
        pool->died(pool->arg, m, why);
    } else if (m->state == MEMBER_STARTING) {
        pool->failures++;
        memcpy(pool->why, why, sizeof(pool->why));
    }
    member_free(m);
}

void pool_end(struct member *member)
{
    member->state = MEMBER_READY; /* nobody is told */
    member_end(member->pool, member);
}

/* Makes room for a new worker, where those that are ready serve others, and none is on its way. */
static void pool_make_room(struct pool *pool)
{
    struct member *m;

    if (pool_count(pool, MEMBER_STARTING) > 0) {
        return;
    }
    TAILQ_FOREACH (m, &pool->members, link) {
        if (m->state == MEMBER_READY) {
            member_end(pool, m);
            return;
        }
    }
}

struct member *pool_take(struct pool *pool, const void *for_whom)
{
    struct member *m, *found = NULL;

    TAILQ_FOREACH (m, &pool->members, link) {
        if (m->state == MEMBER_READY &&
            (m->for_whom == for_whom || (m->for_whom == NULL && found == NULL))) {
            found = m;
        }
        if (found != NULL && found->for_whom == for_whom) {
            break;
        }
    }
    if (found == NULL) {
        pool_make_room(pool);
        return NULL;
    }
    found->state = MEMBER_TAKEN;
    found->owner = NULL;
    found->for_whom = for_whom;
    return found;
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
        if (m->used_up || (m->state == MEMBER_TAKEN && !pool->ready(pool->arg, m))) {
            *bad = true; /* it stays taken: its user is told of the end */
            return false;
        }
        m->state = MEMBER_READY;
        m->owner = NULL;
        m->returns = false;
        (void)event_del(m->late);
        pool->failures = 0;
        pool->began = true;
    } else if (m->state == MEMBER_TAKEN) {
        pool->message(pool->arg, m, &message, bytes);
    } else {
        *bad = true;
    }
    return !*bad;
}

static void member_on_read(evutil_socket_t fd, short what, void *arg)
{
    struct member *m = arg;
    struct pool *pool = m->pool;
    const int rc = flow_read(&m->flow);
    bool bad = false;

    (void)fd, (void)what;
    while (member_message(pool, m, &bad)) {
    }
    if (bad || (rc < 0 && rc != -EAGAIN)) {
        member_end(pool, m);
    }
}

static void member_on_write(evutil_socket_t fd, short what, void *arg)
{
    struct member *m = arg;

    (void)fd, (void)what;
    if (member_write(m) == -ENOMEM) {
        pool_kill(m);
    }
}

/* A guest that has taken over its worker may keep it from becoming spare, and nothing would be run
 * in its place. */
static void member_on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    pool_kill(arg);
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
        pool_end(m);
    }
}
