// SPDX-License-Identifier: Apache-2.0
/*
 * What a handler writes into its signal frame, which the kernel checks before it loads the frame.
 * Without an argument the program makes changes that are allowed, else the one that the argument
 * names, which ends it as on Linux.
 */
#include "t.h"

#include <asm/prctl.h>
#include <signal.h>
#include <sched.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* Not canonical: no instruction pointer, segment base or handler can be there. */
#define BAD 0x8000000000000000ULL

static const char *how = "";
static stack_t seen_stack;
static char alternate[65536];

static bool is(const char *name)
{
    return strcmp(how, name) == 0;
}

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *regs = uc->uc_mcontext.gregs;
    char *fp = (char *)uc->uc_mcontext.fpregs;

    (void)sig;
    (void)info;
    sigaltstack(NULL, &seen_stack);
    if (is("rip")) {
        regs[REG_RIP] = (greg_t)BAD;
    } else if (is("rip-top")) {
        regs[REG_RIP] = (greg_t)0x800000000000;
    } else if (is("rsp")) {
        regs[REG_RSP] = (greg_t)BAD;
    } else if (is("flags")) {
        regs[REG_EFL] = -1;
    } else if (is("legacy")) {
        memset(fp, 0xff, 512);
    } else if (is("header")) {
        memset(fp + 512, 0xff, 64);
    } else if (is("fp-null")) {
        uc->uc_mcontext.fpregs = (void *)8;
    } else if (is("fp-high")) {
        uc->uc_mcontext.fpregs = (void *)BAD;
    } else if (is("mask")) {
        sigaddset(&uc->uc_sigmask, SIGUSR2);
    } else if (is("initial")) {
        uc->uc_mcontext.fpregs = NULL;
    }
}

static void install(int flags)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    T_MUST("sigaction", sigaction(SIGUSR1, &act, NULL) == 0);
}

static void check_mask(void)
{
    sigset_t now;

    how = "mask";
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    T_CHECK("the mask of the frame becomes the thread's", sigismember(&now, SIGUSR2));
    sigemptyset(&now);
    sigprocmask(SIG_SETMASK, &now, NULL);
}

static void check_no_state(void)
{
    double x = 1;

    how = "initial";
    raise(SIGUSR1);
    /* The initial state: the x87 stack is empty and usable. */
    __asm__ volatile("fld1; fld1; faddp; fstpl %0" : "=m"(x));
    T_CHECK("a frame without vector state gives the initial one", x == 2);
}

static void check_disarm(void)
{
    stack_t stack = {.ss_sp = alternate,
                     .ss_size = sizeof(alternate),
                     .ss_flags = (int)(1U << 31)}; /* SS_AUTODISARM */
    stack_t after;

    how = "";
    T_EQ("SS_AUTODISARM", sigaltstack(&stack, NULL), 0);
    install(SA_ONSTACK);
    raise(SIGUSR1);
    T_CHECK("the handler sees no alternate stack", seen_stack.ss_flags & SS_DISABLE);
    T_EQ("afterwards", sigaltstack(NULL, &after), 0);
    T_CHECK("it is back", after.ss_sp == alternate && after.ss_size == sizeof(alternate));
}

static void check_bases(void)
{
    static char stack[4096];
    const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                       CLONE_SYSVSEM | CLONE_SETTLS;

    T_ERR("an FS base that is not canonical", syscall(SYS_arch_prctl, ARCH_SET_FS, BAD), EPERM);
    T_ERR("a GS base that is not canonical", syscall(SYS_arch_prctl, ARCH_SET_GS, BAD), EPERM);
    T_ERR("a thread's that is not canonical",
          syscall(SYS_clone, flags, stack + sizeof(stack), NULL, NULL, BAD), EPERM);
}

int main(int argc, char **argv)
{
    install(0);
    if (argc == 2) {
        how = argv[1];
        if (is("handler")) {
            struct sigaction act = {.sa_handler = (void (*)(int))BAD};
            sigaction(SIGUSR1, &act, NULL);
        } else if (is("alternate")) {
            sigaltstack(&(stack_t){.ss_sp = (void *)BAD, .ss_size = 65536}, NULL);
            install(SA_ONSTACK);
        } else if (is("return")) {
            __asm__ volatile("movl $15, %%eax\n\tmovq %0, %%rsp\n\tsyscall" : : "r"(BAD) : "rax");
        }
        raise(SIGUSR1);
        t_line(2, "FAILED %s did not end the program\n", how);
        return 1;
    }
    check_mask();
    check_no_state();
    check_disarm();
    check_bases();
    return t_done();
}
