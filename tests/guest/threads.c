// SPDX-License-Identifier: Apache-2.0
/*
 * Threads: created and joined a thousand times, many at once, detached, with a stack of a given
 * size, ended in every way, cancelled, and main leaving before the others.
 */
#include "t.h"

#include <pthread.h>
#include <sys/mman.h>

static int counter;

static void *count(void *argument)
{
    __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return argument;
}

static void check_thousand(void)
{
    bool good = true;

    counter = 0;
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        void *result = NULL;
        good = good && pthread_create(&thread, NULL, count, &counter) == 0 &&
               pthread_join(thread, &result) == 0 && result == &counter;
    }
    T_CHECK("1000 threads, one after the other", good && counter == 1000);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open;

static void *wait_at_gate(void *argument)
{
    pthread_mutex_lock(&gate);
    while (!is_open) {
        pthread_cond_wait(&opened, &gate);
    }
    pthread_mutex_unlock(&gate);
    return count(argument);
}

static void check_many(void)
{
    enum { MANY = 100 };
    pthread_t threads[MANY];
    bool good = true;

    counter = 0;
    for (int i = 0; i < MANY; i++) {
        good = good && pthread_create(&threads[i], NULL, wait_at_gate, NULL) == 0;
    }
    T_CHECK("100 threads at once", good);
    T_EQ("all wait", counter, 0);
    pthread_mutex_lock(&gate);
    is_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < MANY; i++) {
        good = good && pthread_join(threads[i], NULL) == 0;
    }
    T_CHECK("all end", good && counter == MANY);
}

static void check_detached(void)
{
    pthread_attr_t attr;
    bool good = true;

    counter = 0;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        good = good && pthread_create(&thread, &attr, count, NULL) == 0;
    }
    while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 100) {
        t_sleep_ms(1);
    }
    T_CHECK("100 detached threads", good);
}

struct stack {
    void *start;
    size_t size;
    bool inside;
};

static void *measure(void *argument)
{
    struct stack *s = argument;
    pthread_attr_t attr;
    volatile char local[50000];

    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &s->start, &s->size);
    local[0] = local[49999] = 1;
    s->inside = (const volatile char *)local >= (char *)s->start &&
                (const volatile char *)local + 50000 <= (char *)s->start + s->size;
    pthread_attr_destroy(&attr);
    return NULL;
}

static void check_stacks(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    struct stack s = {0};

    pthread_attr_init(&attr);
    T_EQ("a stack of 16 MiB", pthread_attr_setstacksize(&attr, 16 << 20), 0);
    T_MUST("thread", pthread_create(&thread, &attr, measure, &s) == 0);
    pthread_join(thread, NULL);
    T_CHECK("has that size", s.inside && s.size == 16 << 20);
    void *own = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T_EQ("a stack of one's own", pthread_attr_setstack(&attr, own, 1 << 20), 0);
    T_MUST("thread", pthread_create(&thread, &attr, measure, &s) == 0);
    pthread_join(thread, NULL);
    T_CHECK("is used", s.inside && s.start == own);
    T_EQ("too small", pthread_attr_setstacksize(&attr, 1000), EINVAL);
    measure(&s);
    T_CHECK("the main thread's stack is known", s.inside && s.size >= 1 << 20);
}

static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
    (void)value;
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static void cleanup(void *argument)
{
    *(int *)argument += 1;
}

static void *cancelled(void *argument)
{
    pthread_setspecific(key, argument);
    pthread_cleanup_push(cleanup, argument);
    for (;;) {
        t_sleep_ms(1000);
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void *exits(void *argument)
{
    pthread_setspecific(key, argument);
    pthread_exit(argument);
}

static void check_endings(void)
{
    pthread_t thread;
    void *result = NULL;
    int cleaned = 0;

    pthread_key_create(&key, destroy);
    T_MUST("thread", pthread_create(&thread, NULL, exits, &cleaned) == 0);
    T_CHECK("pthread_exit", pthread_join(thread, &result) == 0 && result == &cleaned);
    T_EQ("key destructor", destroyed, 1);
    T_MUST("thread", pthread_create(&thread, NULL, cancelled, &cleaned) == 0);
    t_sleep_ms(5);
    T_EQ("cancel", pthread_cancel(thread), 0);
    T_CHECK("join", pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    T_EQ("cleanup handler", cleaned, 1);
    T_EQ("key destructor again", destroyed, 2);
    T_EQ("tryjoin", pthread_create(&thread, NULL, wait_at_gate, NULL), 0);
    pthread_join(thread, NULL);
    is_open = false;
    pthread_create(&thread, NULL, wait_at_gate, NULL);
    T_EQ("tryjoin of a living thread", pthread_tryjoin_np(thread, NULL), EBUSY);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    T_EQ("timedjoin of a living thread", pthread_timedjoin_np(thread, NULL, &soon), ETIMEDOUT);
    pthread_mutex_lock(&gate);
    is_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&gate);
    T_EQ("join", pthread_join(thread, NULL), 0);
    T_EQ("joining oneself", pthread_join(pthread_self(), NULL), EDEADLK);
}

static void *outlives(void *unused)
{
    t_sleep_ms(10);
    t_line(1, "ok a thread outlives the main thread\n");
    exit(t_done());
    return unused;
}

int main(void)
{
    pthread_t thread;

    check_thousand();
    check_many();
    check_detached();
    check_stacks();
    check_endings();
    T_MUST("thread", pthread_create(&thread, NULL, outlives, NULL) == 0);
    pthread_exit(NULL);
}
