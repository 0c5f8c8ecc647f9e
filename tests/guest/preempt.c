// SPDX-License-Identifier: Apache-2.0
/*
 * Preemption: threads that only compute, without a system call, do not keep others from running,
 * from sleeping and waking, from being signalled or from being timed out; sleepers wake in order.
 */
#include "t.h"

#include <pthread.h>
#include <signal.h>

static volatile bool stop;
static volatile unsigned long spins[4];

static void *spinner(void *argument)
{
    volatile unsigned long *mine = argument;

    while (!stop) {
        *mine = *mine + 1;
    }
    return NULL;
}

static void start_spinners(pthread_t threads[], int count)
{
    stop = false;
    for (int i = 0; i < count; i++) {
        spins[i] = 0;
        unsigned long *mine = (unsigned long *)(uintptr_t)&spins[i];
        T_MUST("thread", pthread_create(&threads[i], NULL, spinner, mine) == 0);
    }
}

static void stop_spinners(pthread_t threads[], int count)
{
    stop = true;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void check_all_progress(void)
{
    pthread_t threads[4];
    int64_t limit = t_nanoseconds(CLOCK_MONOTONIC) + 20000000000;

    start_spinners(threads, 4);
    /* The main thread computes too: no thread ever calls the scheduler. */
    while (t_nanoseconds(CLOCK_MONOTONIC) < limit &&
           (spins[0] < 1000 || spins[1] < 1000 || spins[2] < 1000 || spins[3] < 1000)) {
    }
    T_CHECK("every computing thread gets on", spins[0] && spins[1] && spins[2] && spins[3]);
    stop_spinners(threads, 4);
}

static void check_sleeper(void)
{
    pthread_t threads[2];

    start_spinners(threads, 2);
    for (int i = 0; i < 10; i++) {
        t_sleep_ms(2);
    }
    T_CHECK("a sleeper wakes among computing threads", true);
    stop_spinners(threads, 2);
}

static volatile int handled;

static void on_signal(int sig)
{
    (void)sig;
    handled = 1;
}

static void *until_signalled(void *unused)
{
    while (!handled) {
    }
    return unused;
}

static void check_signal_to_spinner(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    pthread_t thread;

    sigaction(SIGUSR1, &act, NULL);
    T_MUST("thread", pthread_create(&thread, NULL, until_signalled, NULL) == 0);
    t_sleep_ms(5);
    T_EQ("pthread_kill", pthread_kill(thread, SIGUSR1), 0);
    pthread_join(thread, NULL);
    T_EQ("a computing thread takes a signal", handled, 1);
}

static int order[5], finished;
static int64_t wake_base;

static void *sleeper(void *argument)
{
    int which = *(int *)argument;

    /* The times are far enough apart for any machine: the order is checked, not the time. */
    int64_t at = wake_base + 100000000LL * which;
    struct timespec until = {at / 1000000000, at % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    order[__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST)] = which;
    return NULL;
}

static void check_wake_order(void)
{
    static int which[5] = {4, 2, 0, 3, 1};
    pthread_t threads[5], busy[1];
    bool sorted = true;

    start_spinners(busy, 1);
    wake_base = t_nanoseconds(CLOCK_MONOTONIC) + 300000000;
    for (int i = 0; i < 5; i++) {
        T_MUST("thread", pthread_create(&threads[i], NULL, sleeper, &which[i]) == 0);
    }
    for (int i = 0; i < 5; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 5; i++) {
        sorted = sorted && order[i] == i;
    }
    T_CHECK("sleepers wake in the order of their times", sorted);
    stop_spinners(busy, 1);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void check_timed_wait(void)
{
    pthread_t threads[2];
    struct timespec until;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;

    start_spinners(threads, 2);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mutex);
    T_EQ("a timed wait ends among computing threads",
         pthread_cond_timedwait(&never, &mutex, &until), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    stop_spinners(threads, 2);
}

static volatile int handed;

static void *waits_for_turn(void *unused)
{
    for (int i = 0; i < 20; i++) {
        while (handed != 2 * i + 1) {
        }
        handed = 2 * i + 2;
    }
    return unused;
}

static void check_spinning_handover(void)
{
    pthread_t thread;

    T_MUST("thread", pthread_create(&thread, NULL, waits_for_turn, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        handed = 2 * i + 1;
        while (handed != 2 * i + 2) {
        }
    }
    pthread_join(thread, NULL);
    T_EQ("threads that spin for each other get on", handed, 40);
}

int main(void)
{
    check_all_progress();
    check_sleeper();
    check_signal_to_spinner();
    check_wake_order();
    check_timed_wait();
    check_spinning_handover();
    return t_done();
}
