// SPDX-License-Identifier: Apache-2.0
/*
 * Init, and the priorities of other processes: what can be asked about them, and set.
 */
#include "t.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool has_line(const char *path, const char *line)
{
    char text[256];
    bool found = false;
    FILE *file = fopen(path, "r");

    T_MUST("a file of init", file != NULL);
    while (fgets(text, sizeof(text), file) != NULL) {
        found |= strncmp(text, line, strlen(line)) == 0;
    }
    fclose(file);
    return found;
}

static void check_init(void)
{
    struct sched_param param = {.sched_priority = 7};
    int fd = (int)syscall(SYS_pidfd_open, 1, 0);

    T_EQ("it is there", kill(1, 0), 0);
    T_EQ("its policy", sched_getscheduler(1), SCHED_OTHER);
    T_EQ("its parameters", sched_getparam(1, &param), 0);
    T_EQ("priority", param.sched_priority, 0);
    T_CHECK("its group", getpgid(1) == 1 || getpgid(1) == 0);
    T_CHECK("its session", getsid(1) == 1 || getsid(1) == 0);
    errno = 0;
    T_EQ("its niceness", getpriority(PRIO_PROCESS, 1), 0);
    T_EQ("is no error", errno, 0);
    T_ERR("it is no child", setpgid(1, 1), ESRCH);
    T_ERR("nor to be waited for", waitpid(1, NULL, 0), ECHILD);
    T_CHECK("a descriptor of it", fd >= 0);
    T_EQ("no signal by it", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
    T_CHECK("status", has_line("/proc/1/status", "Pid:\t1\n"));
    T_CHECK("its parent", has_line("/proc/1/status", "PPid:\t0\n"));
    T_CHECK("it sleeps", has_line("/proc/1/status", "State:\tS"));
    T_CHECK("stat", has_line("/proc/1/stat", "1 ("));
    T_CHECK("its thread", has_line("/proc/1/task/1/stat", "1 ("));
    T_EQ("a directory of /proc", access("/proc/1/fd", F_OK), 0);
    close(fd);
}

static void check_priorities(void)
{
    pid_t pid = fork();
    char line[64];

    if (pid == 0) {
        setpgid(0, 0);
        pause();
    }
    setpgid(pid, pid);
    T_EQ("a child's niceness", getpriority(PRIO_PROCESS, (id_t)pid), 0);
    T_EQ("is set", setpriority(PRIO_PROCESS, (id_t)pid, 5), 0);
    T_EQ("and shown", getpriority(PRIO_PROCESS, (id_t)pid), 5);
    T_EQ("ours is as before", getpriority(PRIO_PROCESS, 0), 0);
    T_EQ("of its group", getpriority(PRIO_PGRP, (id_t)pid), 5);
    T_EQ("a group is set", setpriority(PRIO_PGRP, (id_t)pid, 30), 0);
    T_EQ("within limits", getpriority(PRIO_PROCESS, (id_t)pid), 19);
    T_EQ("root may go back", setpriority(PRIO_PROCESS, (id_t)pid, -3), 0);
    T_EQ("it has", getpriority(PRIO_PGRP, (id_t)pid), -3);
    T_CHECK("the highest of a user's", getpriority(PRIO_USER, 0) <= -3);
    T_EQ("a policy of a child", sched_getscheduler(pid), SCHED_OTHER);
    snprintf(line, sizeof(line), "/proc/%d/stat", pid);
    T_CHECK("stat", has_line(line, ""));
    kill(pid, SIGKILL);
    T_MUST("waitpid", waitpid(pid, NULL, 0) == pid);
    T_ERR("gone", getpriority(PRIO_PROCESS, (id_t)pid), ESRCH);
    T_ERR("no such group", getpriority(PRIO_PGRP, (id_t)pid), ESRCH);
    T_ERR("no such process", setpriority(PRIO_PROCESS, (id_t)pid, 1), ESRCH);
    T_ERR("no policy", sched_getscheduler(pid), ESRCH);
}

/* Only root makes a process better than it was, and only its own user makes it worse. */
static void check_rights(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (setuid(65534) != 0) {
            _exit(1);
        }
        T_ERR("another's process", setpriority(PRIO_PROCESS, (id_t)getppid(), 5), EPERM);
        T_EQ("its own", setpriority(PRIO_PROCESS, 0, 5), 0);
        T_ERR("back", setpriority(PRIO_PROCESS, 0, 4), EACCES);
        _exit(t_done());
    }
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_EQ("without rights", status, 0);
}

int main(void)
{
    check_init();
    check_priorities();
    check_rights();
    return t_done();
}
