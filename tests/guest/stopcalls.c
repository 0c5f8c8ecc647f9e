// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that are stopped while they wait in a system call, and such with several threads.
 */
#include "children.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static int pipes[2];

static void reads(void)
{
    char c = 0;

    shared->ready = 1;
    shared->got = (int)read(pipes[0], &c, 1);
    shared->done = c;
}

static void pauses(void)
{
    shared->ready = 1;
    pause();
    shared->done = 1;
}

static void polls(void)
{
    struct pollfd p = {pipes[0], POLLIN, 0};

    shared->ready = 1;
    shared->got = poll(&p, 1, 300);
    shared->done = 1;
}

static void sleeps(void)
{
    struct timespec time = {.tv_nsec = 200000000};

    shared->ready = 1;
    shared->got = nanosleep(&time, NULL);
    shared->done = 1;
}

static void epolls(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int ep = epoll_create1(0);

    epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event);
    shared->ready = 1;
    shared->got = epoll_wait(ep, &event, 1, 5000) < 0 ? errno : 0;
    shared->done = 1;
}

static void waits_for_signal(void)
{
    struct timespec time = {.tv_sec = 5};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    shared->ready = 1;
    shared->got = sigtimedwait(&set, NULL, &time) < 0 ? errno : 0;
    shared->done = 1;
}

/* Stops and continues a child in a call. */
static pid_t stop_in(void (*what)(void))
{
    pid_t pid = begin(what);

    settle();
    (void)stop(pid, SIGSTOP);
    return pid;
}

static void go_on(pid_t pid)
{
    kill(pid, SIGCONT);
    T_MUST("it goes on", waitpid(pid, NULL, WCONTINUED) == pid);
}

static void check_calls(void)
{
    int waiting = 0;
    pid_t pid;

    T_MUST("pipe", pipe(pipes) == 0);
    pid = stop_in(reads);
    T_MUST("write", write(pipes[1], "x", 1) == 1);
    t_sleep_ms(30);
    T_MUST("FIONREAD", ioctl(pipes[0], FIONREAD, &waiting) == 0);
    T_EQ("a stopped process takes nothing", waiting, 1);
    kill(pid, SIGCONT);
    T_EQ("it ends", waitpid(pid, NULL, 0), pid);
    T_CHECK("after it has read", shared->got == 1 && shared->done == 'x');
    pid = stop_in(pauses);
    go_on(pid);
    t_sleep_ms(30);
    T_EQ("pause goes on", shared->done, 0);
    finish(pid);
    pid = stop_in(polls);
    kill(pid, SIGCONT);
    T_EQ("poll", waitpid(pid, NULL, 0), pid);
    T_CHECK("waits until its time is over", shared->done == 1 && shared->got == 0);
    pid = stop_in(sleeps);
    kill(pid, SIGCONT);
    T_EQ("nanosleep", waitpid(pid, NULL, 0), pid);
    T_CHECK("goes on", shared->done == 1 && shared->got == 0);
    pid = stop_in(epolls);
    kill(pid, SIGCONT);
    T_EQ("epoll_wait", waitpid(pid, NULL, 0), pid);
    T_EQ("is interrupted", shared->got, EINTR);
    pid = stop_in(waits_for_signal);
    kill(pid, SIGCONT);
    T_EQ("sigtimedwait", waitpid(pid, NULL, 0), pid);
    T_EQ("is interrupted", shared->got, EINTR);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- threads ---- */

static void *count_in_thread(void *arg)
{
    (void)arg;
    counts();
    return NULL;
}

static void *read_in_thread(void *arg)
{
    (void)arg;
    reads();
    return NULL;
}

static void threads(void)
{
    pthread_t a, b;

    pthread_create(&a, NULL, read_in_thread, NULL);
    pthread_create(&b, NULL, count_in_thread, NULL);
    pthread_join(b, NULL);
}

/* Its first thread has ended. */
static void without_leader(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, count_in_thread, NULL);
    pthread_exit(NULL);
}

static void check_threads(void)
{
    pid_t pid;
    int waiting = 0;

    T_MUST("pipe", pipe(pipes) == 0);
    pid = begin(threads);
    settle();
    T_EQ("a process with threads", WSTOPSIG(stop(pid, SIGSTOP)), SIGSTOP);
    T_CHECK("none runs", !counts_on());
    T_MUST("write", write(pipes[1], "y", 1) == 1);
    t_sleep_ms(30);
    T_MUST("FIONREAD", ioctl(pipes[0], FIONREAD, &waiting) == 0);
    T_EQ("none reads", waiting, 1);
    go_on(pid);
    T_CHECK("all run", counts_on());
    T_EQ("one has read", shared->done, 'y');
    finish(pid);
    pid = begin(without_leader);
    settle();
    T_EQ("one without its first thread", WSTOPSIG(stop(pid, SIGSTOP)), SIGSTOP);
    T_CHECK("stops", !counts_on());
    go_on(pid);
    T_CHECK("goes on", counts_on());
    (void)stop(pid, SIGSTOP);
    finish(pid);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    children_init();
    check_calls();
    check_threads();
    return t_done();
}
