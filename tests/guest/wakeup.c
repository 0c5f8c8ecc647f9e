// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that sleeps most of the time and is woken by a busy one runs soon, not at the end of the
 * busy one's slice. Both are on one CPU. What counts is the median, because Linux may do something
 * else in between.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TURNS   40
#define BUSY_NS 4000000u /* between two wake-ups */
#define SOON_NS 2000000u

static sem_t wanted;
static uint64_t posted[TURNS], ran[TURNS];

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void busy(uint64_t ns)
{
    for (uint64_t end = now() + ns; now() < end;) {
    }
}

static void *sleeper(void *arg)
{
    for (int i = 0; i < TURNS; i++) {
        while (sem_wait(&wanted) != 0) {
        }
        ran[i] = now();
    }
    return arg;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    pthread_t thread;
    cpu_set_t one;
    uint64_t late[TURNS];

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0 || sem_init(&wanted, 0, 0) != 0 ||
        pthread_create(&thread, NULL, sleeper, NULL) != 0) {
        perror("setup");
        return 1;
    }
    busy(20000000);
    for (int i = 0; i < TURNS; i++) {
        posted[i] = now();
        sem_post(&wanted);
        busy(BUSY_NS);
    }
    pthread_join(thread, NULL);
    for (int i = 0; i < TURNS; i++) {
        late[i] = ran[i] - posted[i];
    }
    qsort(late, TURNS, sizeof(late[0]), compare);
    if (late[TURNS / 2] >= SOON_NS) {
        fprintf(stderr, "median %lu us, at most %lu us\n", late[TURNS / 2] / 1000,
                late[TURNS - 1] / 1000);
    }
    printf("a woken thread runs soon: %s\n", late[TURNS / 2] < SOON_NS ? "yes" : "no");
    return 0;
}
