// SPDX-License-Identifier: Apache-2.0
/*
 * One home, a VM for each thread: each runs code again and again, from the same state every time.
 *
 * usage: threads HOME THREADS RUNS CODE     sys.argv[1] is the thread's number, from 0
 */
#include <pyhl/pyhl.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
    struct pyhl_home *home;
    const char *code;
    long number, runs, good;
    struct vmm_err err; /* code 0: none */
};

/* With no descriptor and no function the output is dropped: the exit status is the result. */
static void *work(void *arg)
{
    struct worker *worker = arg;
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    char number[24];
    const char *args[] = {number, NULL};
    const struct pyhl_run run = {.code = worker->code, .args = args, .timeout_ns = 2000000000};
    struct vmm *vm = NULL;
    (void)snprintf(number, sizeof(number), "%ld", worker->number);
    int rc = vmm_restore(pyhl_home_snapshot(worker->home), &io, true, &vm, &worker->err);
    for (long i = 0; rc == 0 && i < worker->runs; i++) {
        struct vmm_outcome end;
        rc = i > 0 ? vmm_rewind(vm, &worker->err) : 0;
        if (rc == 0) {
            rc = pyhl_run(vm, &run, &end, &worker->err);
        }
        worker->good += rc == 0 && end.kind == VMM_EXITED && end.status == 0;
    }
    vmm_destroy(vm);
    return NULL;
}

int main(int argc, char **argv)
{
    const long count = argc == 5 ? atol(argv[2]) : 0;
    struct worker workers[64] = {0};
    pthread_t threads[64];
    struct pyhl_home *home;
    struct vmm_err err;
    if (count < 1 || count > 64 || pyhl_home_open(argv[1], &home, &err) < 0) {
        fprintf(stderr, "error: %s\n", count < 1 || count > 64 ? "give 1 to 64 threads" : err.msg);
        return 1;
    }
    for (long i = 0; i < count; i++) {
        workers[i] =
            (struct worker){.home = home, .code = argv[4], .number = i, .runs = atol(argv[3])};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "error: no more threads\n");
            return 1;
        }
    }
    for (long i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        printf("%ld: %ld of %ld runs were good%s%s\n", i, workers[i].good, workers[i].runs,
               workers[i].err.code != 0 ? ": " : "",
               workers[i].err.code != 0 ? workers[i].err.msg : "");
    }
    pyhl_home_close(home);
    return 0;
}
