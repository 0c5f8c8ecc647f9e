// SPDX-License-Identifier: Apache-2.0
/*
 * What is built on futexes: mutexes of every kind, robust ones, condition variables, rwlocks,
 * barriers, semaphores, once, spin locks, and the timed form of each.
 */
#include "t.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 4, TURNS = 5000 };

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t semaphore;
static long shared, checked;

static void run(void *(*function)(void *))
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        T_MUST("thread", pthread_create(&threads[i], NULL, function, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static struct timespec soon(clockid_t clock)
{
    int64_t at = t_nanoseconds(clock) + 10000000;

    return (struct timespec){at / 1000000000, at % 1000000000};
}

static void *with_mutex(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        shared = shared + 1;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static void *with_spin(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_spin_lock(&spin);
        shared = shared + 1;
        pthread_spin_unlock(&spin);
    }
    return unused;
}

static void *try_lock(void *unused)
{
    struct timespec until = soon(CLOCK_REALTIME);

    checked = pthread_mutex_trylock(&mutex) == EBUSY &&
              pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT &&
              t_nanoseconds(CLOCK_REALTIME) >= until.tv_sec * 1000000000 + until.tv_nsec;
    return unused;
}

static void check_mutex(int type, int protocol, const char *name)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, type);
    pthread_mutexattr_setprotocol(&attr, protocol);
    T_MUST(name, pthread_mutex_init(&mutex, &attr) == 0);
    shared = 0;
    run(with_mutex);
    T_EQ("excludes", shared, (long)THREADS * TURNS);
    pthread_mutex_lock(&mutex);
    if (type == PTHREAD_MUTEX_RECURSIVE) {
        T_EQ("recursive", pthread_mutex_lock(&mutex) | pthread_mutex_unlock(&mutex), 0);
    } else if (type == PTHREAD_MUTEX_ERRORCHECK) {
        T_EQ("error-checking", pthread_mutex_lock(&mutex), EDEADLK);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, try_lock, NULL);
    pthread_join(thread, NULL);
    T_CHECK("locked for others, until a timeout", checked);
    T_EQ("unlock", pthread_mutex_unlock(&mutex), 0);
    pthread_mutex_destroy(&mutex);
}

static void *dies_holding(void *unused)
{
    pthread_mutex_lock(&mutex);
    return unused;
}

static void check_robust(void)
{
    pthread_mutexattr_t attr;
    pthread_t thread;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &attr);
    pthread_create(&thread, NULL, dies_holding, NULL);
    pthread_join(thread, NULL);
    T_EQ("robust: the owner died", pthread_mutex_lock(&mutex), EOWNERDEAD);
    T_EQ("made consistent", pthread_mutex_consistent(&mutex), 0);
    T_EQ("unlock", pthread_mutex_unlock(&mutex), 0);
    T_EQ("usable again", pthread_mutex_lock(&mutex) | pthread_mutex_unlock(&mutex), 0);
    pthread_create(&thread, NULL, dies_holding, NULL);
    pthread_join(thread, NULL);
    T_EQ("died again", pthread_mutex_lock(&mutex), EOWNERDEAD);
    T_EQ("left inconsistent", pthread_mutex_unlock(&mutex), 0);
    T_EQ("is not recoverable", pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
    pthread_mutex_destroy(&mutex);
}

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static int queue[8], head, tail;

static void *consume(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&m);
        while (head == tail) {
            pthread_cond_wait(&filled, &m);
        }
        shared += queue[tail++ % 8];
        pthread_cond_signal(&emptied);
        pthread_mutex_unlock(&m);
    }
    return unused;
}

static void check_condition(void)
{
    pthread_t thread;
    pthread_cond_t never;
    pthread_condattr_t attr;

    shared = 0;
    T_MUST("thread", pthread_create(&thread, NULL, consume, NULL) == 0);
    for (int i = 1; i <= TURNS; i++) {
        pthread_mutex_lock(&m);
        while (head - tail == 8) {
            pthread_cond_wait(&emptied, &m);
        }
        queue[head++ % 8] = i;
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&m);
    }
    pthread_join(thread, NULL);
    T_EQ("a bounded queue", shared, (long)TURNS * (TURNS + 1) / 2);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&never, &attr);
    pthread_mutex_lock(&m);
    struct timespec until = soon(CLOCK_MONOTONIC);
    T_EQ("a wait that ends", pthread_cond_timedwait(&never, &m, &until), ETIMEDOUT);
    T_CHECK("not early",
            t_nanoseconds(CLOCK_MONOTONIC) >= until.tv_sec * 1000000000 + until.tv_nsec);
    pthread_mutex_unlock(&m);
}

static void *read_or_write(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        if (i % 8 == 0) {
            pthread_rwlock_wrlock(&rwlock);
            shared = shared + 1;
            checked = shared;
            pthread_rwlock_unlock(&rwlock);
        } else {
            pthread_rwlock_rdlock(&rwlock);
            if (checked != shared) {
                t_failures++;
            }
            pthread_rwlock_unlock(&rwlock);
        }
    }
    return unused;
}

static void check_rwlock(void)
{
    struct timespec until;

    shared = checked = 0;
    run(read_or_write);
    T_EQ("readers never see half a write", shared, (long)THREADS * TURNS / 8);
    T_EQ("two readers", pthread_rwlock_rdlock(&rwlock) | pthread_rwlock_tryrdlock(&rwlock), 0);
    T_EQ("no writer then", pthread_rwlock_trywrlock(&rwlock), EBUSY);
    until = soon(CLOCK_REALTIME);
    T_EQ("not even after a while", pthread_rwlock_timedwrlock(&rwlock, &until), ETIMEDOUT);
    T_EQ("unlock", pthread_rwlock_unlock(&rwlock) | pthread_rwlock_unlock(&rwlock), 0);
    T_EQ("now a writer", pthread_rwlock_trywrlock(&rwlock) | pthread_rwlock_unlock(&rwlock), 0);
}

static void *in_rounds(void *unused)
{
    for (int i = 0; i < 200; i++) {
        __atomic_fetch_add(&shared, 1, __ATOMIC_RELAXED);
        bool serial = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
        if (__atomic_load_n(&shared, __ATOMIC_RELAXED) != (long)THREADS * (i + 1)) {
            t_failures++;
        }
        checked += serial;
        pthread_barrier_wait(&barrier);
    }
    return unused;
}

static void *post(void *unused)
{
    t_sleep_ms(5);
    sem_post(&semaphore);
    return unused;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void only_once(void)
{
    t_sleep_ms(2);
    shared++;
}

static void *call_once(void *unused)
{
    pthread_once(&once, only_once);
    return unused;
}

static void check_others(void)
{
    struct timespec until;

    shared = checked = 0;
    pthread_barrier_init(&barrier, NULL, THREADS);
    run(in_rounds);
    T_EQ("a barrier has one serial thread a round", checked, 200);
    sem_init(&semaphore, 0, 1);
    T_EQ("semaphore", sem_wait(&semaphore), 0);
    T_ERR("taken", sem_trywait(&semaphore), EAGAIN);
    until = soon(CLOCK_REALTIME);
    T_ERR("timed", sem_timedwait(&semaphore, &until), ETIMEDOUT);
    run(post);
    T_EQ("posted by others",
         sem_wait(&semaphore) | sem_wait(&semaphore) | sem_wait(&semaphore) | sem_wait(&semaphore),
         0);
    shared = 0;
    run(call_once);
    T_EQ("once", shared, 1);
    pthread_spin_init(&spin, 0);
    shared = 0;
    run(with_spin);
    T_EQ("spin lock", shared, (long)THREADS * TURNS);
}

int main(void)
{
    check_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, "normal mutex");
    check_mutex(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, "recursive mutex");
    check_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, "error-checking mutex");
    check_robust();
    check_condition();
    check_rwlock();
    check_others();
    return t_done();
}
