// SPDX-License-Identifier: Apache-2.0
/*
 * Many machines in one process, on more and on fewer threads. None sees another, sleeping ones do
 * nothing, and running out of something of the host hurts nobody else.
 */
#include "vt.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define VMS      64u
#define THREADS  4u
#define ROUNDS   6u
#define SLEEP_MS "1000"

/* A machine that copies its own words from input to output. */
struct subject {
    struct vmm *vm;
    int in;
    int out;
    char words[4096];
    size_t size;
    pthread_t thread;
    struct vmm_outcome outcome;
    long wakeups; /* of its thread, while it ran */
};
static struct subject subjects[VMS];
static pthread_barrier_t barrier;

static void subjects_restore(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap = vt_snapshot_open();
    for (unsigned i = 0; i < VMS; i++) {
        struct subject *s = &subjects[i];
        for (unsigned n = 0; n < 40; n++) {
            s->size += (size_t)snprintf(s->words + s->size, sizeof(s->words) - s->size,
                                        "machine %u, word %u\n", i, n * i);
        }
        s->in = vt_memfd(s->words, s->size);
        s->out = vt_memfd("", 0);
        const struct vmm_io io = {.stdin_fd = s->in, .stdout_fd = s->out, .stderr_fd = -1};
        OK(vmm_restore(snap, &io, true, &s->vm, &err));
    }
}

static void subject_cat(struct subject *s)
{
    struct vmm_err err;
    size_t size;
    CHECK(lseek(s->in, 0, SEEK_SET) == 0 && lseek(s->out, 0, SEEK_SET) == 0);
    CHECK(ftruncate(s->out, 0) == 0);
    IS(vt_run(s->vm, "cat", ""), VMM_EXITED, 0, "");
    char *text = vt_content(s->out, &size);
    CHECK(size == s->size && memcmp(text, s->words, size) == 0);
    free(text);
    OK(vmm_rewind(s->vm, &err));
    OK(vmm_check(s->vm, &err));
}

static void subject_dirty(struct subject *s, unsigned pages)
{
    struct vmm_err err;
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", pages);
    IS(vt_run(s->vm, "dirty", text), VMM_EXITED, 0, "");
    OK(vmm_rewind(s->vm, &err));
    OK(vmm_check(s->vm, &err));
    IS(vt_run(s->vm, "look", text), VMM_EXITED, 0, "");
    OK(vmm_rewind(s->vm, &err));
}

/* In each round all machines go to the next thread. */
static void *interleaved_main(void *arg)
{
    const unsigned me = *(const unsigned *)arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < VMS; i++) {
            if ((i + round) % THREADS == me) {
                subject_cat(&subjects[i]);
                subject_dirty(&subjects[i], 10 + i);
            }
        }
        (void)pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void t_interleaved(void)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    subjects_restore();
    (void)pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, interleaved_main, &numbers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (unsigned i = 0; i < VMS; i++) {
        vmm_destroy(subjects[i].vm);
    }
}

static void *sleeper_main(void *arg)
{
    struct subject *s = arg;
    struct rusage before;
    struct rusage after;
    (void)pthread_barrier_wait(&barrier);
    (void)getrusage(RUSAGE_THREAD, &before);
    s->outcome = vt_run(s->vm, "wait", SLEEP_MS);
    (void)getrusage(RUSAGE_THREAD, &after);
    s->wakeups = after.ru_nvcsw - before.ru_nvcsw;
    return NULL;
}

/* If there were ticks while they sleep, that would be 20 exits, or 20 times that a thread wakes
 * up. */
static void t_sleeping(void)
{
    struct vmm_err err;
    subjects_restore();
    (void)pthread_barrier_init(&barrier, NULL, VMS);
    for (unsigned i = 0; i < VMS; i++) {
        IS(vt_run(subjects[i].vm, "wait", "0"), VMM_EXITED, 0, "");
        OK(vmm_rewind(subjects[i].vm, &err));
    }
    for (unsigned i = 0; i < VMS; i++) {
        CHECK(pthread_create(&subjects[i].thread, NULL, sleeper_main, &subjects[i]) == 0);
    }
    for (unsigned i = 0; i < VMS; i++) {
        CHECK(pthread_join(subjects[i].thread, NULL) == 0);
        IS(subjects[i].outcome, VMM_EXITED, 0, "");
        if (subjects[i].outcome.counters.exits > 6 || subjects[i].wakeups > 12) {
            vt_fail(__FILE__, __LINE__, "machine %u: %llu exits, %ld wakeups", i,
                    (unsigned long long)subjects[i].outcome.counters.exits, subjects[i].wakeups);
        }
    }
}

/* The next machine on a thread does not get the timer that the last one wanted. */
static void t_deadlines(void)
{
    struct vmm_err err;
    subjects_restore();
    for (unsigned i = 0; i < 8; i++) {
        const uint64_t timeout = i % 2 == 0 ? 5000000 : 60000000;
        const uint64_t start = vt_now();
        IS(vt_run_for(subjects[i].vm, "spin", "", timeout), VMM_TIMEOUT, 0, "out of time");
        CHECK(vt_now() - start >= timeout);
        OK(vmm_rewind(subjects[i].vm, &err));
        IS(vt_run(subjects[i].vm, "upcall", "2"), VMM_EXITED, 0, "");
    }
}

/* A child of fork() has no timers, whatever its parent had. */
static void t_forked(void)
{
    int status;
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_run_for(vm, "spin", "", 5000000), VMM_TIMEOUT, 0, "");
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(10);
        struct vmm *own = vt_boot(&vt_no_io);
        IS(vt_run_for(own, "spin", "", 5000000), VMM_TIMEOUT, 0, "");
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
}

/* The machines that exist go on, and one that is destroyed makes room. */
static void t_descriptors(void)
{
    struct vmm_err err;
    struct vmm *vm = NULL;
    struct vmm *vms[100];
    unsigned count = 0;
    const struct rlimit low = {.rlim_cur = 100, .rlim_max = 100};
    struct vmm_snapshot *snap = vt_snapshot_open();
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    while (vmm_restore(snap, &vt_no_io, true, &vm, &err) == 0) {
        vms[count++] = vm;
    }
    CHECK(vm == NULL);
    CHECK_INT(err.code, EMFILE);
    CHECK(strstr(err.msg, "RLIMIT_NOFILE") != NULL);
    CHECK(count >= 40); /* two each */
    for (unsigned i = 0; i < count; i++) {
        IS(vt_run(vms[i], "dirty", "20"), VMM_EXITED, 0, "");
        OK(vmm_rewind(vms[i], &err));
        IS(vt_run(vms[i], "look", "20"), VMM_EXITED, 0, "");
    }
    vmm_destroy(vms[--count]);
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    IS(vt_run(vm, "look", "20"), VMM_EXITED, 0, "");
}

static void *no_timer_main(void *arg)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {"look", "20", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/"};
    FAILS(vmm_run(arg, &run, &o, &err), EAGAIN, "RLIMIT_SIGPENDING");
    return NULL;
}

/* A thread that has no timer cannot run machines; one that has can run any number. */
static void t_timers(void)
{
    pthread_t thread;
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    subjects_restore();
    CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
    for (unsigned i = 0; i < VMS / 2; i++) {
        IS(vt_run(subjects[i].vm, "look", "20"), VMM_EXITED, 0, "");
    }
    CHECK(pthread_create(&thread, NULL, no_timer_main, subjects[VMS - 1].vm) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    IS(vt_run(subjects[VMS - 1].vm, "look", "20"), VMM_EXITED, 0, "");
}

const struct vt_test vt_scale_tests[] = {
    {"scale: 64 machines on 4 threads", t_interleaved},
    {"scale: sleeping machines do nothing", t_sleeping},
    {"scale: deadlines on one thread", t_deadlines},
    {"scale: after a fork", t_forked},
    {"scale: no descriptors left", t_descriptors},
    {"scale: no timer for a thread", t_timers},
    {NULL, NULL},
};
