// SPDX-License-Identifier: Apache-2.0
/*
 * Full socket pairs: poll and send agree about room, a stream sends what fits, a signal ends a wait
 * for room without the processor being kept busy. How much fits depends on the kernel and is
 * printed nowhere.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CHUNK 100000

static char chunk[CHUNK];
static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static bool polls(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) == 1 && (p.revents & events) != 0;
}

/* Sends until the socket takes no more. Returns the bytes taken, and in *part whether a send
 * took only a part. */
static long fill(int fd, size_t size, bool *part)
{
    long sum = 0;
    ssize_t n;

    *part = false;
    while ((n = send(fd, chunk, size, MSG_DONTWAIT)) > 0) {
        sum += n;
        *part = *part || (size_t)n < size;
    }
    T_MUST("it ends with EAGAIN", n == -1 && errno == EAGAIN);
    return sum;
}

static long empty(int fd)
{
    long sum = 0;
    ssize_t n;

    while ((n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
        sum += n;
    }
    return sum;
}

static void check_agreement(const char *name, int type, size_t size)
{
    int ends[2];
    bool part;

    T_MUST("socketpair", socketpair(AF_UNIX, type, 0, ends) == 0);
    t_line(1, "%s\n", name);
    T_CHECK("an empty one polls writable", polls(ends[0], POLLOUT));
    long sent = fill(ends[0], size, &part);
    T_CHECK("something was sent", sent > 0);
    T_CHECK("parts are sent by streams alone", part == (type == SOCK_STREAM && size > 1));
    T_CHECK("a full one does not poll writable", !polls(ends[0], POLLOUT));
    T_CHECK("the other direction does", polls(ends[1], POLLOUT));
    T_EQ("all of it arrives", empty(ends[1]), sent);
    T_CHECK("then it polls writable", polls(ends[0], POLLOUT));
    T_EQ("and takes a message", send(ends[0], chunk, size, MSG_DONTWAIT), (long)size);
    close(ends[1]);
    T_CHECK("without a peer it polls writable, to say so", polls(ends[0], POLLOUT));
    close(ends[0]);
}

/* A signal ends a blocked send, which must have slept until then. */
static void check_interrupted(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value = {.tv_usec = 200000}};
    size_t size = 20u << 20;
    char *large = calloc(1, size);
    int ends[2];

    T_MUST("memory", large != NULL);
    T_MUST("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    T_EQ("handler", sigaction(SIGALRM, &action, NULL), 0);
    int64_t cpu = t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    T_EQ("timer", setitimer(ITIMER_REAL, &soon, NULL), 0);
    ssize_t n = send(ends[0], large, size, 0);
    T_CHECK("a part was sent", n > 0 && (size_t)n < size);
    T_EQ("by one alarm", alarms, 1);
    T_EQ("timer", setitimer(ITIMER_REAL, &soon, NULL), 0);
    T_ERR("nothing was sent", send(ends[0], large, size, 0), EINTR);
    T_EQ("by another", alarms, 2);
    T_CHECK("it slept", t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu < 200000000);
    free(large);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    check_agreement("stream", SOCK_STREAM, CHUNK);
    check_agreement("stream of bytes", SOCK_STREAM, 1);
    check_agreement("datagrams", SOCK_DGRAM, 1000);
    check_agreement("large datagrams", SOCK_DGRAM, CHUNK);
    check_agreement("packets", SOCK_SEQPACKET, CHUNK);
    check_interrupted();
    return t_done();
}
