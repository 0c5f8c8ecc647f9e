// SPDX-License-Identifier: Apache-2.0
/*
 * eventfd as a counter and as a semaphore: values, limits, blocking and waking between threads;
 * and timerfd: one shot, periodic, absolute, disarmed, non-blocking, cancelled by a new setting.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static void check_counter(void)
{
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t value = 0;

    T_MUST("eventfd", fd >= 0);
    T_EQ("close-on-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    T_EQ("read", read(fd, &value, 8), 8);
    T_EQ("the initial value", value, 3);
    T_ERR("then zero blocks", read(fd, &value, 8), EAGAIN);
    value = 5;
    T_EQ("add", write(fd, &value, 8) + write(fd, &value, 8), 16);
    T_EQ("read the sum", read(fd, &value, 8), 8);
    T_EQ("sum", value, 10);
    value = UINT64_MAX - 1;
    T_EQ("to the limit", write(fd, &value, 8), 8);
    value = 1;
    T_ERR("beyond it blocks", write(fd, &value, 8), EAGAIN);
    value = UINT64_MAX;
    T_ERR("the forbidden value", write(fd, &value, 8), EINVAL);
    T_ERR("a short read", read(fd, &value, 7), EINVAL);
    T_ERR("a short write", write(fd, &value, 4), EINVAL);
    T_ERR("unknown flags", eventfd(0, 1 << 20), EINVAL);
    close(fd);
}

static void check_semaphore(void)
{
    int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    uint64_t value = 0;

    T_CHECK("one at a time", read(fd, &value, 8) == 8 && value == 1);
    T_CHECK("and another", read(fd, &value, 8) == 8 && value == 1);
    T_ERR("and no more", read(fd, &value, 8), EAGAIN);
    close(fd);
}

static int ping, pong;

static void *echo(void *unused)
{
    uint64_t value;

    for (int i = 0; i < 500; i++) {
        if (read(ping, &value, 8) != 8 || write(pong, &value, 8) != 8) {
            return NULL;
        }
    }
    return unused;
}

static void check_threads(void)
{
    pthread_t thread;
    void *result = NULL;
    uint64_t sum = 0;

    ping = eventfd(0, 0);
    pong = eventfd(0, 0);
    T_MUST("thread", pthread_create(&thread, NULL, echo, &sum) == 0);
    for (uint64_t i = 1; i <= 500; i++) {
        uint64_t value = i;
        if (write(ping, &value, 8) != 8 || read(pong, &value, 8) != 8) {
            break;
        }
        sum += value;
    }
    pthread_join(thread, &result);
    T_CHECK("500 turns", result == &sum);
    T_EQ("every value came back", sum, 500 * 501 / 2);
}

static void check_timer(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec set = {.it_value = {0, 20000000}}, now;
    uint64_t count = 0;

    T_MUST("timerfd", fd >= 0);
    T_EQ("disarmed at first", timerfd_gettime(fd, &now), 0);
    T_CHECK("shows zero", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    T_ERR("disarmed, nothing to read", read(fd, &count, 8), EAGAIN);
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);
    T_EQ("20 ms", timerfd_settime(fd, 0, &set, NULL), 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    T_EQ("poll waits for it", poll(&wait, 1, 10000), 1);
    T_CHECK("not earlier", t_nanoseconds(CLOCK_MONOTONIC) - start >= 20000000);
    T_CHECK("once", read(fd, &count, 8) == 8 && count == 1);
    T_ERR("only once", read(fd, &count, 8), EAGAIN);
    set.it_value.tv_nsec = 1000000;
    set.it_interval.tv_nsec = 1000000;
    T_EQ("every ms", timerfd_settime(fd, 0, &set, NULL), 0);
    T_EQ("arms", poll(&wait, 1, 10000), 1);
    t_sleep_ms(30);
    T_CHECK("counts what was missed", read(fd, &count, 8) == 8 && count >= 20);
    set = (struct itimerspec){0};
    T_EQ("disarm", timerfd_settime(fd, 0, &set, &now), 0);
    T_EQ("it had that interval", now.it_interval.tv_nsec, 1000000);
    T_EQ("disarmed, poll times out", poll(&wait, 1, 20), 0);
    close(fd);
}

static void check_absolute(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec set = {0};
    uint64_t count = 0;

    clock_gettime(CLOCK_REALTIME, &set.it_value);
    set.it_value.tv_sec -= 10;
    T_EQ("an absolute time in the past", timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
    T_CHECK("fires at once, read blocks", read(fd, &count, 8) == 8 && count == 1);
    int64_t at = t_nanoseconds(CLOCK_REALTIME) + 15000000;
    set.it_value = (struct timespec){at / 1000000000, at % 1000000000};
    T_EQ("in the future", timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
    T_CHECK("a blocking read waits for it",
            read(fd, &count, 8) == 8 && count == 1 && t_nanoseconds(CLOCK_REALTIME) >= at);
    set.it_value.tv_nsec = 1000000000;
    T_ERR("nanoseconds out of range", timerfd_settime(fd, 0, &set, NULL), EINVAL);
    T_ERR("an unknown clock", timerfd_create(77, 0), EINVAL);
    T_ERR("not a timer", timerfd_settime(0, 0, &(struct itimerspec){0}, NULL), EINVAL);
    close(fd);
}

int main(void)
{
    check_counter();
    check_semaphore();
    check_threads();
    check_timer();
    check_absolute();
    return t_done();
}
