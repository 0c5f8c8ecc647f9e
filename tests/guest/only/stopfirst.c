// SPDX-License-Identifier: Apache-2.0
/*
 * The first process of a run stops. Another process or a timer continues it; when there is nobody
 * who could, the kernel does.
 */
#include "children.h"

static volatile sig_atomic_t continued;

static void on_cont(int sig)
{
    (void)sig;
    continued++;
}

static void continues_parent(void)
{
    t_sleep_ms(50);
    shared->got = 1;
    kill(getppid(), SIGCONT);
}

static void waits(void)
{
    pause();
}

static void stops(void)
{
    raise(SIGSTOP);
}

int main(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT};
    struct itimerspec time = {.it_value = {.tv_nsec = 50000000}};
    int64_t begin_ns;
    timer_t timer;
    pid_t pid;

    children_init();
    signal(SIGCONT, on_cont);
    raise(SIGTSTP);
    T_EQ("SIGTSTP does not stop it: its group has no parent", continued, 0);
    raise(SIGSTOP);
    T_EQ("with nobody else it goes on", continued, 1);
    pid = begin(continues_parent);
    raise(SIGSTOP);
    T_CHECK("a child continues it", continued == 2 && shared->got == 1);
    T_EQ("the child", waitpid(pid, NULL, 0), pid);
    pid = begin(waits);
    raise(SIGSTOP);
    T_EQ("a child that waits will not", continued, 3);
    finish(pid);
    pid = begin(stops);
    raise(SIGSTOP);
    T_EQ("nor one that is stopped", continued, 4);
    finish(pid);
    T_MUST("timer", timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    begin_ns = t_nanoseconds(CLOCK_MONOTONIC);
    T_MUST("timer", timer_settime(timer, 0, &time, NULL) == 0);
    raise(SIGSTOP);
    T_CHECK("a timer continues it",
            continued == 5 && t_nanoseconds(CLOCK_MONOTONIC) - begin_ns >= 50000000);
    return t_done();
}
