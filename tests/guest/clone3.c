// SPDX-License-Identifier: Apache-2.0
/*
 * What clone3 adds to fork: descriptors of processes, chosen numbers, other signals at the end, and
 * its checks; the end of a process that waits for its vfork child; orphans below two subreapers.
 */
#include "t.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static struct {
    volatile pid_t pid;
    volatile int ready;
} * shared;

static pid_t clone3(struct clone_args *args, size_t size)
{
    return (pid_t)syscall(SYS_clone3, args, size);
}

static long refused(struct clone_args args)
{
    long pid = clone3(&args, sizeof(args));

    if (pid == 0) {
        _exit(0);
    }
    if (pid > 0) {
        waitpid((pid_t)pid, NULL, __WALL);
    }
    return pid;
}

static uint64_t address(const void *of)
{
    return (uint64_t)(uintptr_t)of;
}

static int ready(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, ms) == 1 ? p.revents & POLLIN : 0;
}

static void check_pidfd(void)
{
    int fd = -1, to_child[2];
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = address(&fd), .exit_signal = SIGCHLD};
    siginfo_t info;
    pid_t pid;
    char c;

    T_MUST("pipe", pipe(to_child) == 0);
    pid = clone3(&args, sizeof(args));
    if (pid == 0) {
        bool without = fd == -1 && fcntl(to_child[1] + 1, F_GETFD) < 0;

        (void)!read(to_child[0], &c, 1);
        _exit(without ? 5 : 6);
    }
    T_CHECK("CLONE_PIDFD", pid > 0 && fd == to_child[1] + 1);
    T_EQ("closes on exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    T_EQ("it names the child", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
    T_EQ("which runs", ready(fd, 0), 0);
    T_MUST("write", write(to_child[1], "x", 1) == 1);
    T_EQ("poll tells of its end", ready(fd, 5000), POLLIN);
    T_EQ("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    T_CHECK("the child has not got it", info.si_pid == pid && info.si_status == 5);
    close(fd);
    fd = -1;
    pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
    if (pid == 0) {
        _exit(7);
    }
    T_CHECK("clone has it, too", pid > 0 && fd >= 0);
    T_EQ("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    T_EQ("the same child", info.si_status, 7);
    close(fd);
    T_ERR("clone has one place for two numbers",
          syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0), EINVAL);
    args.pidfd = 8;
    T_ERR("no place for it", refused(args), EFAULT);
    T_ERR("and no child", waitpid(-1, NULL, __WALL), ECHILD);
    close(to_child[0]);
    close(to_child[1]);
}

static void check_number(void)
{
    pid_t wanted[2] = {20000, 20001}, pid;
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = address(wanted), .set_tid_size = 1};
    int status = 0;

    while (kill(wanted[0], 0) == 0) {
        wanted[0]++;
    }
    pid = clone3(&args, sizeof(args));
    if (pid == 0) {
        _exit(getpid() == wanted[0] && gettid() == wanted[0] ? 0 : 1);
    }
    T_EQ("the number that was wanted", pid, wanted[0]);
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_EQ("the child has it", status, 0);
    wanted[0] = getpid();
    T_ERR("one that is in use", refused(args), EEXIST);
    wanted[0] = 0;
    T_ERR("none", refused(args), EINVAL);
    wanted[0] = 1 << 30;
    T_ERR("too large", refused(args), EINVAL);
    args.set_tid_size = 33;
    T_ERR("more than there can be name spaces", refused(args), EINVAL);
    args.set_tid_size = 0;
    T_ERR("a list without a size", refused(args), EINVAL);
    args.set_tid_size = 1;
    args.set_tid = 0;
    T_ERR("a size without a list", refused(args), EINVAL);
    args.set_tid = 8;
    T_ERR("a list elsewhere", refused(args), EFAULT);
}

static volatile sig_atomic_t usr1, chld;

static void on_signal(int sig)
{
    *(sig == SIGUSR1 ? &usr1 : &chld) += 1;
}

static void check_exit_signal(void)
{
    struct clone_args args = {.exit_signal = SIGUSR1};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pid_t pid;

    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGCHLD, &act, NULL);
    pid = clone3(&args, sizeof(args));
    if (pid == 0) {
        _exit(0);
    }
    T_ERR("not a child for wait", waitpid(pid, NULL, 0), ECHILD);
    T_EQ("but with __WCLONE", waitpid(pid, NULL, __WCLONE), pid);
    T_CHECK("its end is the signal that was asked for", usr1 == 1 && chld == 0);
    args.exit_signal = 0;
    pid = clone3(&args, sizeof(args));
    if (pid == 0) {
        _exit(0);
    }
    T_EQ("__WALL", waitpid(pid, NULL, __WALL), pid);
    T_CHECK("no signal", usr1 == 1 && chld == 0);
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    pid = clone3(&args, sizeof(args));
    if (pid == 0) {
        struct sigaction now;
        sigaction(SIGUSR1, NULL, &now);
        _exit(now.sa_handler == SIG_DFL ? 0 : 1);
    }
    T_EQ("CLONE_CLEAR_SIGHAND", waitpid(pid, &(int){0}, 0), pid);
    T_EQ("SIGCHLD", chld, 1);
    signal(SIGCHLD, SIG_DFL);
}

static void check_refused(void)
{
    struct {
        struct clone_args args;
        uint64_t more[4];
    } big = {.args = {.exit_signal = SIGCHLD}};
    pid_t pid;

    T_ERR("a signal among the flags", refused((struct clone_args){.flags = SIGCHLD}), EINVAL);
    T_ERR("no such signal", refused((struct clone_args){.exit_signal = 65}), EINVAL);
    T_ERR("a large one", refused((struct clone_args){.exit_signal = 1ull << 32}), EINVAL);
    T_ERR("a signal for CLONE_PARENT",
          refused((struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD}), EINVAL);
    T_ERR("CLONE_DETACHED", refused((struct clone_args){.flags = CLONE_DETACHED}), EINVAL);
    T_ERR("CLONE_SIGHAND without memory", refused((struct clone_args){.flags = CLONE_SIGHAND}),
          EINVAL);
    T_ERR("a stack without size", refused((struct clone_args){.stack = address(&big)}), EINVAL);
    T_ERR("size without a stack", refused((struct clone_args){.stack_size = 4096}), EINVAL);
    T_ERR("unknown flags", refused((struct clone_args){.flags = 1ull << 40}), EINVAL);
    T_ERR("too small", clone3(&big.args, 32), EINVAL);
    T_ERR("too large", clone3(&big.args, 8192), E2BIG);
    big.more[2] = 1;
    T_ERR("fields that are not known", clone3(&big.args, sizeof(big)), E2BIG);
    big.more[2] = 0;
    pid = clone3(&big.args, sizeof(big));
    if (pid == 0) {
        _exit(0);
    }
    T_CHECK("unless they are 0", pid > 0 && waitpid(pid, NULL, 0) == pid);
    T_ERR("nowhere", clone3((void *)8, sizeof(big)), EFAULT);
}

/* The child of a vfork waits. */
static void vfork_that_waits(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        shared->pid = getpid();
        shared->ready = 1;
        pause();
        _exit(0);
    }
    _exit(1);
}

static void settle(void)
{
    while (!shared->ready) {
        t_sleep_ms(1);
    }
    t_sleep_ms(20);
}

static void check_vfork(int sig)
{
    int status = 0;
    pid_t pid;

    shared->ready = 0;
    pid = fork();
    if (pid == 0) {
        vfork_that_waits();
    }
    settle();
    if (sig == SIGKILL) { /* Linux kills at once by another signal only if none was there before */
        T_EQ("a signal with a handler", kill(pid, SIGUSR1), 0);
        t_sleep_ms(30);
        T_EQ("waits for the vfork child", waitpid(pid, &status, WNOHANG), 0);
    }
    T_EQ("one that kills", kill(pid, sig), 0);
    T_EQ("does not", waitpid(pid, &status, 0), pid);
    T_EQ("it kills", WTERMSIG(status), sig);
    T_EQ("the child lives", kill(shared->pid, 0), 0);
    kill(shared->pid, SIGTERM);
    T_EQ("and is ours now", waitpid(shared->pid, &status, 0), shared->pid);
    T_EQ("it ends", WTERMSIG(status), SIGTERM);
}

/* A subreaper below us, with a child whose own child outlives it. */
static void nested(void)
{
    pid_t reaper = getpid(), middle;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            pid_t parent = getppid();

            shared->pid = getpid();
            shared->ready = 1;
            while (getppid() == parent) {
                t_sleep_ms(1);
            }
            shared->ready = getppid() == reaper ? 2 : 3;
            pause();
        }
        settle();
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    while (shared->ready == 1) {
        t_sleep_ms(1);
    }
    _exit(shared->ready);
}

static void check_subreapers(void)
{
    int status = 0;
    pid_t pid;

    shared->ready = 0;
    pid = fork();
    if (pid == 0) {
        nested();
    }
    T_EQ("a subreaper below another", waitpid(pid, &status, 0), pid);
    T_EQ("gets the orphan", WEXITSTATUS(status), 2);
    kill(shared->pid, SIGTERM);
    T_EQ("which is ours when it has ended", waitpid(-1, &status, 0), shared->pid);
    T_EQ("by the signal", WTERMSIG(status), SIGTERM);
    T_ERR("there are no others", wait(NULL), ECHILD);
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    T_MUST("mmap", shared != MAP_FAILED);
    check_pidfd();
    check_number();
    check_exit_signal();
    check_refused();
    T_MUST("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    check_vfork(SIGKILL);
    check_vfork(SIGTERM);
    check_subreapers();
    return t_done();
}
