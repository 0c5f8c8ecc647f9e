// SPDX-License-Identifier: Apache-2.0
/*
 * Timers that signal: alarm, setitimer, timer_create; SIGALRM ending pause, nanosleep and a read;
 * remaining times; a signal into a computing loop.
 */
#include "t.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms;
static siginfo_t last;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    last = *info;
    alarms++;
}

static void install(int sig, int flags)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    sigaction(sig, &act, NULL);
    alarms = 0;
}

static void once_in(long us)
{
    struct itimerval set = {.it_value = {us / 1000000, us % 1000000}};

    T_MUST("setitimer", setitimer(ITIMER_REAL, &set, NULL) == 0);
}

/* Signals every few ms until stopped, so that nothing hangs when the first signal comes too
 * early. */
static void repeat_every(long us)
{
    struct itimerval set = {{0, us}, {0, us}};

    T_MUST("setitimer", setitimer(ITIMER_REAL, &set, NULL) == 0);
}

static void stop(void)
{
    T_MUST("setitimer", setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL) == 0);
}

static void check_interrupting(void)
{
    int ends[2];
    char c;
    struct timespec hour = {3600, 0}, rest = {0, 0};

    T_MUST("pipe", pipe(ends) == 0);
    install(SIGALRM, 0);
    repeat_every(5000);
    T_ERR("pause", pause(), EINTR);
    T_ERR("read", read(ends[0], &c, 1), EINTR);
    T_ERR("nanosleep", nanosleep(&hour, &rest), EINTR);
    T_CHECK("the rest of it", rest.tv_sec >= 3500 && rest.tv_sec <= 3600);
    T_EQ("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, &rest), EINTR);
    install(SIGALRM, SA_RESTART);
    T_ERR("nanosleep in spite of RESTART", nanosleep(&hour, &rest), EINTR);
    stop();
    T_CHECK("from the timer", last.si_signo == SIGALRM && last.si_code == SI_KERNEL);
    close(ends[0]);
    close(ends[1]);
}

static void check_computing(void)
{
    install(SIGALRM, 0);
    once_in(5000);
    while (!alarms) {
    }
    T_EQ("a computing loop is interrupted", alarms, 1);
    install(SIGALRM, 0);
    repeat_every(2000);
    while (alarms < 10) {
    }
    stop();
    T_CHECK("again and again", alarms >= 10);
}

static void check_values(void)
{
    struct itimerval set = {{7, 0}, {3600, 0}}, now, old;

    T_EQ("set", setitimer(ITIMER_REAL, &set, &old), 0);
    T_CHECK("there was none", old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    T_EQ("getitimer", getitimer(ITIMER_REAL, &now), 0);
    T_CHECK("counts down", now.it_value.tv_sec >= 3500 && now.it_value.tv_sec <= 3600 &&
                               now.it_interval.tv_sec == 7);
    unsigned left = alarm(1800);
    T_CHECK("alarm is the same timer", left >= 3500 && left <= 3600);
    left = alarm(0);
    T_CHECK("and tells what was left", left >= 1700 && left <= 1800);
    T_EQ("nothing is left", alarm(0), 0);
    set.it_value.tv_usec = 1000000;
    T_ERR("microseconds out of range", setitimer(ITIMER_REAL, &set, NULL), EINVAL);
    T_ERR("an unknown timer", setitimer(9, &(struct itimerval){0}, NULL), EINVAL);
    T_EQ("ITIMER_VIRTUAL is there", getitimer(ITIMER_VIRTUAL, &now), 0);
    T_EQ("ITIMER_PROF is there", getitimer(ITIMER_PROF, &now), 0);
}

static void check_timer_create(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec set = {.it_value = {0, 5000000}}, now;

    event.sigev_value.sival_int = 31;
    install(SIGUSR1, 0);
    T_EQ("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    T_EQ("timer_settime", timer_settime(timer, 0, &set, NULL), 0);
    while (!alarms) {
        t_sleep_ms(1);
    }
    T_CHECK("fires once with its value",
            alarms == 1 && last.si_code == SI_TIMER && last.si_value.sival_int == 31);
    T_EQ("timer_gettime", timer_gettime(timer, &now), 0);
    T_CHECK("disarmed after it", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    T_EQ("timer_getoverrun", timer_getoverrun(timer), 0);
    T_EQ("timer_delete", timer_delete(timer), 0);
    T_ERR("deleted", timer_settime(timer, 0, &set, NULL), EINVAL);
}

int main(void)
{
    check_interrupting();
    check_computing();
    check_values();
    check_timer_create();
    return t_done();
}
