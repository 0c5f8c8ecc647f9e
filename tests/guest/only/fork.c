// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that would get a copy of the memory, by fork and clone, are refused with an error that
 * a program understands, and the program goes on. On Linux they succeed, hence guest only.
 * Processes that execute a program are in spawn.c.
 */
#include "t.h"

#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool refused(long result)
{
    if (result == 0) {
        _exit(2);
    }
    return result == -1 && (errno == ENOSYS || errno == EAGAIN || errno == ENOMEM);
}

int main(void)
{
    char name[] = "/bin/none";
    char *arguments[] = {name, NULL};
    pid_t pid;

    T_CHECK("fork", refused(fork()));
    T_CHECK("raw fork", refused(syscall(SYS_fork)));
    T_CHECK("raw clone", refused(syscall(SYS_clone, 17, 0, 0, 0, 0)));
    T_CHECK("posix_spawn of nothing", posix_spawn(&pid, name, NULL, NULL, arguments, NULL) != 0);
    T_CHECK("system", system("true") != 0);
    T_ERR("wait", wait(NULL), ECHILD);
    T_CHECK("the program goes on", getpid() > 0);
    return t_done();
}
