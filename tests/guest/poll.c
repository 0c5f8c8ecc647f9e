// SPDX-License-Identifier: Apache-2.0
/*
 * poll, ppoll, select and pselect on pipes, files and eventfds: readiness, hang-up, errors,
 * timeouts that do not end early, wake-ups from another thread, and signals let in by a mask.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/select.h>

static int ends[2];
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

static int poll_one(int fd, short events, int timeout, short *revents)
{
    struct pollfd p = {.fd = fd, .events = events, .revents = 0x7f};
    int n = poll(&p, 1, timeout);

    *revents = p.revents;
    return n;
}

static void check_readiness(void)
{
    short got;
    char c;

    T_MUST("pipe", pipe(ends) == 0);
    T_EQ("empty", poll_one(ends[0], POLLIN, 0, &got), 0);
    T_EQ("revents is cleared", got, 0);
    T_EQ("writable", poll_one(ends[1], POLLOUT, 0, &got), 1);
    T_EQ("POLLOUT", got, POLLOUT);
    T_CHECK("write", write(ends[1], "x", 1) == 1);
    T_EQ("readable", poll_one(ends[0], POLLIN | POLLRDNORM, -1, &got), 1);
    T_EQ("POLLIN", got, POLLIN | POLLRDNORM);
    T_EQ("nothing asked, nothing told", poll_one(ends[0], 0, 0, &got), 0);
    close(ends[1]);
    T_EQ("data and hang-up", poll_one(ends[0], POLLIN, 0, &got), 1);
    T_EQ("POLLIN and POLLHUP", got, POLLIN | POLLHUP);
    T_CHECK("drain", read(ends[0], &c, 1) == 1);
    T_EQ("hang-up alone", poll_one(ends[0], POLLIN, -1, &got), 1);
    T_EQ("POLLHUP", got, POLLHUP);
    close(ends[0]);
    T_EQ("a closed descriptor", poll_one(ends[0], POLLIN, 0, &got), 1);
    T_EQ("POLLNVAL", got, POLLNVAL);
    T_EQ("a negative one is skipped", poll_one(-1, POLLIN, 0, &got), 0);
    T_MUST("pipe", pipe(ends) == 0);
    close(ends[0]);
    T_EQ("no reader", poll_one(ends[1], POLLOUT, 0, &got), 1);
    T_EQ("POLLERR", got & POLLERR, POLLERR);
    close(ends[1]);
    int fd = open("/dev/null", O_RDWR);
    T_EQ("a device is always ready", poll_one(fd, POLLIN | POLLOUT, -1, &got), 1);
    T_EQ("both ways", got, POLLIN | POLLOUT);
    close(fd);
}

static void check_timeouts(void)
{
    short got;

    T_MUST("pipe", pipe(ends) == 0);
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);
    T_EQ("poll times out", poll_one(ends[0], POLLIN, 30, &got), 0);
    T_CHECK("after 30 ms", t_nanoseconds(CLOCK_MONOTONIC) - start >= 30000000);
    start = t_nanoseconds(CLOCK_MONOTONIC);
    struct timeval tv = {0, 20000};
    T_EQ("select as a sleep", select(0, NULL, NULL, NULL, &tv), 0);
    T_CHECK("after 20 ms", t_nanoseconds(CLOCK_MONOTONIC) - start >= 20000000);
    T_CHECK("and nothing remains", tv.tv_sec == 0 && tv.tv_usec == 0);
    struct timespec ts = {0, 5000000};
    T_EQ("ppoll times out", ppoll(NULL, 0, &ts, NULL), 0);
    T_EQ("poll of nothing", poll(NULL, 0, 1), 0);
    ts.tv_nsec = -1;
    T_ERR("a negative time", ppoll(NULL, 0, &ts, NULL), EINVAL);
    close(ends[0]);
    close(ends[1]);
}

static void *late_writer(void *unused)
{
    t_sleep_ms(20);
    return write(ends[1], "w", 1) == 1 ? &ends : unused;
}

static void check_wakeup(void)
{
    pthread_t thread;
    short got;
    char c;
    fd_set set;

    T_MUST("pipe", pipe(ends) == 0);
    T_MUST("thread", pthread_create(&thread, NULL, late_writer, NULL) == 0);
    T_EQ("another thread wakes poll", poll_one(ends[0], POLLIN, -1, &got), 1);
    pthread_join(thread, NULL);
    T_CHECK("drain", read(ends[0], &c, 1) == 1);
    T_MUST("thread", pthread_create(&thread, NULL, late_writer, NULL) == 0);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    T_EQ("another thread wakes select", select(ends[0] + 1, &set, NULL, NULL, NULL), 1);
    T_CHECK("the bit is set", FD_ISSET(ends[0], &set));
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
}

static void check_select(void)
{
    fd_set in, out, both;
    struct timeval zero = {0, 0};

    T_MUST("pipe", pipe(ends) == 0);
    int high = fcntl(ends[0], F_DUPFD, 200);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(high, &in);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    T_EQ("only writable", select(high + 1, &in, &out, NULL, &zero), 1);
    T_CHECK("bits are cleared", !FD_ISSET(high, &in) && FD_ISSET(ends[1], &out));
    T_CHECK("write", write(ends[1], "x", 1) == 1);
    FD_ZERO(&both);
    FD_SET(high, &both);
    FD_SET(ends[0], &both);
    T_EQ("both names of one pipe", select(high + 1, &both, NULL, NULL, &zero), 2);
    close(high);
    FD_SET(high, &both);
    T_ERR("a closed descriptor", select(high + 1, &both, NULL, NULL, &zero), EBADF);
    T_ERR("a negative count", select(-1, NULL, NULL, NULL, &zero), EINVAL);
    close(ends[0]);
    close(ends[1]);
}

static void check_masks(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t block, open_mask;
    struct timespec second = {5, 0};

    sigaction(SIGUSR1, &act, NULL);
    sigemptyset(&open_mask);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    T_EQ("blocked", caught, 0);
    T_ERR("ppoll lets it in", ppoll(NULL, 0, &second, &open_mask), EINTR);
    T_EQ("the handler ran", caught, SIGUSR1);
    caught = 0;
    raise(SIGUSR1);
    T_EQ("blocked again", caught, 0);
    T_ERR("pselect lets it in", pselect(0, NULL, NULL, NULL, &second, &open_mask), EINTR);
    T_EQ("the handler ran again", caught, SIGUSR1);
    sigset_t now;
    sigprocmask(SIG_UNBLOCK, &block, &now);
    T_CHECK("the mask was put back", sigismember(&now, SIGUSR1));
}

static void check_eventfd(void)
{
    int fd = eventfd(0, 0);
    uint64_t one = 1;
    short got;

    T_EQ("zero is not readable", poll_one(fd, POLLIN, 0, &got), 0);
    T_EQ("but writable", poll_one(fd, POLLIN | POLLOUT, 0, &got) == 1 && got == POLLOUT, 1);
    T_CHECK("write", write(fd, &one, 8) == 8);
    T_EQ("then readable", poll_one(fd, POLLIN, 0, &got) == 1 && got == POLLIN, 1);
    close(fd);
}

int main(void)
{
    check_readiness();
    check_timeouts();
    check_wakeup();
    check_select();
    check_masks();
    check_eventfd();
    return t_done();
}
