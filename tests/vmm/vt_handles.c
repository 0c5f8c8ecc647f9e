// SPDX-License-Identifier: Apache-2.0
/*
 * Handles: a guest that watches things of the host is told when one of them is ready, while it
 * sleeps and while it computes. It is told of nothing else.
 */
#include "vt.h"

#include <pthread.h>
#include <unistd.h>

#define STDIN "1"

static void *feed(void *arg)
{
    usleep(100000);
    return (void *)(intptr_t)(write(*(int *)arg, "x", 1) - 1);
}

/* Runs a case with a pipe as stdin, into which another thread writes a byte after a tenth of a
 * second. Returns what the case prints. */
static const char *fed(const char *name, const char *handles, uint64_t *took)
{
    int p[2];
    pthread_t thread;
    CHECK(pipe(p) == 0);
    const struct vmm_io io = {.stdin_fd = p[0], .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    CHECK(pthread_create(&thread, NULL, feed, &p[1]) == 0);
    const uint64_t start = vt_now();
    IS(vt_run(vm, name, handles), VMM_EXITED, 0, "");
    *took = vt_now() - start;
    CHECK(pthread_join(thread, NULL) == 0);
    vmm_destroy(vm);
    return vt_content(io.stdout_fd, NULL);
}

static void t_computing(void)
{
    uint64_t took;
    CHECK(strcmp(fed("watch", STDIN, &took), "1") == 0);
    CHECK(took >= 90000000); /* not before there was something */
}

/* The guest is told again, because it reads nothing. */
static void t_sleeping(void)
{
    uint64_t took;
    CHECK(strcmp(fed("wait-watching", STDIN, &took), "1 1 ") == 0);
    CHECK(took >= 90000000 && took < 4000000000);
}

/* A handle that does not exist is ready. When it is watched beside one that is not ready, it alone
 * is told. */
static void t_absent(void)
{
    uint64_t took;
    CHECK(strcmp(fed("watch", "9223372036854775809", &took), "9223372036854775808") == 0);
    CHECK(strcmp(fed("wait-watching", "5", &took), "4 4 ") == 0 ||
          strcmp(fed("wait-watching", "5", &took), "4 5 ") == 0);
}

/* No stdin, a file, and one whose writer is gone can be read at once. */
static void t_never_waits(void)
{
    int p[2];
    CHECK(pipe(p) == 0 && close(p[1]) == 0);
    const int stdins[] = {-1, vt_memfd("abc", 3), p[0]};
    for (int i = 0; i < 3; i++) {
        const struct vmm_io io = {
            .stdin_fd = stdins[i], .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
        struct vmm *vm = vt_boot(&io);
        IS(vt_run(vm, "wait-watching", STDIN), VMM_EXITED, 0, "");
        CHECK(strcmp(vt_content(io.stdout_fd, NULL), "1 1 ") == 0);
        vmm_destroy(vm);
    }
}

/* When the guest watches nothing, it is told nothing, and input costs no exit. */
static void t_unwatched(void)
{
    int p[2];
    struct vmm_io io = {.stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
    io.stdin_fd = p[0];
    vt_stuck(vt_boot(&io), "watch", "0");
}

const struct vt_test vt_handles_tests[] = {
    {"handles-computing", t_computing}, {"handles-sleeping", t_sleeping},
    {"handles-absent", t_absent},       {"handles-never-waits", t_never_waits},
    {"handles-unwatched", t_unwatched}, {NULL, NULL},
};
