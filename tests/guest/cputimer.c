// SPDX-License-Identifier: Apache-2.0
/*
 * Timers on CPU time, overruns of timers whose signal is blocked, SIGEV_THREAD, threads' CPU
 * clocks.
 */
#include "t.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#define MS 1000000LL

static volatile sig_atomic_t count;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    count++;
}

static void install(int sig)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    count = 0;
    T_MUST("sigaction", sigaction(sig, &act, NULL) == 0);
}

/* Computes until the signal has come, or for 20 s, which would be far too long. */
static void compute_until_signal(void)
{
    int64_t limit = t_nanoseconds(CLOCK_MONOTONIC) + 20000 * MS;

    while (!count && t_nanoseconds(CLOCK_MONOTONIC) < limit) {
    }
}

static void check_interval(const char *name, int which, int sig)
{
    struct itimerval set = {.it_value = {0, 20000}}, now;

    install(sig);
    int64_t start = t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    T_EQ(name, setitimer(which, &set, NULL), 0);
    t_sleep_ms(60);
    T_EQ("  does not count sleep", count, 0);
    compute_until_signal();
    T_EQ("  counts computing", count, 1);
    /* Linux counts whole ticks of 4 ms. */
    T_CHECK("  not early", t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start >= 10 * MS);
    T_EQ("  getitimer", getitimer(which, &now), 0);
    T_CHECK("  is disarmed", now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
}

static void check_posix(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec set = {.it_value = {0, 10 * MS}};
    timer_t timer;

    install(SIGUSR1);
    T_EQ("timer_create on CPU time", timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer), 0);
    T_EQ("timer_settime", timer_settime(timer, 0, &set, NULL), 0);
    compute_until_signal();
    T_EQ("fires", count, 1);
    T_EQ("timer_delete", timer_delete(timer), 0);
}

static void check_overrun(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec set = {{0, MS}, {0, MS}}, none = {{0, 0}, {0, 0}};
    sigset_t block, old;
    timer_t timer;

    install(SIGUSR1);
    T_EQ("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &old);
    timer_settime(timer, 0, &set, NULL);
    t_sleep_ms(30);
    T_EQ("blocked", count, 0);
    timer_settime(timer, 0, &none, NULL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    T_CHECK("at most one signal was queued", count <= 1);
    count = 0;
    sigprocmask(SIG_BLOCK, &block, &old);
    timer_settime(timer, 0, &set, NULL);
    t_sleep_ms(30);
    sigprocmask(SIG_SETMASK, &old, NULL);
    T_CHECK("one signal", count >= 1);
    timer_settime(timer, 0, &none, NULL);
    T_EQ("timer_delete", timer_delete(timer), 0);
}

static volatile int notified;

static void notify(union sigval value)
{
    notified = value.sival_int;
}

static void check_thread_notification(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify};
    struct itimerspec set = {.it_value = {0, 3 * MS}};
    timer_t timer;

    event.sigev_value.sival_int = 42;
    T_EQ("SIGEV_THREAD", timer_create(CLOCK_REALTIME, &event, &timer), 0);
    T_EQ("timer_settime", timer_settime(timer, 0, &set, NULL), 0);
    for (int i = 0; i < 10000 && !notified; i++) {
        t_sleep_ms(1);
    }
    T_EQ("calls the function with its value", notified, 42);
    T_EQ("timer_delete", timer_delete(timer), 0);
}

static void check_clocks(void)
{
    struct timespec ts;
    clockid_t clock;

    T_EQ("pthread_getcpuclockid", pthread_getcpuclockid(pthread_self(), &clock), 0);
    T_EQ("clock_gettime", clock_gettime(clock, &ts), 0);
    T_EQ("clock_getcpuclockid", clock_getcpuclockid(getpid(), &clock), 0);
    T_EQ("clock_gettime", clock_gettime(clock, &ts), 0);
    int64_t start = t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    t_sleep_ms(100);
    T_CHECK("sleep takes no CPU time", t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start < 90 * MS);
}

int main(void)
{
    check_interval("ITIMER_PROF", ITIMER_PROF, SIGPROF);
    check_interval("ITIMER_VIRTUAL", ITIMER_VIRTUAL, SIGVTALRM);
    check_posix();
    check_overrun();
    check_thread_notification();
    check_clocks();
    return t_done();
}
