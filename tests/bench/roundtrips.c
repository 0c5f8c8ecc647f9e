// SPDX-License-Identifier: Apache-2.0
/*
 * What two threads, and two processes, of one machine take to talk to each other. It prints a line
 * for each way: its name, and the best of some rounds, in which the ways take turns, so that other
 * work on the machine falls on all alike. `yield` is one switch between two that only yield, in
 * nanoseconds; `pipe` and `echo` are a byte there and back over two pipes, and over a TCP
 * connection to the loopback, in nanoseconds; `stream` is what such a connection carries, in MB/s.
 * The figures are printed, not judged.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS      15
#define TRIPS       400
#define PIECE       (64 << 10)
#define STREAM_SIZE (64l << 20)

/* The two ends of what is measured: each reads from one descriptor and writes to another. */
struct ends {
    int read[2], write[2];
};

typedef void side_fn(const struct ends *e);

struct way {
    const char *name;
    void (*open)(struct ends *e);
    side_fn *first, *second;
    bool processes; /* else threads of one */
    double per; /* what the time is divided by; below 0: -per bytes are sent, and MB/s printed */
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static char buffer[2][PIECE];
static double took; /* nanoseconds of what is measured; the first side sets it */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void move_byte(ssize_t (*move)(int, void *, size_t), int fd)
{
    char byte = 0;
    if (move(fd, &byte, 1) != 1) {
        fail("a byte");
    }
}

static ssize_t write_byte(int fd, void *p, size_t n)
{
    return write(fd, p, n);
}

static void ask(const struct ends *e)
{
    double began = 0;
    for (int i = 0; i <= TRIPS; i++) {
        began = i == 1 ? now() : began; /* both sides are there */
        move_byte(write_byte, e->write[0]);
        move_byte(read, e->read[0]);
    }
    took = now() - began;
}

static void answer(const struct ends *e)
{
    for (int i = 0; i <= TRIPS; i++) {
        move_byte(read, e->read[1]);
        move_byte(write_byte, e->write[1]);
    }
}

static void yield(const struct ends *e)
{
    double began = 0;
    (void)e;
    for (int i = 0; i <= TRIPS; i++) {
        began = i == 1 ? now() : began;
        sched_yield();
    }
    took = now() - began;
}

/* As the first side does, which has the clock. */
static void yield_too(const struct ends *e)
{
    (void)e;
    for (int i = 0; i <= TRIPS + 1; i++) {
        sched_yield();
    }
}

static void send_all(const struct ends *e)
{
    double began = now();
    for (long left = STREAM_SIZE; left > 0;) {
        ssize_t n = write(e->write[0], buffer[0], PIECE);
        if (n <= 0) {
            fail("write");
        }
        left -= n;
    }
    move_byte(read, e->read[0]);
    took = now() - began;
}

static void receive_all(const struct ends *e)
{
    for (long left = STREAM_SIZE; left > 0;) {
        ssize_t n = read(e->read[1], buffer[1], PIECE);
        if (n <= 0) {
            fail("read");
        }
        left -= n;
    }
    move_byte(write_byte, e->write[1]);
}

static void open_nothing(struct ends *e)
{
    memset(e, 0xff, sizeof(*e));
}

static void open_pipes(struct ends *e)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) {
        fail("pipe");
    }
    *e = (struct ends){.read = {back[0], there[0]}, .write = {there[1], back[1]}};
}

static void open_tcp(struct ends *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), end[2], one = 1;

    end[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || end[0] < 0 || bind(listener, (struct sockaddr *)&at, len) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        connect(end[0], (struct sockaddr *)&at, len) != 0) {
        fail("a connection");
    }
    end[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        if (end[i] < 0 || setsockopt(end[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
            fail("TCP_NODELAY");
        }
    }
    close(listener);
    *e = (struct ends){.read = {end[0], end[1]}, .write = {end[0], end[1]}};
}

struct other {
    const struct way *way;
    const struct ends *ends;
};

static void *run_other(void *arg)
{
    const struct other *o = arg;
    o->way->second(o->ends);
    return NULL;
}

static void run_both(const struct way *w, const struct ends *e)
{
    struct other o = {w, e};
    pthread_t thread;
    pid_t pid = 0;
    int status = 0;

    if (w->processes) {
        pid = fork();
        if (pid == 0) {
            w->second(e);
            _exit(0);
        }
    }
    if (pid < 0 || (!w->processes && pthread_create(&thread, NULL, run_other, &o) != 0)) {
        fail("the other side");
    }
    w->first(e);
    if (w->processes && (waitpid(pid, &status, 0) != pid || status != 0)) {
        fail("the other process");
    }
    if (!w->processes) {
        pthread_join(thread, NULL);
    }
}

static double measure(const struct way *w)
{
    struct ends e;
    w->open(&e);
    run_both(w, &e);
    for (int i = 0; i < 2; i++) {
        close(e.read[i]);
        close(e.write[i]);
    }
    return took;
}

int main(void)
{
    static const struct way ways[] = {
        {"yield-threads", open_nothing, yield, yield_too, false, 2 * TRIPS},
        {"yield-processes", open_nothing, yield, yield_too, true, 2 * TRIPS},
        {"pipe-threads", open_pipes, ask, answer, false, TRIPS},
        {"pipe-processes", open_pipes, ask, answer, true, TRIPS},
        {"echo-threads", open_tcp, ask, answer, false, TRIPS},
        {"echo-processes", open_tcp, ask, answer, true, TRIPS},
        {"stream-threads", open_tcp, send_all, receive_all, false, -STREAM_SIZE},
        {"stream-processes", open_tcp, send_all, receive_all, true, -STREAM_SIZE},
    };

    enum { COUNT = sizeof(ways) / sizeof(ways[0]) };
    double best[COUNT];

    memset(buffer, 'x', sizeof(buffer));
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            double ns = measure(&ways[i]);
            best[i] = round == 0 || ns < best[i] ? ns : best[i];
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        double per = ways[i].per;
        printf("%s %.1f\n", ways[i].name, per > 0 ? best[i] / per : -per / best[i] * 1e3);
    }
    return 0;
}
