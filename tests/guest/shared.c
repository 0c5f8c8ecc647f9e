// SPDX-License-Identifier: Apache-2.0
/*
 * What processes do with memory that they share: futexes by anonymous memory, files and memfd, at
 * other addresses, too; locks of the C library that processes share, also robust ones, semaphores,
 * shared memory with a name; and files that are mapped, read and written at the same time.
 */
#include "peer.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PAGE 4096ul

/* In memory that all processes of the test share. */
struct common {
    _Atomic int word, second, steps;
    pthread_mutex_t mutex, robust;
    pthread_cond_t cond;
    pthread_barrier_t barrier;
    pthread_rwlock_t rwlock;
    sem_t semaphore;
    int count, ready;
};

static struct common *common;

static void *map(int fd, size_t size, int flags)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    T_MUST("mmap", at != MAP_FAILED);
    return at;
}

static long futex(_Atomic int *at, int op, int value, long timeout, _Atomic int *at2, long value3)
{
    return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

/* The peers' part: they wait at an address. */
static long futex_wait(long at, long value, long bits)
{
    return futex((_Atomic int *)at, FUTEX_WAIT_BITSET, (int)value, 0, NULL, bits);
}

static long futex_wake(long at, long count, long bits)
{
    return futex((_Atomic int *)at, FUTEX_WAKE_BITSET, (int)count, 0, NULL, bits);
}

/* How many wait at a word: a requeue to the word itself counts them and changes nothing. */
static long waiters(_Atomic int *at)
{
    static _Atomic int *aside;
    long moved;

    if (aside == NULL) {
        aside = map(-1, PAGE, MAP_SHARED | MAP_ANONYMOUS);
    }
    moved = futex(at, FUTEX_REQUEUE, 0, 1000, aside, 0);
    T_EQ("moved back", futex(aside, FUTEX_REQUEUE, 0, 1000, at, 0), moved);
    return moved;
}

static void until_waiting(_Atomic int *at, long count)
{
    while (futex(at, FUTEX_CMP_REQUEUE, 0, 1000, at, *at) != count) {
        t_sleep_ms(1);
    }
}

static long as_arg(const _Atomic int *at)
{
    return (long)at;
}

static void check_futex(void)
{
    struct peer p = peer_start(), q = peer_start(), r = peer_start();
    _Atomic int *word = &common->word, *second = &common->second;

    T_EQ("nobody waits", futex(word, FUTEX_WAKE, 9, 0, NULL, 0), 0);
    T_EQ("another value", peer_call(p, futex_wait, as_arg(word), 5, -1), -EAGAIN);
    peer_begin(p, futex_wait, as_arg(word), 0, 1);
    until_waiting(word, 1);
    peer_begin(q, futex_wait, as_arg(word), 0, 2);
    until_waiting(word, 2);
    T_EQ("counted", waiters(word), 2);
    T_EQ("no bit in common", peer_call(r, futex_wake, as_arg(word), 9, 4), 0);
    T_EQ("the second's bit", peer_call(r, futex_wake, as_arg(word), 9, 2), 1);
    T_EQ("wakes the second", peer_result(q), 0);
    T_EQ("any bit", peer_call(q, futex_wake, as_arg(word), 9, -1), 1);
    T_EQ("wakes the first", peer_result(p), 0);
    peer_begin(p, futex_wait, as_arg(word), 0, -1);
    until_waiting(word, 1);
    peer_begin(q, futex_wait, as_arg(word), 0, -1);
    until_waiting(word, 2);
    T_ERR("requeue, another value", futex(word, FUTEX_CMP_REQUEUE, 1, 9, second, 3), EAGAIN);
    T_EQ("one wakes and one moves", futex(word, FUTEX_CMP_REQUEUE, 1, 9, second, 0), 2);
    T_EQ("the first woke", peer_result(p), 0);
    T_EQ("nobody is left there", futex(word, FUTEX_WAKE, 9, 0, NULL, 0), 0);
    peer_begin(r, futex_wait, as_arg(word), 0, -1);
    until_waiting(word, 1);
    T_EQ("both words in one call",
         futex(second, FUTEX_WAKE_OP, 1, 1, word, FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0)),
         2);
    T_EQ("results", peer_result(q) + peer_result(r), 0);
    T_EQ("and the operation", *word, 7);
    peer_begin(p, futex_wait, as_arg(word), 7, -1);
    until_waiting(word, 1);
    peer_kill(p);
    T_EQ("who is killed does not wait", futex(word, FUTEX_WAKE, 9, 0, NULL, 0), 0);
    *word = 0;
    peer_end(q);
    peer_end(r);
}

/* A mapping of its own, wherever that is. */
static long map_there(long fd, long size, long unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++) {
        map((int)fd, (size_t)size, MAP_SHARED);
    }
    return (long)mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
}

static long load(long at, long b, long c)
{
    (void)b;
    (void)c;
    return *(_Atomic int *)at;
}

static long store(long at, long value, long c)
{
    (void)c;
    *(_Atomic int *)at = (int)value;
    return 0;
}

static void check_object(const char *name, int fd)
{
    _Atomic int *one, *two, *private;
    struct peer p;
    long there;

    T_MUST(name, fd >= 0 && ftruncate(fd, 3 * PAGE) == 0);
    p = peer_start();
    one = map(fd, 3 * PAGE, MAP_SHARED);
    two = map(fd, 3 * PAGE, MAP_SHARED);
    private = map(fd, 3 * PAGE, MAP_PRIVATE);
    there = peer_call(p, map_there, fd, 3 * PAGE, 0);
    T_CHECK(name, one != two && (long)one != there);
    there += (long)(PAGE + 8);
    one += (PAGE + 8) / sizeof(*one);
    two += (PAGE + 8) / sizeof(*two);
    private += (PAGE + 8) / sizeof(*private);
    peer_begin(p, futex_wait, there, 0, -1);
    until_waiting(two, 1);
    T_EQ("the word of a private mapping is another", futex(private, FUTEX_WAKE, 9, 0, NULL, 0), 0);
    T_EQ("the next page, too", futex(one + PAGE / 4, FUTEX_WAKE, 9, 0, NULL, 0), 0);
    T_EQ("by another address", futex(one, FUTEX_WAKE, 9, 0, NULL, 0), 1);
    T_EQ("woken", peer_result(p), 0);
    peer_call(p, store, there, 77, 0);
    T_EQ("what one writes", *one, 77);
    T_EQ("all see", *two, 77);
    *private = 5;
    T_EQ("which writes for itself", *one, 77);
    *two = 78;
    T_EQ("back", peer_call(p, load, there, 0, 0), 78);
    munmap(one - (PAGE + 8) / sizeof(*one), 3 * PAGE);
    peer_end(p);
    T_EQ("and when all but one have gone", *two, 78);
    munmap(two - (PAGE + 8) / sizeof(*two), 3 * PAGE);
    munmap(private - (PAGE + 8) / sizeof(*private), 3 * PAGE);
}

static long mutex_lock(long b, long c, long d)
{
    (void)b;
    (void)c;
    (void)d;
    return pthread_mutex_lock(&common->mutex);
}

static long mutex_unlock(long b, long c, long d)
{
    (void)b;
    (void)c;
    (void)d;
    return pthread_mutex_unlock(&common->mutex);
}

/* Adds to a number that the mutex protects. */
static long count_up(long times, long c, long d)
{
    (void)c;
    (void)d;
    for (long i = 0; i < times; i++) {
        int seen;

        pthread_mutex_lock(&common->mutex);
        seen = common->count;
        if (i % 64 == 0) {
            sched_yield();
        }
        common->count = seen + 1;
        pthread_mutex_unlock(&common->mutex);
    }
    return 0;
}

static long wait_ready(long value, long c, long d)
{
    (void)c;
    (void)d;
    pthread_mutex_lock(&common->mutex);
    while (common->ready != (int)value) {
        pthread_cond_wait(&common->cond, &common->mutex);
    }
    pthread_mutex_unlock(&common->mutex);
    return value;
}

static long at_barrier(long b, long c, long d)
{
    int rc = pthread_barrier_wait(&common->barrier);

    (void)b;
    (void)c;
    (void)d;
    return rc == PTHREAD_BARRIER_SERIAL_THREAD ? 1 : rc;
}

static long take_semaphore(long b, long c, long d)
{
    (void)b;
    (void)c;
    (void)d;
    return sem_wait(&common->semaphore);
}

static long read_lock(long b, long c, long d)
{
    (void)b;
    (void)c;
    (void)d;
    return pthread_rwlock_rdlock(&common->rwlock);
}

static void make_objects(void)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t cond;
    pthread_barrierattr_t barrier;
    pthread_rwlockattr_t rwlock;

    pthread_mutexattr_init(&mutex);
    pthread_condattr_init(&cond);
    pthread_barrierattr_init(&barrier);
    pthread_rwlockattr_init(&rwlock);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&common->mutex, &mutex);
    pthread_cond_init(&common->cond, &cond);
    pthread_barrier_init(&common->barrier, &barrier, 3);
    pthread_rwlock_init(&common->rwlock, &rwlock);
    sem_init(&common->semaphore, 1, 0);
    pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&common->robust, &mutex);
}

static void check_library(void)
{
    struct peer p = peer_start(), q = peer_start();

    peer_begin(p, count_up, 5000, 0, 0);
    peer_begin(q, count_up, 5000, 0, 0);
    count_up(5000, 0, 0);
    T_EQ("three count", peer_result(p) + peer_result(q), 0);
    T_EQ("and lose nothing", common->count, 15000);
    T_EQ("one has the mutex", peer_call(p, mutex_lock, 0, 0, 0), 0);
    T_EQ("another not", pthread_mutex_trylock(&common->mutex), EBUSY);
    peer_begin(q, mutex_lock, 0, 0, 0);
    T_EQ("it unlocks", peer_call(p, mutex_unlock, 0, 0, 0), 0);
    T_EQ("the waiter has it", peer_result(q), 0);
    T_EQ("and unlocks", peer_call(q, mutex_unlock, 0, 0, 0), 0);
    peer_begin(p, wait_ready, 3, 0, 0);
    peer_begin(q, wait_ready, 3, 0, 0);
    pthread_mutex_lock(&common->mutex);
    common->ready = 3;
    pthread_cond_broadcast(&common->cond);
    pthread_mutex_unlock(&common->mutex);
    T_EQ("a condition", peer_result(p) + peer_result(q), 6);
    peer_begin(p, at_barrier, 0, 0, 0);
    peer_begin(q, at_barrier, 0, 0, 0);
    long mine = at_barrier(0, 0, 0);
    T_EQ("a barrier", mine + peer_result(p) + peer_result(q), 1);
    peer_begin(p, take_semaphore, 0, 0, 0);
    sem_post(&common->semaphore);
    T_EQ("a semaphore", peer_result(p), 0);
    T_EQ("a writer", pthread_rwlock_wrlock(&common->rwlock), 0);
    peer_begin(p, read_lock, 0, 0, 0);
    peer_begin(q, read_lock, 0, 0, 0);
    pthread_rwlock_unlock(&common->rwlock);
    T_EQ("and readers", peer_result(p) + peer_result(q), 0);
    peer_end(p);
    peer_end(q);
}

static long robust_lock(long b, long c, long d)
{
    (void)b;
    (void)c;
    (void)d;
    return pthread_mutex_lock(&common->robust);
}

static long robust_and(long how, long c, long d)
{
    (void)c;
    (void)d;
    if (pthread_mutex_lock(&common->robust) != 0) {
        return 1;
    }
    if (how == 0) {
        _exit(0);
    }
    if (how == 1) {
        raise(SIGKILL);
    }
    if (how == 2) {
        raise(SIGSEGV);
    }
    execl("/proc/self/exe", "shared", "sleep", NULL);
    return 2;
}

static void check_robust(void)
{
    static const char *const names[] = {"the owner exits", "is killed", "crashes",
                                        "executes a program"};

    for (int how = 0; how < 4; how++) {
        struct peer p = peer_start(), q;
        peer_begin(p, robust_and, how, 0, 0);
        if (how < 3) {
            waitpid(p.pid, NULL, 0);
        } else {
            while (common->steps == 0) {
                int rc = pthread_mutex_trylock(&common->robust);
                if (rc == 0) { /* the peer has not come to it yet */
                    pthread_mutex_unlock(&common->robust);
                }
                common->steps = rc == EOWNERDEAD;
                t_sleep_ms(1);
            }
            pthread_mutex_consistent(&common->robust);
            T_EQ(names[how], pthread_mutex_unlock(&common->robust), 0);
            peer_kill(p);
            continue;
        }
        T_EQ(names[how], pthread_mutex_lock(&common->robust), EOWNERDEAD);
        T_EQ("made consistent", pthread_mutex_consistent(&common->robust), 0);
        q = peer_start();
        peer_begin(q, robust_lock, 0, 0, 0);
        T_EQ("unlock", pthread_mutex_unlock(&common->robust), 0);
        T_EQ("the next owner", peer_result(q), 0);
        peer_kill(q);
        T_EQ("dies, too", pthread_mutex_lock(&common->robust), EOWNERDEAD);
        pthread_mutex_consistent(&common->robust);
        pthread_mutex_unlock(&common->robust);
        close(p.fd);
    }
}

/* A waiter learns of the owner's death. */
static void check_robust_waiter(void)
{
    struct peer p = peer_start(), q = peer_start();

    T_EQ("locked", peer_call(p, robust_lock, 0, 0, 0), 0);
    peer_begin(q, robust_lock, 0, 0, 0);
    while ((*(_Atomic unsigned *)&common->robust & FUTEX_WAITERS) == 0) {
        t_sleep_ms(1);
    }
    peer_kill(p);
    T_EQ("a waiter learns of it", peer_result(q), EOWNERDEAD);
    peer_kill(q);
    T_EQ("not repaired", pthread_mutex_lock(&common->robust), EOWNERDEAD);
    T_EQ("given up", pthread_mutex_unlock(&common->robust), 0);
    T_EQ("is lost", pthread_mutex_lock(&common->robust), ENOTRECOVERABLE);
}

static long named_post(long b, long c, long d)
{
    sem_t *s = sem_open("/gt-semaphore", 0);

    (void)b;
    (void)c;
    (void)d;
    return s == SEM_FAILED ? -1 : sem_post(s);
}

static long named_memory(long value, long c, long d)
{
    int fd = shm_open("/gt-memory", O_RDWR, 0);
    int *at = fd >= 0 ? map(fd, PAGE, MAP_SHARED) : NULL;

    (void)c;
    (void)d;
    if (at == NULL) {
        return -1;
    }
    *at += (int)value;
    return *at;
}

static void check_named(void)
{
    struct peer p = peer_start();
    sem_t *s;
    int fd, *at;

    sem_unlink("/gt-semaphore");
    shm_unlink("/gt-memory");
    T_EQ("no semaphore", peer_call(p, named_post, 0, 0, 0), -ENOENT);
    s = sem_open("/gt-semaphore", O_CREAT | O_EXCL, 0600, 0);
    T_MUST("sem_open", s != SEM_FAILED);
    T_CHECK("it is there",
            sem_open("/gt-semaphore", O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED && errno == EEXIST);
    T_ERR("and 0", sem_trywait(s), EAGAIN);
    T_EQ("another posts", peer_call(p, named_post, 0, 0, 0), 0);
    T_EQ("taken", sem_wait(s), 0);
    T_EQ("unlink", sem_unlink("/gt-semaphore"), 0);
    T_EQ("no name", peer_call(p, named_post, 0, 0, 0), -ENOENT);
    sem_close(s);
    fd = shm_open("/gt-memory", O_RDWR | O_CREAT | O_EXCL, 0600);
    T_MUST("shm_open", fd >= 0 && ftruncate(fd, PAGE) == 0);
    at = map(fd, PAGE, MAP_SHARED);
    *at = 40;
    T_EQ("by name", peer_call(p, named_memory, 2, 0, 0), 42);
    T_EQ("the same", *at, 42);
    T_EQ("unlink", shm_unlink("/gt-memory"), 0);
    T_EQ("no name", peer_call(p, named_memory, 1, 0, 0), -ENOENT);
    T_EQ("but the memory", *at, 42);
    close(fd);
    munmap(at, PAGE);
    peer_end(p);
}

static long write_at(long fd, long offset, long value)
{
    char c = (char)value;

    return pwrite((int)fd, &c, 1, offset);
}

static void check_coherence(void)
{
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct peer p;
    volatile char *at;
    char c = 0;

    T_MUST("file", fd >= 0 && ftruncate(fd, 4 * PAGE) == 0);
    p = peer_start();
    at = map(fd, 4 * PAGE, MAP_SHARED);
    T_EQ("zero", at[PAGE], 0);
    T_EQ("another process writes", peer_call(p, write_at, fd, PAGE, 'x'), 1);
    T_EQ("seen at once", at[PAGE], 'x');
    at[2 * PAGE] = 'y';
    T_EQ("a store", pread(fd, &c, 1, 2 * PAGE), 1);
    T_EQ("is read", c, 'y');
    T_EQ("msync", msync((void *)(uintptr_t)at, 4 * PAGE, MS_SYNC), 0);
    T_ERR("both ways", msync((void *)(uintptr_t)at, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    T_ERR("an address in a page", msync((void *)(uintptr_t)(at + 1), PAGE, MS_SYNC), EINVAL);
    T_ERR("unknown", msync((void *)(uintptr_t)at, PAGE, 64), EINVAL);
    T_ERR("no mapping", msync((void *)0x10000, PAGE, MS_ASYNC), ENOMEM);
    T_EQ("grown by another", peer_call(p, write_at, fd, 5 * PAGE, 'z'), 1);
    at = mremap((void *)(uintptr_t)at, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    T_MUST("mremap", at != MAP_FAILED);
    T_EQ("the rest", at[5 * PAGE], 'z');
    T_EQ("and the start", at[PAGE], 'x');
    munmap((void *)(uintptr_t)at, 6 * PAGE);
    close(fd);
    peer_end(p);
}

/* A memfd that comes by a socket. */
static long receive_and_add(long sock, long value, long unused)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    int fd, *at;

    (void)unused;
    m.msg_controllen = sizeof(control);
    if (recvmsg((int)sock, &m, 0) != 1 || CMSG_FIRSTHDR(&m) == NULL) {
        return -1;
    }
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    at = map(fd, PAGE, MAP_SHARED);
    *at += (int)value;
    return *at;
}

static void check_passed(void)
{
    int pair[2], fd, *at;
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    struct peer p;

    T_MUST("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    p = peer_start();
    fd = memfd_create("passed", 0);
    T_MUST("memfd", fd >= 0 && ftruncate(fd, PAGE) == 0);
    at = map(fd, PAGE, MAP_SHARED);
    *at = 30;
    m.msg_controllen = sizeof(control);
    CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
    T_EQ("sent", sendmsg(pair[0], &m, 0), 1);
    T_EQ("the receiver adds", peer_call(p, receive_and_add, pair[1], 3, 0), 33);
    T_EQ("the sender sees it", *at, 33);
    munmap(at, PAGE);
    close(fd);
    peer_end(p);
}

int main(int argc, char *argv[])
{
    (void)argv;
    if (argc == 2) { /* executed by robust_and() */
        for (;;) {
            pause();
        }
    }
    t_scratch();
    common = map(-1, sizeof(*common), MAP_SHARED | MAP_ANONYMOUS);
    make_objects();
    check_futex();
    check_object("a file", open("object", O_RDWR | O_CREAT, 0600));
    check_object("a memfd", memfd_create("object", 0));
    check_library();
    check_robust();
    check_robust_waiter();
    check_named();
    check_coherence();
    check_passed();
    return t_done();
}
