/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that a test stops and continues, and the memory that it shares with them.
 */
#ifndef GUEST_CHILDREN_H
#define GUEST_CHILDREN_H

#include "t.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* What parent and child both see. */
static struct {
    volatile unsigned count;
    volatile int ready, got, done;
} * shared;

static inline void settle(void)
{
    while (!shared->ready) {
        t_sleep_ms(1);
    }
    t_sleep_ms(20);
}

static inline pid_t begin_as(void (*what)(void), bool group)
{
    pid_t pid;

    memset(shared, 0, sizeof(*shared));
    pid = fork();
    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        if (group) {
            setpgid(0, 0);
        }
        what();
        _exit(0);
    }
    if (group) {
        (void)setpgid(pid, pid);
    }
    return pid;
}

/* In a group of its own, which the parent can continue. */
static inline pid_t begin(void (*what)(void))
{
    return begin_as(what, true);
}

static inline void finish(pid_t pid)
{
    int status = 0;

    kill(pid, SIGKILL);
    T_MUST("its end", waitpid(pid, &status, 0) == pid);
}

static inline int stop(pid_t pid, int sig)
{
    int status = 0;

    T_MUST("kill", kill(pid, sig) == 0);
    T_MUST("it stops", waitpid(pid, &status, WUNTRACED) == pid);
    return status;
}

static inline void counts(void)
{
    alarm(20); /* at the latest */
    for (shared->ready = 1;; shared->count++) {
    }
}

static inline bool counts_on(void)
{
    unsigned before = shared->count;

    t_sleep_ms(60);
    return shared->count != before;
}

static inline void children_init(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    T_MUST("mmap", shared != MAP_FAILED);
}

#endif
