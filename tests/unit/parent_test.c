// SPDX-License-Identifier: Apache-2.0
/*
 * A process and its parent: requests and answers, at once and later; notices; how the parent hands
 * on signals and the child's end; and what it does with a child that breaks the rules.
 */
#include "pyhl/parent.h"
#include "pyhl/message.h"
#include "pyhl/signals.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ASK_TWICE = 1, ASK_LATER, ASK_NEVER, ASK_NOTICES };

static char said[512]; /* the last message */

void message(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
}

void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what)
{
    (void)vm;
    (void)what;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void serve_twice(void *arg, struct parent *parent, const struct channel_message *m)
{
    uint8_t *bytes = parent_bytes(parent);

    (void)arg;
    memmove(bytes + m->size, bytes, m->size);
    parent_answer_with(parent, &(struct channel_message){
                                   .result = 5, .size = 2 * m->size, .number = {m->number[0] + 1}});
}

static void on_ready(void *arg, struct parent *parent, int fd, short revents)
{
    char byte = 0;

    (void)arg;
    (void)revents;
    CHECK(read(fd, &byte, 1) == 1 && byte == 'x');
    parent_unwatch(parent, fd);
    parent_answer(parent, 77, 0);
}

/* The answer comes when a pipe, which is written here, is found ready. */
static void serve_later(void *arg, struct parent *parent, const struct channel_message *m)
{
    const int *pipes = arg;

    (void)m;
    CHECK(parent_watch(parent, pipes[0], 1 /* POLLIN */, on_ready, NULL) == 0);
    CHECK(write(pipes[1], "x", 1) == 1);
}

static void serve_never(void *arg, struct parent *parent, const struct channel_message *m)
{
    (void)arg;
    (void)parent;
    (void)m;
}

static void serve_notices(void *arg, struct parent *parent, const struct channel_message *m)
{
    (void)arg;
    for (uint64_t i = 0; i < m->number[0]; i++) {
        parent_notify(parent, &(struct channel_message){.kind = 9, .number = {i}});
    }
    parent_answer(parent, 0, 0);
}

/* Forks, runs work() in the child and serves it. The child ends with work's result. */
static int served(int (*work)(struct channel *))
{
    struct channel channel;
    struct parent *parent = NULL;
    struct vmm_err err = {0};
    int pipes[2];
    int status;

    said[0] = 0;
    signal(SIGPIPE, SIG_IGN);
    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    const int out = dup(STDOUT_FILENO), in = dup(STDIN_FILENO);
    fflush(stdout);
    CHECK(parent_fork(&parent, &channel, &err) == 0);
    if (parent == NULL) {
        status = work(&channel);
        fflush(stdout); /* what failed */
        _exit(unit_failures ? 99 : status);
    }
    dup2(out, STDOUT_FILENO); /* for the reports of this test */
    dup2(in, STDIN_FILENO);
    close(out);
    close(in);
    parent_offer(parent, ASK_TWICE, serve_twice, NULL);
    parent_offer(parent, ASK_LATER, serve_later, pipes);
    parent_offer(parent, ASK_NEVER, serve_never, NULL);
    parent_offer(parent, ASK_NOTICES, serve_notices, NULL);
    status = parent_serve(parent, "run");
    parent_destroy(parent);
    close(pipes[0]);
    close(pipes[1]);
    return status;
}

static int asks(struct channel *c)
{
    for (uint64_t i = 0; i < 100; i++) {
        struct channel_message m = {.kind = ASK_TWICE, .size = 3, .number = {i}};

        memcpy(c->bytes, "abc", 3);
        CHECK(channel_call(c, &m) == 0);
        CHECK(m.result == 5 && m.size == 6 && m.number[0] == i + 1);
        CHECK(memcmp(c->bytes, "abcabc", 6) == 0);
    }
    struct channel_message m = {.kind = ASK_LATER};
    CHECK(channel_call(c, &m) == 0 && m.result == 77);
    return 7;
}

static void answers(void)
{
    CHECK(served(asks) == 7);
    CHECK(said[0] == 0);
}

static int takes_notices(struct channel *c)
{
    struct channel_message m = {.kind = ASK_NOTICES, .number = {CHANNEL_NOTICES}};
    struct channel_message notice;

    CHECK(channel_notice(c, 0, &notice) == -EAGAIN);
    CHECK(channel_call(c, &m) == 0);
    for (uint64_t i = 0; i < CHANNEL_NOTICES; i++) {
        CHECK(channel_notice(c, 0, &notice) == 0);
        CHECK(notice.kind == 9 && notice.number[0] == i);
    }
    CHECK(channel_notice(c, now_ns() + 20000000, &notice) == -EAGAIN);
    return 0;
}

static void notices(void)
{
    CHECK(served(takes_notices) == 0);
}

static int gives_up(struct channel *c)
{
    struct channel_message m = {.kind = ASK_NEVER};
    const uint64_t began = now_ns();

    c->until_ns = began + 50000000;
    CHECK(channel_call(c, &m) == -ETIMEDOUT);
    CHECK(now_ns() - began >= 50000000);
    return 3;
}

static void deadline(void)
{
    CHECK(served(gives_up) == 3);
}

static int dies_of_int(struct channel *c)
{
    (void)c;
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
    return 0;
}

static int dies_of_kill(struct channel *c)
{
    (void)c;
    raise(SIGKILL);
    return 0;
}

static void deaths(void)
{
    CHECK(served(dies_of_int) == 130);
    CHECK(said[0] == 0);
    CHECK(served(dies_of_kill) == 137);
    CHECK(strstr(said, "pyhl run: the process of the VM was killed by signal 9") != NULL);
}

/* Sends bytes that are no request, and waits for its end. */
static int sends(struct channel *c, const void *bytes, size_t size)
{
    CHECK(write(c->fd, bytes, size) == (ssize_t)size);
    while (pause() < 0) {
    }
    return 0;
}

static int sends_short(struct channel *c)
{
    return sends(c, "abc", 3);
}

static int sends_long(struct channel *c)
{
    static const struct channel_message two[2] = {{.kind = ASK_TWICE, .serial = 1}};

    return sends(c, two, sizeof(two));
}

static int sends_much(struct channel *c)
{
    const struct channel_message m = {.kind = ASK_TWICE, .serial = 1, .size = CHANNEL_BYTES + 1};

    return sends(c, &m, sizeof(m));
}

static int sends_again(struct channel *c)
{
    const struct channel_message m = {.kind = ASK_TWICE, .serial = 2};

    return sends(c, &m, sizeof(m));
}

static int sends_unknown(struct channel *c)
{
    const struct channel_message m = {.kind = 4711, .serial = 1};

    return sends(c, &m, sizeof(m));
}

static int sends_two(struct channel *c)
{
    const struct channel_message m[] = {{.kind = ASK_NEVER, .serial = 1},
                                        {.kind = ASK_TWICE, .serial = 2}};

    CHECK(write(c->fd, &m[0], sizeof(m[0])) == sizeof(m[0]));
    return sends(c, &m[1], sizeof(m[1]));
}

static void hostile(void)
{
    static const struct {
        int (*work)(struct channel *);
        const char *words;
    } cases[] = {
        {sends_short, "wrong size"},      {sends_long, "wrong size"},
        {sends_much, "more bytes"},       {sends_again, "out of order"},
        {sends_unknown, "nobody serves"}, {sends_two, "before the answer"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(served(cases[i].work) == 125);
        CHECK(strstr(said, cases[i].words) != NULL);
    }
}

/* Its own signal is none of the parent's; the parent's comes once. */
static int hears_signals(struct channel *c)
{
    struct channel_message m = {.kind = ASK_TWICE};
    sigset_t term;

    signals_to_vm(NULL);
    CHECK(channel_call(c, &m) == 0); /* the parent serves, and so passes signals on */
    raise(SIGTERM);
    CHECK(signals_last() == 0);
    CHECK(kill(getppid(), SIGTERM) == 0);
    for (int i = 0; i < 500 && signals_last() == 0; i++) {
        (void)channel_call(c, &m);
        usleep(10000);
    }
    CHECK(signals_last() == SIGTERM && !signals_urgent());
    /* One that comes while the terminal's own is still to be delivered is not lost. */
    signals_forget();
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    CHECK(sigprocmask(SIG_BLOCK, &term, NULL) == 0 && kill(getpid(), SIGTERM) == 0);
    CHECK(kill(getppid(), SIGTERM) == 0);
    for (int i = 0; i < 500 && signals_last() == 0; i++) {
        usleep(10000);
    }
    CHECK(sigprocmask(SIG_UNBLOCK, &term, NULL) == 0);
    CHECK(signals_last() == SIGTERM);
    return 0;
}

static void signals(void)
{
    CHECK(served(hears_signals) == 0);
}

static int waits(struct channel *c)
{
    (void)c;
    CHECK(write(STDERR_FILENO, "x", 1) == 1);
    while (pause() < 0) {
    }
    return 0;
}

/* A parent that is killed takes its child along: nobody holds the pipe's end any more. */
static void orphan(void)
{
    int pipes[2];
    char byte;

    CHECK(pipe(pipes) == 0);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        (void)served(waits);
        _exit(0);
    }
    close(pipes[1]);
    CHECK(read(pipes[0], &byte, 1) == 1);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    CHECK(read(pipes[0], &byte, 1) == 0);
    close(pipes[0]);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"answers", answers}, {"notices", notices}, {"deadline", deadline}, {"deaths", deaths},
        {"hostile", hostile}, {"orphan", orphan},   {"signals", signals},   {0},
    };

    return unit_run(tests);
}
