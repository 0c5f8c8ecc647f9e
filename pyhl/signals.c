// SPDX-License-Identifier: Apache-2.0
/*
 * One signal handler and its variables. They are global, because a signal handler has no argument.
 * vmm_interrupt() is async-signal-safe.
 */
#include "cmd.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static struct vmm *_Atomic to_vm;
static _Atomic pid_t to_process;
static atomic_bool waiting; /* for a VM to be named */
static atomic_int seen;
static atomic_int last;
static bool interrupted;

static void on_signal(int signo)
{
    int saved = errno;
    struct vmm *vm = atomic_load(&to_vm);
    pid_t pid = atomic_load(&to_process);
    enum vmm_interrupt what = signo == SIGINT ? VMM_INTERRUPT_INT : VMM_INTERRUPT_TERM;

    if (atomic_load(&waiting)) {
        _exit(CMD_SIGNALED + signo);
    }
    atomic_store(&last, signo);
    if (atomic_fetch_add(&seen, 1) > 0) {
        what = VMM_INTERRUPT_KILL;
    }
    if (vm != NULL) {
        vmm_interrupt(vm, what);
    }
    if (pid) {
        kill(pid, SIGKILL);
    }
    errno = saved;
}

static void handle(void (*handler)(int))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler}, old;

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

void signals_catch(bool wait)
{
    atomic_store(&waiting, wait);
    handle(on_signal);
}

void signals_default(void)
{
    handle(SIG_DFL);
}

void signals_to_vm(struct vmm *vm)
{
    atomic_store(&to_vm, vm);
    atomic_store(&waiting, false);
}

void signals_to_process(pid_t pid)
{
    atomic_store(&to_process, pid);
    if (pid && signals_last()) {
        kill(pid, SIGKILL);
    }
}

int signals_last(void)
{
    return atomic_load(&last);
}

void signals_interrupted(void)
{
    interrupted = true;
}

void signals_finish(void)
{
    if (interrupted) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT); /* no effect if our parent blocks it; the status says the same */
    }
}
