// SPDX-License-Identifier: Apache-2.0
/*
 * A timer at an absolute time, which SIGSTOP does not delay. It repeats, because a signal that
 * comes just before a system call does not interrupt that call.
 */
#include "deadline.h"
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define GRACE_NS 10000000ull /* extra wait after the deadline, once */
#define AGAIN_NS 2000000ull

static struct {
    bool begun;
    timer_t timer;
    bool late; /* the extra wait has been given: until was moved */
    uint64_t timeout_ns, until;
} deadline;

static void on_alarm(int signo)
{
    (void)signo; /* the signal has interrupted a call: nothing else to do */
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Makes the timer. */
static int timer_make(struct vmm_err *err)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alarm_set;

    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    if (timer_create(CLOCK_MONOTONIC, &event, &deadline.timer) < 0 ||
        sigaction(SIGALRM, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &alarm_set, NULL) < 0) {
        return vmm_err_set(err, errno, "no timer for --timeout: %s%s", strerror(errno),
                           errno == EAGAIN ? " (raise RLIMIT_SIGPENDING, `ulimit -i`)" : "");
    }
    return 0;
}

int deadline_begin(uint64_t timeout_ns, struct vmm_err *err)
{
    int rc = timeout_ns != 0 ? timer_make(err) : 0;

    if (rc < 0 || timeout_ns == 0) {
        return rc;
    }
    deadline.begun = true;
    deadline.timeout_ns = timeout_ns;
    deadline_renew();
    return 0;
}

int deadline_forked(struct vmm_err *err)
{
    return deadline.begun ? timer_make(err) : 0;
}

void deadline_renew(void)
{
    uint64_t now = report_now();

    deadline.late = false;
    deadline.until =
        deadline.timeout_ns < UINT64_MAX - now ? now + deadline.timeout_ns : UINT64_MAX;
}

static int timer_set(uint64_t at, uint64_t again)
{
    struct itimerspec spec = {.it_value = timespec_of(at), .it_interval = timespec_of(again)};

    return timer_settime(deadline.timer, TIMER_ABSTIME, &spec, NULL);
}

int deadline_watch(struct vmm_err *err)
{
    uint64_t soon = report_now() + GRACE_NS;

    if (!deadline.begun) {
        return 0;
    }
    if (deadline.until < soon && !deadline.late) {
        deadline.late = true;
        deadline.until = soon;
    }
    if (timer_set(deadline.until, AGAIN_NS) < 0) {
        return vmm_err_set(err, errno, "timer_settime: %s", strerror(errno));
    }
    return 0;
}

void deadline_unwatch(void)
{
    if (deadline.begun) {
        (void)timer_set(0, 0);
    }
}
