// SPDX-License-Identifier: Apache-2.0
/*
 * A call from its request to its reply: a process group with pipes for its three streams. The loop
 * of parent.c tells when one of them, or the pidfd of the process, is ready. The call is over when
 * the process has ended, whoever else still has the pipes.
 */
#include "tools_parent.h"
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOLS_RUNNING 64u /* processes at a time; each takes four watches */
#define TOOLS_STDERR  4096u
#define TOOLS_READS   16 /* at a time, so that one process does not keep the others waiting */

enum call_state { CALL_FREE, CALL_QUEUED, CALL_RUNS, CALL_DONE };

/* pipes[i] is our end of the process's descriptor i. */
struct tools_call {
    struct tools_parent *owner;
    enum call_state state;
    uint64_t id, order;
    const struct tool *tool;
    uint8_t *request, *reply;
    size_t request_size, sent, reply_size;
    char last_words[TOOLS_STDERR + 1]; /* the end of what it wrote to stderr */
    size_t last_size;
    bool failed;
    pid_t pid;
    int pidfd, pipes[3];
};

struct tools_parent {
    const struct tool_list *list;
    struct parent *parent;
    uint64_t order;
    size_t running;
    struct tools_call calls[TOOLS_OPEN];
};

static void call_close(struct tools_call *c, int *fd)
{
    if (*fd >= 0) {
        parent_unwatch(c->owner->parent, *fd);
        close(*fd);
        *fd = -1;
    }
}

static void call_close_all(struct tools_call *c)
{
    for (int i = 0; i < 3; i++) {
        call_close(c, &c->pipes[i]);
    }
    call_close(c, &c->pidfd);
}

static void call_free(struct tools_call *c)
{
    free(c->request);
    free(c->reply);
    c->request = c->reply = NULL;
    c->state = CALL_FREE;
}

static void call_done(struct tools_call *c)
{
    const struct channel_message notice = {.kind = TOOLS_DONE, .number = {c->id}};

    c->state = CALL_DONE;
    parent_notify(c->owner->parent, &notice);
}

/* Ends the call with an error. */
static void call_fail(struct tools_call *c, const char *type, const char *text)
{
    char *error = NULL;
    const int len = asprintf(&error, "%s%c%s", type, 0, text);

    free(c->reply);
    c->reply = (uint8_t *)error;
    c->reply_size = len < 0 ? 0 : (size_t)len;
    c->reply = len < 0 ? NULL : c->reply;
    c->failed = true;
    call_done(c);
}

/* The last line of what the process wrote to stderr, or NULL. */
static const char *call_last_line(struct tools_call *c)
{
    char *line, *end = c->last_words + c->last_size;

    while (end > c->last_words && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    *end = 0;
    line = strrchr(c->last_words, '\n');
    line = line != NULL ? line + 1 : c->last_words;
    return *line ? line : NULL;
}

static void call_ended(struct tools_call *c, int how)
{
    const char *line = call_last_line(c);
    char text[TOOLS_STDERR + 128];

    if (WIFSIGNALED(how)) {
        (void)snprintf(text, sizeof(text), "%s was killed by signal %d (%s)", c->tool->name,
                       WTERMSIG(how), strsignal(WTERMSIG(how)));
    } else {
        (void)snprintf(text, sizeof(text), "%s ended with status %d", c->tool->name,
                       WEXITSTATUS(how));
    }
    if (how == 0) {
        call_done(c);
    } else {
        call_fail(c, "ToolError", line != NULL ? line : text);
    }
}

static void call_kill(struct tools_call *c)
{
    int how;

    (void)kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &how, 0) < 0 && errno == EINTR) {
    }
    call_close_all(c);
    c->owner->running--;
}

/* Writes the request, as much as goes. A process need not read it. */
static void call_feed(struct tools_call *c)
{
    ssize_t n = 1;

    while (n > 0 && c->sent < c->request_size) {
        n = write(c->pipes[0], c->request + c->sent, c->request_size - c->sent);
        c->sent += n > 0 ? (size_t)n : 0;
    }
    if (c->sent == c->request_size || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        call_close(c, &c->pipes[0]);
    }
}

/* Reads what there is of the reply. Returns false when it is too large. */
static bool call_take(struct tools_call *c)
{
    ssize_t n = 1;

    while (n > 0 && c->reply_size <= TOOLS_BYTES) {
        n = read(c->pipes[1], c->reply + c->reply_size, TOOLS_BYTES + 1 - c->reply_size);
        c->reply_size += n > 0 ? (size_t)n : 0;
    }
    if (n == 0) {
        call_close(c, &c->pipes[1]);
    }
    return c->reply_size <= TOOLS_BYTES;
}

/* Keeps the end of what the process writes to stderr. */
static void call_listen(struct tools_call *c)
{
    char text[TOOLS_STDERR];
    ssize_t n = 1;

    for (int i = 0; n > 0 && i < TOOLS_READS; i++) {
        n = read(c->pipes[2], text, sizeof(text));
        if (n <= 0) {
            break;
        }
        const size_t keep =
            TOOLS_STDERR - (size_t)n < c->last_size ? TOOLS_STDERR - (size_t)n : c->last_size;

        memmove(c->last_words, c->last_words + c->last_size - keep, keep);
        memcpy(c->last_words + keep, text, (size_t)n);
        c->last_size = keep + (size_t)n;
    }
    if (n == 0) {
        call_close(c, &c->pipes[2]);
    }
}

static void calls_start(struct tools_parent *t);

static void call_too_large(struct tools_call *c)
{
    char text[200];

    (void)snprintf(text, sizeof(text), "%s: the reply has more than %u bytes", c->tool->name,
                   TOOLS_BYTES);
    call_kill(c);
    call_fail(c, "ValueError", text);
    calls_start(c->owner);
}

/* The process has ended. Reads what it has left in the pipes. */
static void call_reap(struct tools_call *c)
{
    struct tools_parent *t = c->owner;
    int how = 0;

    if (waitpid(c->pid, &how, WNOHANG) != c->pid) {
        return;
    }
    if (c->pipes[2] >= 0) {
        call_listen(c);
    }
    if (c->pipes[1] >= 0 && !call_take(c)) {
        how = 0;
        c->reply_size = 0;
        call_close_all(c);
        t->running--;
        call_fail(c, "ValueError", "the reply is too large");
    } else {
        call_close_all(c);
        t->running--;
        call_ended(c, how);
    }
    calls_start(t);
}

static void call_ready(void *arg, struct parent *parent, int fd, short revents)
{
    struct tools_call *c = arg;

    (void)parent;
    (void)revents;
    if (fd == c->pipes[0]) {
        call_feed(c);
    } else if (fd == c->pipes[1]) {
        if (!call_take(c)) {
            call_too_large(c);
        }
    } else if (fd == c->pipes[2]) {
        call_listen(c);
    } else if (fd == c->pidfd) {
        call_reap(c);
    }
}

/* In the new process. What goes wrong is told as the command would. */
static _Noreturn void call_exec(const struct tool *tool, int in, int out, int err)
{
    sigset_t none;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(err, STDERR_FILENO) >= 0) {
        if (tool->command != NULL) {
            execl("/bin/sh", "sh", "-c", tool->command, (char *)NULL);
        } else {
            execl(tool->path, tool->path, (char *)NULL);
        }
        dprintf(STDERR_FILENO, "cannot run %s: %s\n",
                tool->command != NULL ? "/bin/sh" : tool->path, strerror(errno));
    }
    _exit(127);
}

/* Makes our ends not wait, and watches them. */
static int call_watch(struct tools_call *c)
{
    static const short events[] = {POLLOUT, POLLIN, POLLIN};
    int rc = 0;

    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = fcntl(c->pipes[i], F_SETFL, O_NONBLOCK) < 0
                 ? -errno
                 : parent_watch(c->owner->parent, c->pipes[i], events[i], call_ready, c);
    }
    return rc != 0 ? rc : parent_watch(c->owner->parent, c->pidfd, POLLIN, call_ready, c);
}

/* Starts the process with the other ends of the pipes. Returns 0 or -errno. */
static int call_fork(struct tools_call *c, const int theirs[3])
{
    c->pid = fork();
    if (c->pid == 0) {
        call_exec(c->tool, theirs[0], theirs[1], theirs[2]);
    }
    if (c->pid < 0) {
        return -errno;
    }
    (void)setpgid(c->pid, c->pid); /* whoever of the two comes first */
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    c->owner->running++;
    return c->pidfd < 0 ? -errno : call_watch(c);
}

static int call_spawn(struct tools_call *c)
{
    int theirs[3] = {-1, -1, -1}, ends[2], rc = 0;

    for (int i = 0; rc == 0 && i < 3; i++) {
        if (pipe2(ends, O_CLOEXEC) < 0) {
            rc = -errno;
        } else {
            c->pipes[i] = ends[i == 0];
            theirs[i] = ends[i != 0];
        }
    }
    if (rc == 0) {
        rc = call_fork(c, theirs);
    }
    for (int i = 0; i < 3; i++) {
        if (theirs[i] >= 0) {
            close(theirs[i]);
        }
    }
    return rc;
}

static void call_start(struct tools_call *c)
{
    char text[200];
    int rc;

    c->state = CALL_RUNS;
    c->pid = 0;
    c->reply = malloc(TOOLS_BYTES + 1);
    rc = c->reply == NULL ? -ENOMEM : call_spawn(c);
    if (rc < 0) {
        if (c->pid > 0) {
            call_kill(c);
        }
        call_close_all(c);
        (void)snprintf(text, sizeof(text), "%s: cannot be started: %s", c->tool->name,
                       strerror(-rc));
        call_fail(c, "OSError", text);
    }
}

/* Starts what waits for its turn, in the order of the calls. */
static void calls_start(struct tools_parent *t)
{
    while (t->running < TOOLS_RUNNING) {
        struct tools_call *first = NULL;

        for (size_t i = 0; i < TOOLS_OPEN; i++) {
            struct tools_call *c = &t->calls[i];

            if (c->state == CALL_QUEUED && (first == NULL || c->order < first->order)) {
                first = c;
            }
        }
        if (first == NULL) {
            return;
        }
        call_start(first);
    }
}

static struct tools_call *calls_find(struct tools_parent *t, enum call_state state, uint64_t id)
{
    for (size_t i = 0; i < TOOLS_OPEN; i++) {
        if (t->calls[i].state == state && (state == CALL_FREE || t->calls[i].id == id)) {
            return &t->calls[i];
        }
    }
    return NULL;
}

/* TOOLS_CALL */
static void serve_call(void *arg, struct parent *parent, const struct channel_message *request)
{
    struct tools_parent *t = arg;
    struct tools_call *c = calls_find(t, CALL_FREE, 0);
    uint8_t *bytes = malloc(request->size + 1);

    if (c == NULL || bytes == NULL || request->number[1] >= t->list->count) {
        free(bytes);
        parent_answer(parent, c == NULL ? -EAGAIN : bytes == NULL ? -ENOMEM : -EINVAL, 0);
        return;
    }
    memcpy(bytes, parent_bytes(parent), request->size);
    *c = (struct tools_call){
        .owner = t,
        .state = CALL_QUEUED,
        .id = request->number[0],
        .order = t->order++,
        .tool = &t->list->items[request->number[1]],
        .request = bytes,
        .request_size = request->size,
        .pidfd = -1,
        .pipes = {-1, -1, -1},
    };
    parent_answer(parent, 0, 0);
    calls_start(t);
}

/* TOOLS_REPLY */
static void serve_reply(void *arg, struct parent *parent, const struct channel_message *request)
{
    struct tools_call *c = calls_find(arg, CALL_DONE, request->number[0]);

    if (c == NULL) {
        parent_answer(parent, -ENOENT, 0);
        return;
    }
    if (c->reply_size > 0) {
        memcpy(parent_bytes(parent), c->reply, c->reply_size);
    }
    parent_answer(parent, c->failed, c->reply_size);
    call_free(c);
}

static void calls_end(struct tools_parent *t)
{
    for (size_t i = 0; i < TOOLS_OPEN; i++) {
        struct tools_call *c = &t->calls[i];

        if (c->state == CALL_RUNS) {
            call_kill(c);
        }
        if (c->state != CALL_FREE) {
            call_free(c);
        }
    }
}

/* TOOLS_END */
static void serve_end(void *arg, struct parent *parent, const struct channel_message *request)
{
    (void)request;
    calls_end(arg);
    parent_answer(parent, 0, 0);
}

int tools_parent_offer(const struct tool_list *list, struct parent *parent,
                       struct tools_parent **out, struct vmm_err *err)
{
    struct tools_parent *t = calloc(1, sizeof(*t));
    int rc;

    *out = t;
    if (t == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    t->list = list;
    t->parent = parent;
    rc = parent_offer(parent, TOOLS_CALL, serve_call, t);
    rc = rc == 0 ? parent_offer(parent, TOOLS_REPLY, serve_reply, t) : rc;
    rc = rc == 0 ? parent_offer(parent, TOOLS_END, serve_end, t) : rc;
    return rc == 0 ? 0 : vmm_err_set(err, -rc, "tools: %s", strerror(-rc));
}

void tools_parent_end(struct tools_parent *tools)
{
    if (tools != NULL) {
        calls_end(tools);
        free(tools);
    }
}
