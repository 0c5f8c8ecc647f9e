// SPDX-License-Identifier: Apache-2.0
/*
 * The process sends one message, with the descriptor of the bundle, when everything of it is off
 * the disk. The bundle has no name: it goes with its last descriptor. One that is to end gets
 * SIGTERM first, so that it takes away what it has made, and some time later SIGKILL.
 */
#include "finder.h"
#include "message.h"
#include "packages_more.h"
#include "signals.h"

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

#define FINDER_SAID                                                                                \
    (96u << 10) /* bytes of what it says that are passed on; uv is cut to 64 KiB                   \
                 */
#define FINDER_GRACE_NS 3000000000ull
#define NS_PER_S        1000000000ull
#define NS_PER_US       1000ull

struct finder {
    struct finder_task task;
    pid_t pid;
    int result, output; /* sockets and pipes to it */
    size_t said;
    int ended; /* an errno: why it is to end */
    struct event *on_result, *on_output, *on_time;
    struct finder_found found;
};

/* --- in the process --- */

/* A file of the cache folder without a name. */
static int finder_file(const struct more *more, struct vmm_err *err)
{
    const int fd = folder_make(&more->work.dir, "bundle", err);

    if (fd >= 0 && folder_remove(&more->work.dir, "bundle", err) < 0) {
        close(fd);
        return -err->code;
    }
    return fd;
}

/* Writes what was found. Returns the descriptor; -1: nothing is missing. */
static int finder_bundle(struct more *more, struct finder_found *found, struct vmm_err *err)
{
    int fd, rc;

    if (more->tree.entries == 0) {
        return -1;
    }
    fd = finder_file(more, err);
    rc = fd < 0 ? fd : bundle_write(&more->reader, fd, &found->info, err);
    if (rc < 0 && fd >= 0) {
        close(fd);
    }
    (void)snprintf(found->names, sizeof(found->names), "%.*s", (int)sizeof(found->names) - 1,
                   more->names);
    found->replaces = more->tree.replaces;
    return rc < 0 ? -1 : fd;
}

/* Sends the result, with the descriptor unless it is -1. */
static void finder_tell(int to, const struct finder_found *found, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec text = {.iov_base = (void *)(uintptr_t)found, .iov_len = sizeof(*found)};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    }
    (void)sendmsg(to, &message, MSG_NOSIGNAL);
}

static void finder_work(const struct finder_task *task, int result)
{
    struct finder_found *found = calloc(1, sizeof(*found));
    struct vmm_err err = {0}, left = {0};
    struct more more;
    int fd = -1;

    if (found == NULL) {
        return;
    }
    more_begin(&more, task->wish);
    if (more_find(&more, task->fresh ? NULL : &task->have, &task->words, &err) == 0) {
        fd = finder_bundle(&more, found, &err);
    }
    if (err.code != 0 && more.tree.said != NULL) {
        message("%s", more.tree.said);
    }
    if (more_drop(&more, &left) < 0) {
        message("pyhl %s: %s\n", task->wish->cmd, left.msg);
    }
    more_end(&more);
    found->err = err;
    finder_tell(result, found, fd);
    free(found);
}

/* The process dies with the server, and has none of its descriptors but those to the server. */
static _Noreturn void finder_process(const struct finder_task *task, pid_t server, int result,
                                     int output)
{
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC), own = STDERR_FILENO + 1;

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || (result != own && dup3(result, own, O_CLOEXEC) < 0) ||
        close_range((unsigned)own + 1, ~0u, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        getppid() != server) {
        _exit(1);
    }
    signals_default();
    signals_catch(false);
    finder_work(task, own);
    _exit(0);
}

/* --- in the server --- */

static void finder_close(struct finder *f)
{
    struct event *events[] = {f->on_result, f->on_output, f->on_time};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    f->on_result = f->on_output = f->on_time = NULL;
    if (f->pid > 0) {
        close(f->result);
        close(f->output);
    }
}

/* Waits for the process, which has sent its result or has ended. Returns how it ended. */
static int finder_reap(struct finder *f)
{
    int status = 0;

    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR) {
        }
        f->pid = 0;
    }
    return status;
}

/* Passes on what it has said. Returns false at the end. */
static bool finder_listen(struct finder *f)
{
    char bytes[4096];
    const ssize_t n = read(f->output, bytes, sizeof(bytes));

    if (n > 0 && f->said < FINDER_SAID) {
        f->said += (size_t)n;
        f->task.said(f->task.arg, bytes, (size_t)n);
    }
    return n > 0;
}

static void finder_on_output(evutil_socket_t fd, short what, void *arg)
{
    struct finder *f = arg;

    (void)fd;
    (void)what;
    if (!finder_listen(f) && errno != EAGAIN) {
        (void)event_del(f->on_output);
    }
}

/* Takes the result, and the descriptor that comes with it. */
static bool finder_take(struct finder *f, int *fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec text = {.iov_base = &f->found, .iov_len = sizeof(f->found)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const ssize_t n = recvmsg(f->result, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *fd = -1;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(head), sizeof(*fd));
    }
    return n == (ssize_t)sizeof(f->found);
}

/* Why it ended without a result. */
static void finder_died(struct finder *f, int status)
{
    if (WIFSIGNALED(status)) {
        (void)vmm_err_set(&f->found.err, EIO,
                          "the process that looks for packages was killed by signal %d",
                          WTERMSIG(status));
    } else {
        (void)vmm_err_set(&f->found.err, EIO,
                          "the process that looks for packages ended with status %d",
                          WEXITSTATUS(status));
    }
}

static void finder_on_result(evutil_socket_t socket, short what, void *arg)
{
    struct finder *f = arg;
    int fd, status;
    const bool came = finder_take(f, &fd);

    (void)socket;
    (void)what;
    while (finder_listen(f)) {
    }
    finder_close(f);
    status = finder_reap(f);
    if (!came) {
        f->found = (struct finder_found){0};
        finder_died(f, status);
    }
    if (f->ended == ETIMEDOUT) {
        (void)vmm_err_set(&f->found.err, ETIMEDOUT, "the packages were not there within %.3g s",
                          (double)f->task.timeout_ns / 1e9);
    } else if (f->ended != 0) {
        (void)vmm_err_set(&f->found.err, f->ended, "it was cancelled");
    }
    f->task.over(f->task.arg, &f->found, fd);
}

static void finder_alarm(struct finder *f, uint64_t ns)
{
    const struct timeval after = {.tv_sec = (time_t)(ns / NS_PER_S),
                                  .tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US)};

    (void)event_add(f->on_time, &after);
}

static void finder_end(struct finder *f, int why)
{
    if (f->ended != 0) {
        (void)kill(f->pid, SIGKILL);
        return;
    }
    f->ended = why;
    (void)kill(f->pid, SIGTERM);
    finder_alarm(f, FINDER_GRACE_NS);
}

static void finder_on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finder_end(arg, ETIMEDOUT);
}

/* Starts the process. Its ends of the socket and the pipe are the last ones of the pairs. */
static int finder_fork(struct finder *f, const int sockets[2], const int pipes[2],
                       struct vmm_err *err)
{
    const pid_t server = getpid();

    f->pid = fork();
    if (f->pid == 0) {
        finder_process(&f->task, server, sockets[1], pipes[1]);
    }
    if (f->pid < 0) {
        f->pid = 0;
        return vmm_err_set(err, errno, "fork: %s", strerror(errno));
    }
    f->result = sockets[0];
    f->output = pipes[0];
    return fcntl(f->output, F_SETFL, O_NONBLOCK) < 0
               ? vmm_err_set(err, errno, "a pipe: %s", strerror(errno))
               : 0;
}

static int finder_events(struct finder *f, struct event_base *base, struct vmm_err *err)
{
    f->on_result = event_new(base, f->result, EV_READ, finder_on_result, f);
    f->on_output = event_new(base, f->output, EV_READ | EV_PERSIST, finder_on_output, f);
    f->on_time = event_new(base, -1, 0, finder_on_time, f);
    if (f->on_result == NULL || f->on_output == NULL || f->on_time == NULL ||
        event_add(f->on_result, NULL) < 0 || event_add(f->on_output, NULL) < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (f->task.timeout_ns != 0) {
        finder_alarm(f, f->task.timeout_ns);
    }
    return 0;
}

int finder_start(struct event_base *base, const struct finder_task *task, struct finder **out,
                 struct vmm_err *err)
{
    struct finder *f = calloc(1, sizeof(*f));
    int sockets[2], pipes[2], rc;

    *out = NULL;
    if (f == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        free(f);
        return vmm_err_set(err, errno, "a socket: %s", strerror(errno));
    }
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        rc = vmm_err_set(err, errno, "a pipe: %s", strerror(errno));
        close(sockets[0]);
        close(sockets[1]);
        free(f);
        return rc;
    }
    f->task = *task;
    rc = finder_fork(f, sockets, pipes, err);
    close(sockets[1]);
    close(pipes[1]);
    if (f->pid == 0) {
        close(sockets[0]);
        close(pipes[0]);
    }
    rc = rc == 0 ? finder_events(f, base, err) : rc;
    if (rc < 0) {
        finder_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void finder_stop(struct finder *finder)
{
    if (finder->pid > 0) {
        finder_end(finder, EINTR);
    }
}

void finder_free(struct finder *finder)
{
    if (finder != NULL) {
        finder_close(finder);
        (void)finder_reap(finder);
        free(finder);
    }
}
