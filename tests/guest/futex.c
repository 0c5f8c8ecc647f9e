// SPDX-License-Identifier: Apache-2.0
/*
 * futex(2) itself: wait and wake, counts, bitsets, requeue and its comparing form, wake_op,
 * timeouts relative and absolute, refusals, and a signal that ends a wait.
 */
#include "t.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static int word, second;
static int awake;

static long futex(int *at, int op, int value, const void *timeout, int *at2, unsigned value3)
{
    return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

struct waiter {
    pthread_t thread;
    int *at;
    unsigned bits;
    long result;
};

static void *wait_thread(void *argument)
{
    struct waiter *w = argument;

    w->result = futex(w->at, FUTEX_WAIT_BITSET_PRIVATE, *w->at, NULL, NULL, w->bits);
    __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* How many threads wait at a word: a requeue to another word counts them, and a second one moves
 * them back. */
static int waiters_at(int *at)
{
    static int aside;
    const void *all = (const void *)(uintptr_t)0x7fffffff;
    long moved = futex(at, FUTEX_REQUEUE_PRIVATE, 0, all, &aside, 0);

    return moved == futex(&aside, FUTEX_REQUEUE_PRIVATE, 0, all, at, 0) ? (int)moved : -1;
}

/* Starts threads that wait, and returns when all of them do. */
static void start_waiters(struct waiter w[], int count)
{
    awake = 0;
    for (int i = 0; i < count; i++) {
        T_MUST("thread", pthread_create(&w[i].thread, NULL, wait_thread, &w[i]) == 0);
    }
    for (int i = 0; i < 5000 && waiters_at(&word) + waiters_at(&second) != count; i++) {
        t_sleep_ms(1);
    }
    T_MUST("all threads wait", waiters_at(&word) + waiters_at(&second) == count);
}

static void join_waiters(struct waiter w[], int count)
{
    for (int i = 0; i < count; i++) {
        pthread_join(w[i].thread, NULL);
    }
}

static void wait_until_awake(int count)
{
    while (__atomic_load_n(&awake, __ATOMIC_SEQ_CST) < count) {
        t_sleep_ms(1);
    }
}

static void check_wake(void)
{
    struct waiter w[4] = {{.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U}};

    T_EQ("nobody to wake", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    start_waiters(w, 4);
    T_EQ("four wait", awake, 0);
    T_EQ("wake none", futex(&second, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 0);
    T_EQ("wake one", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    wait_until_awake(1);
    t_sleep_ms(5);
    T_EQ("only one woke", awake, 1);
    T_EQ("wake the rest", futex(&word, FUTEX_WAKE_PRIVATE, 99, NULL, NULL, 0), 3);
    join_waiters(w, 4);
    T_EQ("all returned 0", w[0].result | w[1].result | w[2].result | w[3].result, 0);
}

static void check_bitset(void)
{
    struct waiter w[2] = {{.at = &word, .bits = 1}, {.at = &word, .bits = 2}};

    start_waiters(w, 2);
    T_EQ("no bit in common", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4), 0);
    T_EQ("one bit in common", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2), 1);
    pthread_join(w[1].thread, NULL);
    T_EQ("the right one woke", awake, 1);
    T_EQ("a plain wake fits all bits", futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
    pthread_join(w[0].thread, NULL);
    T_ERR("no bits, waking", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    T_ERR("no bits, waiting", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0), EINVAL);
}

static void check_requeue(void)
{
    struct waiter w[4] = {{.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U},
                          {.at = &word, .bits = ~0U}};
    const void *two = (const void *)(uintptr_t)2;

    start_waiters(w, 4);
    T_ERR("another value", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, two, &second, 77), EAGAIN);
    T_EQ("wake 1, move 2", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, two, &second, 0), 3);
    wait_until_awake(1);
    T_EQ("two are at the second word", futex(&second, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    wait_until_awake(3);
    T_EQ("one stayed", futex(&word, FUTEX_REQUEUE_PRIVATE, 9, NULL, &second, 0), 1);
    join_waiters(w, 4);
    T_EQ("all woke", awake, 4);
}

static void check_wake_op(void)
{
    struct waiter w[2] = {{.at = &word, .bits = ~0U}, {.at = &second, .bits = ~0U}};
    const void *one = (const void *)(uintptr_t)1;

    start_waiters(w, 2);
    /* second = 5, and its waiters wake too because it was 0. */
    T_EQ("wake_op wakes at both words",
         futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, one, &second,
               FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)),
         2);
    join_waiters(w, 2);
    T_EQ("and did its operation", second, 5);
    second = 0;
}

static void check_timeouts(void)
{
    struct timespec ts = {0, 15000000};
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);

    T_ERR("relative timeout", futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
    T_CHECK("not early", t_nanoseconds(CLOCK_MONOTONIC) - start >= 15000000);
    int64_t at = t_nanoseconds(CLOCK_MONOTONIC) + 10000000;
    ts = (struct timespec){at / 1000000000, at % 1000000000};
    T_ERR("absolute timeout", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL, ~0U),
          ETIMEDOUT);
    T_CHECK("not early either", t_nanoseconds(CLOCK_MONOTONIC) >= at);
    T_ERR("in the past", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL, ~0U), ETIMEDOUT);
    at = t_nanoseconds(CLOCK_REALTIME) + 10000000;
    ts = (struct timespec){at / 1000000000, at % 1000000000};
    T_ERR("absolute wall time",
          futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, ~0U),
          ETIMEDOUT);
    T_CHECK("not before that time", t_nanoseconds(CLOCK_REALTIME) >= at);
    ts = (struct timespec){0, 1000000000};
    T_ERR("nanoseconds out of range", futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), EINVAL);
    ts = (struct timespec){-1, 0};
    T_ERR("negative", futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), EINVAL);
}

static void check_refusals(void)
{
    int *unaligned = (int *)(uintptr_t)((char *)&word + 1);

    T_ERR("another value", futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
    T_ERR("another value, shared", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    T_ERR("an unaligned word", futex(unaligned, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINVAL);
    T_ERR("an unmapped word", futex((int *)16, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    T_ERR("an unknown operation", futex(&word, 77, 0, NULL, NULL, 0), ENOSYS);
}

static void on_signal(int sig)
{
    (void)sig;
}

static void *interrupted(void *result)
{
    *(long *)result = futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 ? errno : 0;
    __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void check_signal(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    pthread_t thread;
    long result = -1;

    awake = 0;
    sigaction(SIGUSR1, &act, NULL);
    T_MUST("thread", pthread_create(&thread, NULL, interrupted, &result) == 0);
    /* Sends it again and again: a signal may come before the wait begins. */
    while (__atomic_load_n(&awake, __ATOMIC_SEQ_CST) == 0) {
        pthread_kill(thread, SIGUSR1);
        t_sleep_ms(5);
    }
    pthread_join(thread, NULL);
    T_EQ("a signal ends a wait", result, EINTR);
}

int main(void)
{
    check_wake();
    check_bitset();
    check_requeue();
    check_wake_op();
    check_timeouts();
    check_refusals();
    check_signal();
    return t_done();
}
