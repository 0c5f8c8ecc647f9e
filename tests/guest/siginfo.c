// SPDX-License-Identifier: Apache-2.0
/*
 * What a handler learns (siginfo) by how the signal was sent; queued real-time signals and their
 * order; sigwaitinfo; signalfd; and a handler of one signal entered while another's runs.
 */
#include "t.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static siginfo_t seen[64];
static volatile sig_atomic_t total;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    if (total < 64) {
        seen[total] = *info;
    }
    total++;
}

static void install(int sig)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    sigfillset(&act.sa_mask);
    T_MUST("sigaction", sigaction(sig, &act, NULL) == 0);
}

static void check_senders(void)
{
    union sigval value = {.sival_int = 4711};

    total = 0;
    kill(getpid(), SIGUSR1);
    T_CHECK("kill", total == 1 && seen[0].si_signo == SIGUSR1 && seen[0].si_code == SI_USER);
    T_CHECK("names its sender", seen[0].si_pid == getpid() && seen[0].si_uid == getuid());
    raise(SIGUSR1);
    T_CHECK("raise", total == 2 && seen[1].si_code == SI_TKILL && seen[1].si_pid == getpid());
    T_EQ("sigqueue", sigqueue(getpid(), SIGUSR1, value), 0);
    T_CHECK("carries a value", total == 3 && seen[2].si_code == SI_QUEUE &&
                                   seen[2].si_value.sival_int == 4711 &&
                                   seen[2].si_pid == getpid());
    T_EQ("pthread_sigqueue", pthread_sigqueue(pthread_self(), SIGUSR1, value), 0);
    T_CHECK("carries it too", total == 4 && seen[3].si_value.sival_int == 4711);
    siginfo_t forged = {.si_signo = SIGUSR1, .si_code = 5};
    T_EQ("forging to oneself", syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &forged),
         0);
    T_CHECK("is allowed", total == 5 && seen[4].si_code == 5);
}

static void check_queue(void)
{
    sigset_t set, old;
    bool ordered = true;

    total = 0;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, &old);
    for (int i = 0; i < 10; i++) {
        union sigval value = {.sival_int = i};
        sigqueue(getpid(), SIGRTMIN + 1 + i % 2, value);
    }
    raise(SIGUSR1);
    raise(SIGUSR1);
    T_EQ("all blocked", total, 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    T_EQ("real-time signals are queued, others merged", total, 11);
    T_EQ("the lowest number first", seen[0].si_signo, SIGUSR1);
    for (int i = 0; i < 5; i++) {
        ordered = ordered && seen[1 + i].si_value.sival_int == 2 * i &&
                  seen[6 + i].si_value.sival_int == 2 * i + 1;
    }
    T_CHECK("in the order they were sent", ordered);
}

static void check_wait(void)
{
    sigset_t set, old;
    siginfo_t info;
    union sigval value = {.sival_int = 99};
    struct timespec zero = {0, 0};

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, &old);
    sigqueue(getpid(), SIGRTMIN + 1, value);
    T_EQ("sigwaitinfo", sigwaitinfo(&set, &info), SIGRTMIN + 1);
    T_CHECK("gives all", info.si_code == SI_QUEUE && info.si_value.sival_int == 99);
    T_ERR("nothing more", sigtimedwait(&set, &info, &zero), EAGAIN);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void *sends_later(void *thread)
{
    t_sleep_ms(10);
    pthread_kill(*(pthread_t *)thread, SIGUSR2);
    return NULL;
}

static void check_blocking_wait(void)
{
    pthread_t self = pthread_self(), thread;
    sigset_t set, old;
    siginfo_t info;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    T_MUST("thread", pthread_create(&thread, NULL, sends_later, &self) == 0);
    T_EQ("sigwaitinfo waits", sigwaitinfo(&set, &info), SIGUSR2);
    /* glibc shows SI_TKILL as SI_USER here. */
    T_EQ("for another thread's signal", info.si_code, SI_USER);
    pthread_join(thread, NULL);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void check_signalfd(void)
{
    sigset_t set, old;
    struct signalfd_siginfo info;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    T_MUST("signalfd", fd >= 0);
    T_EQ("not ready", poll(&p, 1, 0), 0);
    T_ERR("empty", read(fd, &info, sizeof(info)), EAGAIN);
    kill(getpid(), SIGUSR1);
    T_EQ("ready", poll(&p, 1, 0), 1);
    T_EQ("read", read(fd, &info, sizeof(info)), sizeof(info));
    T_CHECK("tells the signal", info.ssi_signo == SIGUSR1 && info.ssi_pid == (uint32_t)getpid());
    T_ERR("once", read(fd, &info, sizeof(info)), EAGAIN);
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static volatile sig_atomic_t inner, inner_inside_outer, outer_running;

static void inner_handler(int sig)
{
    (void)sig;
    inner++;
    inner_inside_outer = outer_running;
}

static void outer_handler(int sig)
{
    (void)sig;
    outer_running = 1;
    raise(SIGUSR2);
    outer_running = 0;
}

static void check_nesting(void)
{
    struct sigaction act = {.sa_handler = outer_handler};

    sigaction(SIGUSR1, &act, NULL);
    act.sa_handler = inner_handler;
    sigaction(SIGUSR2, &act, NULL);
    raise(SIGUSR1);
    T_CHECK("a handler interrupts a handler", inner == 1 && inner_inside_outer);
    act.sa_handler = outer_handler;
    sigaddset(&act.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    T_CHECK("unless its mask forbids it", inner == 2 && !inner_inside_outer);
}

int main(void)
{
    install(SIGUSR1);
    install(SIGRTMIN + 1);
    install(SIGRTMIN + 2);
    check_senders();
    check_queue();
    check_wait();
    check_blocking_wait();
    check_signalfd();
    check_nesting();
    return t_done();
}
