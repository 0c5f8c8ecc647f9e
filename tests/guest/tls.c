// SPDX-License-Identifier: Apache-2.0
/*
 * Thread-local storage: initialised and zeroed __thread variables, their alignment, one copy per
 * thread, the FS base, and the keys of pthread_key_create(3).
 */
#include "t.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <sys/syscall.h>

enum { THREADS = 8 };

struct wide {
    char bytes[128];
} __attribute__((aligned(128)));

static __thread int t_initialised = 42;
static __thread int t_zeroed;
static __thread struct wide t_wide;
static __thread char t_large[65536];
static __thread const char *t_pointer = "a relocated pointer";
static pthread_key_t key;
static int destroyed;
static pthread_barrier_t barrier;

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, *(int *)value, __ATOMIC_RELAXED);
    free(value);
}

struct report {
    int number;
    int *address;
    bool fresh;
    bool aligned;
    bool kept;
    unsigned long fs_base;
};

static void *worker(void *argument)
{
    struct report *r = argument;

    r->fresh = t_initialised == 42 && t_zeroed == 0 && t_large[0] == 0 && t_large[65535] == 0 &&
               strcmp(t_pointer, "a relocated pointer") == 0;
    r->aligned = (uintptr_t)&t_wide % 128 == 0;
    r->address = &t_zeroed;
    t_initialised = r->number;
    t_zeroed = r->number * 2;
    memset(t_large, r->number, sizeof(t_large));
    int *value = malloc(sizeof(*value));
    *value = 1;
    pthread_setspecific(key, value);
    pthread_barrier_wait(&barrier);
    r->kept = t_initialised == r->number && t_zeroed == r->number * 2 &&
              t_large[40000] == (char)r->number && pthread_getspecific(key) == value;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &r->fs_base);
    r->kept = r->kept && r->fs_base == (unsigned long)pthread_self();
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[THREADS];
    struct report reports[THREADS] = {0};
    bool fresh = true, aligned = true, kept = true, distinct = true;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        reports[i].number = i + 1;
        T_MUST("create", pthread_create(&threads[i], NULL, worker, &reports[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        fresh = fresh && reports[i].fresh;
        aligned = aligned && reports[i].aligned;
        kept = kept && reports[i].kept;
        for (int j = 0; j < i; j++) {
            distinct = distinct && reports[i].address != reports[j].address;
        }
    }
    T_CHECK("each thread starts with initial values", fresh);
    T_CHECK("aligned in every thread", aligned);
    T_CHECK("each thread keeps its own values", kept);
    T_CHECK("addresses differ between threads", distinct);
    T_EQ("key destructors ran once per thread", destroyed, THREADS);
}

int main(void)
{
    unsigned long base = 0;

    T_EQ("initialised variable", t_initialised, 42);
    T_EQ("zeroed variable", t_zeroed, 0);
    T_STR("relocated pointer", t_pointer, "a relocated pointer");
    T_EQ("alignment of 128", (uintptr_t)&t_wide % 128, 0);
    T_EQ("ARCH_GET_FS", syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
    T_CHECK("the FS base is the thread pointer", base == *(unsigned long *)base);
    T_CHECK("setting the same FS base", syscall(SYS_arch_prctl, ARCH_SET_FS, base) == 0);
    T_ERR("a non-canonical FS base", syscall(SYS_arch_prctl, ARCH_SET_FS, 1UL << 63), EPERM);
    T_ERR("an unknown arch_prctl", syscall(SYS_arch_prctl, 0x7fff, 0), EINVAL);
    t_initialised = 7;
    T_CHECK("key", pthread_key_create(&key, destroy) == 0);
    check_threads();
    T_EQ("the main thread kept its value", t_initialised, 7);
    return t_done();
}
