// SPDX-License-Identifier: Apache-2.0
/*
 * A program that takes run after run from /dev/pyhl and ends each by writing its status, while the
 * machine goes on: memory, files, threads and timers are as the run before has left them.
 * turns.then has the runs' sources, a line each.
 */
#include "t.h"

#include "images/runframe.h"
#include "vmm/abi.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>

enum { BIG = 8 << 20 };

static char frame[1 << 20];
static size_t frame_size;
static atomic_int steps;
static char *big; /* a large piece of memory, freed and taken again */
static int timer;
static long last_ns;
static char last_random[16];

static _Noreturn void *stepper(void *arg)
{
    (void)arg;
    for (;;) {
        t_sleep_ms(1);
        steps++;
    }
}

static bool take(int fd)
{
    ssize_t n;

    frame_size = 0;
    while ((n = read(fd, frame + frame_size, sizeof(frame) - frame_size)) > 0) {
        frame_size += (size_t)n;
    }
    return n == 0 && runframe_check(frame, frame_size) == NULL;
}

static int end(int fd, const void *status, size_t size)
{
    return write(fd, status, size) == (ssize_t)size ? 0 : errno;
}

static bool source_is(const char *text)
{
    size_t size;
    const char *source = runframe_bytes(frame, frame_size, HV_RECORD_SOURCE, &size);
    return size == strlen(text) && memcmp(source, text, size) == 0;
}

/* Time has gone on, and random numbers are others. */
static void look_at_the_clock(void)
{
    char now_random[sizeof(last_random)];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    T_CHECK("time goes on", now.tv_sec * 1000000000 + now.tv_nsec > last_ns);
    last_ns = now.tv_sec * 1000000000 + now.tv_nsec;
    T_CHECK("random", getrandom(now_random, sizeof(now_random), 0) == sizeof(now_random));
    T_CHECK("other random numbers", memcmp(now_random, last_random, sizeof(now_random)) != 0);
    memcpy(last_random, now_random, sizeof(now_random));
}

static void first(void)
{
    const struct itimerspec soon = {.it_value.tv_nsec = 20000000};
    pthread_t thread;
    int fd = open("/tmp/kept", O_CREAT | O_EXCL | O_WRONLY, 0600);

    T_CHECK("file", fd >= 0 && write(fd, "kept", 4) == 4 && close(fd) == 0);
    big = malloc(BIG);
    T_MUST("memory", big != NULL);
    memset(big, 0x5a, BIG);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    T_CHECK("timer", timer >= 0 && timerfd_settime(timer, 0, &soon, NULL) == 0);
    T_MUST("thread", pthread_create(&thread, NULL, stepper, NULL) == 0);
}

static void second(void)
{
    char text[8] = {0};
    uint64_t expirations = 0;
    int before = steps, fd = open("/tmp/kept", O_RDONLY);

    T_CHECK("file is kept", fd >= 0 && read(fd, text, 8) == 4 && memcmp(text, "kept", 4) == 0);
    close(fd);
    T_CHECK("memory is kept", big[0] == 0x5a && big[BIG - 1] == 0x5a);
    free(big);
    big = calloc(1, BIG);
    T_CHECK("new memory is zero", big != NULL && big[0] == 0 && big[BIG / 2] == 0);
    T_CHECK("timer", read(timer, &expirations, 8) == 8 && expirations == 1);
    t_sleep_ms(30);
    T_CHECK("the thread goes on", steps > before);
}

static void wrong(int fd)
{
    static const int bad[] = {-1, 256, 1 << 20};
    void *volatile nowhere = (void *)8;

    T_CHECK("a size that is no int's", end(fd, "abc", 3) == EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        T_CHECK("a status that there is not", end(fd, &bad[i], sizeof(bad[i])) == EINVAL);
    }
    T_CHECK("no memory", end(fd, nowhere, sizeof(int)) == EFAULT);
    T_CHECK("the run is as it was", read(fd, frame, 1) == 0);
}

int main(void)
{
    int fd = open(HV_RUN_DEVICE, O_RDWR), status = 0;

    T_MUST("open", fd >= 0);
    T_CHECK("no run to end yet", end(fd, &status, sizeof(status)) == EINVAL);
    for (;; status++) {
        T_MUST("a run", take(fd));
        look_at_the_clock();
        if (source_is("first")) {
            first();
        } else if (source_is("second")) {
            second();
        } else if (source_is("wrong")) {
            wrong(fd);
        } else {
            T_CHECK("the last run", source_is("last"));
            printf("%d runs before this one\n", status);
            return t_done();
        }
        fflush(stdout);
        T_MUST("end", end(fd, &status, sizeof(status)) == 0);
        T_CHECK("it has ended", end(fd, &status, sizeof(status)) == EINVAL);
    }
}
