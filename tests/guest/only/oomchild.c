// SPDX-License-Identifier: Apache-2.0
/*
 * Memory used up while there are children: the largest child is killed first, and whoever wanted
 * the memory gets it. The first process goes on as long as there is a child.
 */
#include "only.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { MIB = 1 << 20 };
#define PROMISED (8ul << 30)

static char *promised(void)
{
    char *p = mmap(NULL, PROMISED, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    T_MUST("a promise", p != MAP_FAILED);
    return p;
}

/* A child that has so much memory, and waits. */
static pid_t holder(size_t mib)
{
    int ready[2];
    char byte;
    pid_t pid;

    T_MUST("pipe", pipe(ready) == 0);
    pid = fork();
    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        memset(promised(), 1, mib * MIB);
        T_MUST("told", write(ready[1], "x", 1) == 1);
        for (;;) {
            pause();
        }
    }
    T_MUST("it is ready", read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static pid_t next_end(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);

    T_MUST("it was killed", pid > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return pid;
}

/* Touches promised memory until a child is gone. Returns where it has come to. */
static char *until_one_ends(char *at)
{
    siginfo_t info = {0};

    while (info.si_pid == 0) {
        *at = 1;
        at += 4096;
        T_MUST("waitid", waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    }
    return at;
}

static void by_size(void)
{
    pid_t small = holder(8), large = holder(64), middle = holder(24);
    char *start = promised(), *at = until_one_ends(start);

    T_EQ("the largest is killed first", next_end(), large);
    at = until_one_ends(at);
    T_EQ("then the next", next_end(), middle);
    until_one_ends(at);
    T_EQ("and the smallest", next_end(), small);
    munmap(start, PROMISED);
}

/* What a child shares with its parent is not freed when it ends, and does not count. */
static void by_what_is_its_own(void)
{
    pid_t owner = holder(16), sharer;
    char *shared = mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *start, *at;

    T_MUST("memory to share", shared != MAP_FAILED);
    memset(shared, 1, 40 * MIB);
    sharer = holder(1);
    start = promised();
    at = until_one_ends(start);
    T_EQ("a child with memory of its own is killed before one that shares", next_end(), owner);
    until_one_ends(at);
    T_EQ("which is next", next_end(), sharer);
    munmap(start, PROMISED);
    munmap(shared, 40 * MIB);
}

static void by_system_call(void)
{
    pid_t pid = holder(64);
    char *start = promised(), *at = start;
    int fd = open("/dev/zero", O_RDONLY), got = 0;

    while (got == 0) {
        ssize_t n = read(fd, at, MIB);
        T_MUST("it reads all the same", n > 0);
        at += n;
        got = waitpid(pid, NULL, WNOHANG);
    }
    T_EQ("a system call gets the memory of a child", got, pid);
    close(fd);
    munmap(start, PROMISED);
}

static void by_a_child(void)
{
    pid_t pid = holder(16), eater = fork();

    if (eater == 0) {
        memset(promised(), 1, PROMISED);
        _exit(0);
    }
    T_EQ("a child that wants all is killed", next_end(), eater);
    T_EQ("the other lives", waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    T_EQ("until it is killed", next_end(), pid);
}

/* Makes processes and takes memory, without end; counts its children that were killed. */
static void bomb(int *killed)
{
    const size_t piece = 48 * MIB;
    char *p = promised();
    size_t at = 0;
    int status;

    setpgid(0, 0);
    for (;;) {
        if (fork() == 0) {
            at += piece;
        }
        memset(p + at, 1, piece);
        while (waitpid(-1, &status, WNOHANG) > 0) {
            *killed += status == SIGKILL;
        }
    }
}

static void by_a_bomb(void)
{
    int *killed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    T_MUST("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid = fork();
    if (pid == 0) {
        bomb(killed);
    }
    setpgid(pid, pid);
    for (int i = 0; i < 4000 && *killed < 3; i++) {
        while (waitpid(-1, &status, WNOHANG) > 0) { /* orphans */
            *killed += status == SIGKILL;
        }
        t_sleep_ms(5);
    }
    T_CHECK("of a fork bomb's processes some are killed", *killed >= 3);
    while (kill(-pid, SIGKILL) == 0 || errno != ESRCH) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        t_sleep_ms(1);
    }
    pid = holder(8);
    kill(pid, SIGKILL);
    T_EQ("then there is room for a child", next_end(), pid);
}

int main(void)
{
    by_size();
    by_what_is_its_own();
    by_system_call();
    by_a_child();
    by_a_bomb();
    return t_done();
}
