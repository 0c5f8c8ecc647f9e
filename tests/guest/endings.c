// SPDX-License-Identifier: Apache-2.0
/*
 * Ends in the way that the argument names: with a status, through atexit handlers, by the default
 * action of a signal, by a fault that nothing handles. The runner compares what the shell sees.
 */
#include "t.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static void at_exit(void)
{
    t_line(1, "atexit handler\n");
}

static void *ends_process(void *status)
{
    exit(*(int *)status);
    return NULL;
}

static void *faults(void *null)
{
    *(volatile char *)null = 1;
    return null;
}

static void spin(void)
{
    for (volatile int forever = 1; forever;) {
    }
}

/* One thread ends the process while the main thread computes or sleeps. */
static void in_thread(void *(*function)(void *), void *argument, bool sleeping)
{
    pthread_t thread;

    T_MUST("thread", pthread_create(&thread, NULL, function, argument) == 0);
    if (sleeping) {
        pthread_join(thread, NULL);
    }
    spin();
}

static void by_status(const char *how)
{
    static int status = 17;

    if (strcmp(how, "exit-256") == 0) {
        exit(256);
    } else if (strcmp(how, "exit-minus-1") == 0) {
        exit(-1);
    } else if (strcmp(how, "_exit") == 0) {
        _exit(9);
    } else if (strcmp(how, "exit-of-thread") == 0) {
        in_thread(ends_process, &status, true);
    } else if (strcmp(how, "exit-while-computing") == 0) {
        in_thread(ends_process, &status, false);
    } else if (strcmp(how, "last-thread") == 0) {
        syscall(SYS_exit, 23);
    } else if (strncmp(how, "exit-", 5) == 0) {
        exit(atoi(how + 5));
    }
}

static void by_fault(const char *how)
{
    volatile char *volatile null = NULL;

    if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "null") == 0) {
        *null = 1;
    } else if (strcmp(how, "null-in-thread") == 0) {
        in_thread(faults, NULL, true);
    } else if (strcmp(how, "ud2") == 0) {
        __asm__ volatile("ud2");
    } else if (strcmp(how, "hlt") == 0) {
        __asm__ volatile("hlt");
    } else if (strcmp(how, "blocked-null") == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        *null = 1;
    } else if (strcmp(how, "ignored-null") == 0) {
        signal(SIGSEGV, SIG_IGN);
        *null = 1;
    } else if (strcmp(how, "bad-stack") == 0) {
        /* No room for the signal frame of a handler: the program can only be ended. */
        signal(SIGSEGV, SIG_DFL);
        __asm__ volatile("xorl %%esp, %%esp\n\tpush %%rax" : : : "memory");
    } else if (strcmp(how, "jump-to-garbage") == 0) {
        void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)0x123456789000;
        nowhere();
    }
}

static void by_signal(const char *how)
{
    static const struct {
        const char *name;
        int sig;
    } signals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL},
                   {"TERM", SIGTERM}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"USR1", SIGUSR1},
                   {"BUS", SIGBUS},   {"SYS", SIGSYS},   {"RT", 40}};

    for (size_t i = 0; i < T_COUNT(signals); i++) {
        if (strcmp(how, signals[i].name) == 0) {
            kill(getpid(), signals[i].sig);
            spin();
        }
    }
}

int main(int argc, char **argv)
{
    T_MUST("one argument", argc <= 2);
    const char *how = argc == 2 ? argv[1] : "exit-0";

    atexit(at_exit);
    t_line(1, "before the end\n");
    by_status(how);
    by_fault(how);
    by_signal(how);
    t_line(2, "FAILED %s did not end the program\n", how);
    return 1;
}
