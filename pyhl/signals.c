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

/* What a parent passes signals on by, with their number as the value. A terminal sends SIGINT to
 * both processes, and of two signals of one number that wait to be delivered the second is lost.
 * Those from SIGRTMIN on are all delivered. */
#define SIGNAL_FORWARD (SIGRTMIN + 4)

static struct vmm *_Atomic to_vm;
static _Atomic pid_t to_process, forward_to, only_from;
static atomic_bool waiting; /* for a VM to be named */
static atomic_bool gentle;
static atomic_int seen;
static atomic_int last;
static bool interrupted;

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int saved = errno;
    struct vmm *vm = atomic_load(&to_vm);
    pid_t pid = atomic_load(&to_process), sender = atomic_load(&only_from);
    pid_t forward = atomic_load(&forward_to);
    enum vmm_interrupt what;
    int before;

    (void)context;
    if (sender) {
        if (signo != SIGNAL_FORWARD || info->si_code != SI_QUEUE || info->si_pid != sender) {
            return; /* it comes a second time, by way of the sender */
        }
        signo = info->si_value.sival_int;
    }
    what = signo == SIGINT ? VMM_INTERRUPT_INT : VMM_INTERRUPT_TERM;
    if (atomic_load(&waiting)) {
        _exit(CMD_SIGNALED + signo);
    }
    atomic_store(&last, signo);
    before = signo == SIGINT && atomic_load(&gentle) ? 0 : atomic_fetch_add(&seen, 1);
    if (before > 0) {
        what = VMM_INTERRUPT_KILL;
    }
    if (forward && before < 2) {
        (void)sigqueue(forward, SIGNAL_FORWARD, (union sigval){.sival_int = signo});
    } else if (forward) {
        kill(forward, SIGKILL);
    }
    if (vm != NULL) {
        vmm_interrupt(vm, what);
    }
    if (pid) {
        kill(pid, SIGKILL);
    }
    errno = saved;
}

static void handle(const struct sigaction *action)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction old;

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(signals[i], action, NULL);
        }
    }
}

void signals_catch(bool wait)
{
    const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    atomic_store(&waiting, wait);
    handle(&action);
}

void signals_default(void)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};

    handle(&action);
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

void signals_forward(pid_t pid)
{
    atomic_store(&forward_to, pid);
    if (pid) {
        signals_catch(false);
    }
}

/* Handlers come with it, so that a signal which is not the sender's does not end the process. */
void signals_only_from(pid_t pid)
{
    const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    atomic_store(&only_from, pid);
    signals_catch(true);
    sigaction(SIGNAL_FORWARD, &action, NULL);
}

void signals_gentle(void)
{
    atomic_store(&gentle, true);
}

void signals_forget(void)
{
    atomic_store(&last, 0);
    atomic_store(&seen, 0);
}

bool signals_urgent(void)
{
    return atomic_load(&seen) > 1;
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
