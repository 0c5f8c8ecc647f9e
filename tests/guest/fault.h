// SPDX-License-Identifier: Apache-2.0
/*
 * Touching memory that may not be there: t_try_read and t_try_write return 0, or the signal that
 * the access raised; the siginfo of the last fault stays in t_fault. t_fault_install comes first.
 * The handler leaves with siglongjmp, which also puts the signal mask back. t_unmapped asks the
 * kernel instead: in the guest, system calls treat memory that was unmapped from RAM as unmapped,
 * but a stray access by the program need not fault (images/kernel/README.md).
 */
#ifndef TESTS_GUEST_FAULT_H
#define TESTS_GUEST_FAULT_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

struct t_fault {
    int sig;
    int code;
    void *addr;
};

static volatile struct t_fault t_fault;
static sigjmp_buf t_fault_back;

static void t_fault_handler(int sig, siginfo_t *info, void *context)
{
    (void)context;
    t_fault.sig = sig;
    t_fault.code = info->si_code;
    t_fault.addr = info->si_addr;
    siglongjmp(t_fault_back, 1);
}

static inline void t_fault_install(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction act = {.sa_sigaction = t_fault_handler, .sa_flags = SA_SIGINFO};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &act, NULL);
    }
}

static inline int t_try_read(const volatile void *p)
{
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        (void)*(const volatile char *)p;
    }
    return t_fault.sig;
}

static inline int t_try_write(volatile void *p, char value)
{
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        *(volatile char *)p = value;
    }
    return t_fault.sig;
}

/* Whether a system call that reads a byte there is refused. */
static inline bool t_unmapped(const void *p)
{
    int ends[2];

    if (pipe(ends) != 0) {
        return false;
    }
    bool refused = write(ends[1], p, 1) == -1 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return refused;
}

#endif
