// SPDX-License-Identifier: Apache-2.0
/*
 * Signals to init, which is the kernel: it takes none, and everything goes on.
 */
#include "t.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(void)
{
    pid_t pid;

    for (int sig = 1; sig < 65; sig++) {
        T_MUST("kill", syscall(SYS_kill, 1, sig) == 0 && syscall(SYS_tgkill, 1, 1, sig) == 0);
    }
    T_EQ("it is there", kill(1, 0), 0);
    T_ERR("nobody else is", kill(-1, SIGTERM), ESRCH);
    pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            usleep(10000);
        }
        _exit(0);
    }
    T_EQ("a child", waitpid(pid, NULL, 0), pid);
    T_ERR("its orphan is init's", wait(NULL), ECHILD);
    usleep(50000);
    T_ERR("which has taken it", kill(pid + 1, 0), ESRCH);
    return t_done();
}
