// SPDX-License-Identifier: Apache-2.0
/*
 * epoll: level and edge triggering, one-shot, modification, removal by closing, many descriptors,
 * nesting, waiting threads, timeouts and refusals.
 */
#include "t.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int ep;
static struct epoll_event out[64];

static int control(int op, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0xabcd000000000000 + (uint64_t)fd};

    return epoll_ctl(ep, op, fd, &e);
}

static int ready(int timeout)
{
    return epoll_wait(ep, out, T_COUNT(out), timeout);
}

static void signal_event(int fd)
{
    uint64_t one = 1;

    T_MUST("signal an eventfd", write(fd, &one, 8) == 8);
}

static void drain(int fd)
{
    uint64_t value;

    T_MUST("drain an eventfd", read(fd, &value, 8) == 8);
}

static void check_level(void)
{
    int fd = eventfd(0, 0);

    T_EQ("add", control(EPOLL_CTL_ADD, fd, EPOLLIN), 0);
    T_EQ("nothing yet", ready(0), 0);
    signal_event(fd);
    T_EQ("ready", ready(-1), 1);
    T_CHECK("with its data", out[0].data.u64 == 0xabcd000000000000 + (uint64_t)fd);
    T_EQ("with its event", out[0].events, EPOLLIN);
    T_EQ("level: still ready", ready(0), 1);
    drain(fd);
    T_EQ("no longer", ready(0), 0);
    T_EQ("modify", control(EPOLL_CTL_MOD, fd, EPOLLOUT), 0);
    T_EQ("ready to write", ready(0), 1);
    T_EQ("EPOLLOUT", out[0].events, EPOLLOUT);
    T_EQ("remove", control(EPOLL_CTL_DEL, fd, 0), 0);
    T_EQ("gone", ready(0), 0);
    close(fd);
}

static void check_edge(void)
{
    int fd = eventfd(0, 0);

    T_EQ("add edge", control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET), 0);
    signal_event(fd);
    T_EQ("edge: once", ready(0), 1);
    T_EQ("edge: not again", ready(0), 0);
    signal_event(fd);
    T_EQ("edge: again after a new event", ready(0), 1);
    T_EQ("re-arm by modification", control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET), 0);
    T_EQ("edge: shown again", ready(0), 1);
    close(fd);
}

static void check_oneshot(void)
{
    int fd = eventfd(1, 0);

    T_EQ("add one-shot", control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT), 0);
    T_EQ("one-shot: once", ready(0), 1);
    T_EQ("one-shot: disabled", ready(0), 0);
    signal_event(fd);
    T_EQ("one-shot: also for new events", ready(0), 0);
    T_EQ("enable", control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT), 0);
    T_EQ("one-shot: once more", ready(0), 1);
    close(fd);
    T_EQ("closing removes", ready(0), 0);
}

static void check_pipes(void)
{
    int ends[2];
    char c;

    T_MUST("pipe", pipe(ends) == 0);
    T_EQ("add both ends",
         control(EPOLL_CTL_ADD, ends[0], EPOLLIN) | control(EPOLL_CTL_ADD, ends[1], EPOLLOUT), 0);
    T_EQ("the write end is ready", ready(0) == 1 && out[0].events == EPOLLOUT, 1);
    T_CHECK("write", write(ends[1], "x", 1) == 1);
    T_EQ("both", ready(0), 2);
    T_CHECK("read", read(ends[0], &c, 1) == 1);
    close(ends[1]);
    T_EQ("hang-up is told unasked", ready(0) == 1 && out[0].events == EPOLLHUP, 1);
    int copy = dup(ends[0]);
    close(ends[0]);
    T_EQ("a copy keeps the file registered", ready(0), 1);
    close(copy);
    T_EQ("the last close removes it", ready(0), 0);
}

static void check_many(void)
{
    int fds[50];
    bool seen[50] = {false};
    int total = 0;

    for (int i = 0; i < 50; i++) {
        fds[i] = eventfd(1, 0);
        control(EPOLL_CTL_ADD, fds[i], EPOLLIN);
    }
    T_EQ("at most as many as asked", epoll_wait(ep, out, 7, 0), 7);
    for (int round = 0; round < 50; round++) {
        int n = epoll_wait(ep, out, 7, 0);
        for (int j = 0; j < n; j++) {
            for (int i = 0; i < 50; i++) {
                if ((int)(uint32_t)out[j].data.u64 == fds[i] && !seen[i]) {
                    seen[i] = true;
                    total++;
                }
            }
        }
    }
    T_EQ("none starves", total, 50);
    for (int i = 0; i < 50; i++) {
        close(fds[i]);
    }
}

static void *late(void *fd)
{
    t_sleep_ms(20);
    signal_event(*(int *)fd);
    return NULL;
}

static void check_waiting(void)
{
    int fd = eventfd(0, 0);
    pthread_t thread;
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);

    control(EPOLL_CTL_ADD, fd, EPOLLIN);
    T_EQ("times out", ready(20), 0);
    T_CHECK("after 20 ms", t_nanoseconds(CLOCK_MONOTONIC) - start >= 20000000);
    T_MUST("thread", pthread_create(&thread, NULL, late, &fd) == 0);
    T_EQ("another thread wakes it", ready(-1), 1);
    pthread_join(thread, NULL);
    drain(fd);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec set = {.it_value = {0, 10000000}};
    control(EPOLL_CTL_ADD, timer, EPOLLIN);
    timerfd_settime(timer, 0, &set, NULL);
    T_EQ("a timer wakes it", ready(-1), 1);
    close(timer);
    int outer = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = ep};
    T_EQ("an epoll in an epoll", epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e), 0);
    signal_event(fd);
    T_EQ("is ready when the inner is", epoll_wait(outer, out, 1, 1000), 1);
    close(outer);
    close(fd);
}

static void check_refusals(void)
{
    int fd = eventfd(0, 0);
    int file = open("/", O_RDONLY | O_DIRECTORY);

    T_EQ("add", control(EPOLL_CTL_ADD, fd, EPOLLIN), 0);
    T_ERR("twice", control(EPOLL_CTL_ADD, fd, EPOLLIN), EEXIST);
    T_EQ("remove", control(EPOLL_CTL_DEL, fd, 0), 0);
    T_ERR("remove again", control(EPOLL_CTL_DEL, fd, 0), ENOENT);
    T_ERR("modify what is not there", control(EPOLL_CTL_MOD, fd, EPOLLIN), ENOENT);
    T_ERR("a closed descriptor", control(EPOLL_CTL_ADD, 99, EPOLLIN), EBADF);
    T_ERR("itself", control(EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
    T_ERR("a directory", control(EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
    T_ERR("an unknown operation", control(77, fd, EPOLLIN), EINVAL);
    T_ERR("not an epoll", epoll_wait(fd, out, 1, 0), EINVAL);
    T_ERR("no events asked", epoll_wait(ep, out, 0, 0), EINVAL);
    T_ERR("unknown flags", epoll_create1(1), EINVAL);
    T_ERR("size 0", epoll_create(0), EINVAL);
    close(fd);
    close(file);
}

int main(void)
{
    ep = epoll_create1(EPOLL_CLOEXEC);
    T_MUST("epoll_create1", ep >= 0);
    check_level();
    check_edge();
    check_oneshot();
    check_pipes();
    check_many();
    check_waiting();
    check_refusals();
    return t_done();
}
