// SPDX-License-Identifier: Apache-2.0
/*
 * Processes with threads in calls of all kinds, which are stopped, continued and killed in a random
 * order, again and again: one that is said to have stopped does nothing, one that is continued goes
 * on, and at the end none is left.
 */
#include "t.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define CHILDREN 4
#define ROUNDS   200

static struct {
    volatile unsigned count;
} * shared;

static struct {
    pid_t pid;
    bool stopped;
} children[CHILDREN];

static unsigned state = 1;

static unsigned any(unsigned below)
{
    state = state * 1103515245 + 12345;
    return (state >> 16) % below;
}

static void *counts(void *arg)
{
    for (;;) {
        (*(volatile unsigned *)arg)++;
    }
    return NULL;
}

static void *forks(void *arg)
{
    for (;;) {
        pid_t pid = fork();

        if (pid == 0) {
            _exit(0);
        }
        (*(volatile unsigned *)arg)++;
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return NULL;
}

static void *waits(void *arg)
{
    static int pipes[2];
    char c = 'x';

    T_MUST("pipe", pipe(pipes) == 0);
    for (;;) {
        struct pollfd p = {pipes[0], POLLIN, 0};

        poll(&p, 1, 1);
        (*(volatile unsigned *)arg)++;
        T_MUST("write", write(pipes[1], &c, 1) == 1);
        T_MUST("read", read(pipes[0], &c, 1) == 1);
        usleep(500);
    }
    return NULL;
}

static void begin(int k)
{
    void *count = (void *)(uintptr_t)&shared[k].count;
    pthread_t thread;

    children[k].stopped = false;
    children[k].pid = fork();
    T_MUST("fork", children[k].pid >= 0);
    if (children[k].pid == 0) {
        setpgid(0, 0);
        alarm(60);
        pthread_create(&thread, NULL, forks, count);
        pthread_create(&thread, NULL, waits, count);
        counts(count);
    }
    (void)setpgid(children[k].pid, children[k].pid);
}

static void stop(int k)
{
    static const int sigs[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    int sig = sigs[any(4)], status = 0;
    unsigned count;

    T_MUST("kill", kill(children[k].pid, sig) == 0);
    T_MUST("stops", waitpid(children[k].pid, &status, WUNTRACED) == children[k].pid);
    T_MUST("by that", WIFSTOPPED(status) && WSTOPSIG(status) == sig);
    children[k].stopped = true;
    count = shared[k].count;
    usleep(2000);
    T_MUST("does nothing", shared[k].count == count);
}

static void go_on(int k)
{
    unsigned count = shared[k].count;
    int status = 0;

    T_MUST("kill", kill(children[k].pid, SIGCONT) == 0);
    T_MUST("goes on", waitpid(children[k].pid, &status, WCONTINUED) == children[k].pid);
    T_MUST("it says", WIFCONTINUED(status));
    children[k].stopped = false;
    for (int n = 0; n < 5000 && shared[k].count == count; n++) {
        usleep(1000);
    }
    T_MUST("counts", shared[k].count != count);
}

static void end(int k)
{
    int status = 0;

    T_MUST("kill", kill(children[k].pid, SIGKILL) == 0);
    T_MUST("ends", waitpid(children[k].pid, &status, 0) == children[k].pid);
    T_MUST("killed", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    T_MUST("mmap", shared != MAP_FAILED);
    for (int k = 0; k < CHILDREN; k++) {
        begin(k);
    }
    for (int n = 0; n < ROUNDS; n++) {
        int k = (int)any(CHILDREN);

        if (any(16) == 0) {
            end(k);
            begin(k);
        } else if (children[k].stopped) {
            go_on(k);
        } else {
            stop(k);
        }
    }
    for (int k = 0; k < CHILDREN; k++) {
        end(k);
    }
    T_ERR("none is left", waitpid(-1, NULL, WNOHANG), ECHILD);
    return t_done();
}
