// SPDX-License-Identifier: Apache-2.0
/*
 * For tests that say what a call gives, and whose output on Linux is what the guest must print.
 */
#ifndef TESTS_GUEST_TELL_H
#define TESTS_GUEST_TELL_H

#include "t.h"

#include <signal.h>
#include <sys/wait.h>

/* A line with the result, or the name of the error. */
#define TELL(name, call) (errno = 0, tell((name), (long)(call)))

static inline long tell(const char *name, long result)
{
    if (result == -1 && errno != 0) {
        t_line(1, "%s: %s\n", name, strerrorname_np(errno));
    } else {
        t_line(1, "%s: %ld\n", name, result);
    }
    return result;
}

/* Runs a function in a child, and tells how it ends: the status that the function returns, or the
 * signal. */
__attribute__((unused)) static void tell_child(const char *name, int (*fn)(void))
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        _exit(fn());
    }
    T_MUST("child", waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status)) {
        t_line(1, "%s: SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
    } else {
        t_line(1, "%s: status %d\n", name, WEXITSTATUS(status));
    }
}

#endif
