// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors of processes: opening, polling, signals, waiting, and taking a descriptor out of
 * another process. The program executes itself as a child that waits for a signal.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;
static char self[4096];

static int pidfd_of(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long send(int fd, int sig, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static pid_t child(void)
{
    char mode[] = "child", *args[] = {self, mode, NULL};
    pid_t pid;

    T_MUST("posix_spawn", posix_spawn(&pid, self, NULL, NULL, args, environ) == 0);
    return pid;
}

static int ready(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

/* A directory of /proc will do for signals, and for nothing else. */
static void check_directory(void)
{
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY), task = open("/proc/self/task", O_RDONLY);
    int proc = open("/proc", O_RDONLY);

    T_CHECK("directories", dir >= 0 && task >= 0 && proc >= 0);
    T_EQ("of a process", send(dir, 0, NULL, 0), 0);
    T_ERR("another one", send(task, 0, NULL, 0), EBADF);
    T_ERR("that of all", send(proc, 0, NULL, 0), EBADF);
    T_ERR("no descriptors by it", syscall(SYS_pidfd_getfd, dir, 0, 0), EBADF);
    close(dir);
    close(task);
    close(proc);
}

static void check_self(void)
{
    int fd = pidfd_of(getpid(), 0), pipes[2], copy;
    char c = 0;

    T_CHECK("pidfd_open", fd >= 0);
    T_EQ("closes on exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    T_EQ("a process that runs", ready(fd, 0), 0);
    T_EQ("no signal", send(fd, 0, NULL, 0), 0);
    T_ERR("no such signal", send(fd, 99, NULL, 0), EINVAL);
    T_ERR("unknown flags", send(fd, 0, NULL, 0x100), EINVAL);
    T_ERR("reading", read(fd, &c, 1), EINVAL);
    T_ERR("no number", pidfd_of(0, 0), EINVAL);
    T_ERR("a negative one", pidfd_of(-1, 0), EINVAL);
    T_ERR("no process", pidfd_of(4000000, 0), ESRCH);
    T_ERR("unknown flags", pidfd_of(getpid(), 1), EINVAL);
    T_ERR("a descriptor of something else", send(0, 0, NULL, 0), EBADF);
    T_MUST("pipe", pipe(pipes) == 0);
    copy = (int)syscall(SYS_pidfd_getfd, fd, pipes[1], 0);
    T_CHECK("pidfd_getfd", copy >= 0);
    T_EQ("the same pipe", write(copy, "x", 1) == 1 && read(pipes[0], &c, 1) == 1 ? c : 0, 'x');
    T_ERR("no such descriptor", syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
    T_ERR("flags", syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
    close(fd);
}

/* The process that /proc says a descriptor names; 0 when it does not say. */
static int named(int fd)
{
    char path[64], line[128];
    int pid = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    file = fopen(path, "r");
    T_MUST("fdinfo", file != NULL);
    while (fgets(line, sizeof(line), file) != NULL && sscanf(line, "Pid: %d", &pid) != 1) {
    }
    fclose(file);
    return pid;
}

static void check_child(void)
{
    pid_t pid = child();
    int fd = pidfd_of(pid, O_NONBLOCK);
    siginfo_t info = {0};

    T_CHECK("pidfd_open", fd >= 0);
    T_EQ("fdinfo names it", named(fd), pid);
    T_EQ("no other descriptor names a process", named(0), 0);
    T_EQ("it runs", ready(fd, 0), 0);
    T_ERR("waiting without waiting", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN);
    T_EQ("WNOHANG", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG), 0);
    T_EQ("SIGKILL", send(fd, SIGKILL, NULL, 0), 0);
    T_EQ("poll tells of its end", ready(fd, 5000) & POLLIN, POLLIN);
    T_EQ("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    T_CHECK("is about it", info.si_pid == pid && info.si_code == CLD_KILLED);
    T_EQ("killed", info.si_status, SIGKILL);
    T_EQ("fdinfo says that it is gone", named(fd), -1);
    T_ERR("it is gone", send(fd, 0, NULL, 0), ESRCH);
    T_ERR("nothing to wait for", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), ECHILD);
    T_ERR("a descriptor of something else", waitid(P_PIDFD, 0, &info, WEXITED), EBADF);
    close(fd);
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)argv;
    T_MUST("own path", n > 0);
    if (argc > 1) {
        pause();
        return 0;
    }
    check_self();
    check_directory();
    check_child();
    return t_done();
}
