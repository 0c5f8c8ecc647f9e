// SPDX-License-Identifier: Apache-2.0
/*
 * A lock that is handed over on request, as CPython's is. A waiting thread asks for it when the
 * holder has not changed for 5 ms. The holder gives it up between two steps of its work, and waits
 * until another thread has it. Three threads that only compute must not hand the lock around among
 * themselves while a fourth waits. The bound is generous: chance alone gives the fourth thread
 * every fourth turn, here and on Linux.
 */
#include "t.h"

#include <pthread.h>
#include <time.h>

enum { BUSY = 3, TURNS = 40, MOST = TURNS * 25 };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t free, taken;
    bool locked, wanted;
    unsigned long holder, changes;
} lock;
static volatile bool stop;

static struct timespec in_5_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 5000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void lock_take(unsigned long me)
{
    pthread_mutex_lock(&lock.mutex);
    while (lock.locked) {
        const struct timespec until = in_5_ms();
        unsigned long changes = lock.changes;
        int rc = pthread_cond_timedwait(&lock.free, &lock.mutex, &until);
        if (rc == ETIMEDOUT && lock.locked && lock.changes == changes) {
            __atomic_store_n(&lock.wanted, true, __ATOMIC_SEQ_CST);
        }
    }
    lock.locked = true;
    lock.changes += lock.holder != me;
    lock.holder = me;
    __atomic_store_n(&lock.wanted, false, __ATOMIC_SEQ_CST);
    pthread_cond_signal(&lock.taken);
    pthread_mutex_unlock(&lock.mutex);
}

static void lock_drop(unsigned long me, bool until_taken)
{
    pthread_mutex_lock(&lock.mutex);
    lock.locked = false;
    pthread_cond_signal(&lock.free);
    while (until_taken && lock.holder == me && !stop) {
        pthread_cond_wait(&lock.taken, &lock.mutex);
    }
    pthread_mutex_unlock(&lock.mutex);
}

static void *busy(void *argument)
{
    const unsigned long me = (uintptr_t)argument;

    while (!stop) {
        lock_take(me);
        while (!stop && !__atomic_load_n(&lock.wanted, __ATOMIC_SEQ_CST)) {
        }
        lock_drop(me, true);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[BUSY];
    pthread_condattr_t monotonic;
    unsigned long waited = 0;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lock.mutex, NULL);
    pthread_cond_init(&lock.free, &monotonic);
    pthread_cond_init(&lock.taken, NULL);
    for (unsigned long i = 0; i < BUSY; i++) {
        T_MUST("thread", pthread_create(&threads[i], NULL, busy, (void *)(i + 1)) == 0);
    }
    for (int turn = 0; turn < TURNS && waited <= MOST; turn++) {
        t_sleep_ms(1);
        unsigned long before = __atomic_load_n(&lock.changes, __ATOMIC_SEQ_CST);
        lock_take(BUSY + 1);
        waited += lock.changes - before;
        lock_drop(BUSY + 1, false);
    }
    stop = true;
    pthread_mutex_lock(&lock.mutex);
    pthread_cond_broadcast(&lock.taken);
    pthread_mutex_unlock(&lock.mutex);
    for (int i = 0; i < BUSY; i++) {
        pthread_join(threads[i], NULL);
    }
    T_CHECK("who asks for the lock gets its turns", waited <= MOST);

    return t_done();
}
