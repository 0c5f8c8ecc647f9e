// SPDX-License-Identifier: Apache-2.0
/*
 * Signals that arrive between two instructions: the 128 bytes below the stack pointer, every
 * general register and the flags are as before, although a handler ran; the handler itself starts
 * with an aligned stack and a clear direction flag.
 */
#include "t.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t ticks, misaligned, direction, was_direction;

static void handler(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    char here[64] __attribute__((aligned(16)));
    unsigned long flags;

    (void)sig;
    (void)info;
    __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
    /* The ABI aligns the stack to 16 bytes before a call; then this function's frame pointer is
     * aligned, too. */
    misaligned |= ((uintptr_t)__builtin_frame_address(0) & 15) != 0;
    direction |= (flags & 0x400) != 0;
    was_direction |= (uc->uc_mcontext.gregs[REG_EFL] & 0x400) != 0;
    memset(here, 0xcc, sizeof(here));
    __asm__ volatile("" : : "r"(here) : "memory");
    ticks++;
}

/* Fills the red zone and the registers, computes for a while, compares. 1 when all is as before. */
__attribute__((naked, noinline)) static long one_round(void)
{
    __asm__ volatile(
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "movabs $0x1111111111111111, %rbx\n movabs $0x2222222222222222, %rbp\n"
        "movabs $0x3333333333333333, %rsi\n movabs $0x4444444444444444, %rdi\n"
        "movabs $0x5555555555555555, %r8\n movabs $0x6666666666666666, %r9\n"
        "movabs $0x7777777777777777, %r10\n movabs $0x8888888888888888, %r11\n"
        "movabs $0x9999999999999999, %r12\n movabs $0xaaaaaaaaaaaaaaaa, %r13\n"
        "movabs $0xbbbbbbbbbbbbbbbb, %r14\n movabs $0xcccccccccccccccc, %r15\n"
        "mov $-16, %rcx\n"
        "1: lea (%rbx,%rcx), %rax\n mov %rax, (%rsp,%rcx,8)\n inc %rcx\n jnz 1b\n"
        /* The direction flag too must come back as it was. */
        "std\n mov $300000, %ecx\n"
        "2: dec %ecx\n jnz 2b\n"
        "pushfq\n pop %rdx\n cld\n"
        "xor %eax, %eax\n"
        "test $0x400, %edx\n jz 9f\n"
        "movabs $0x2222222222222222, %rdx\n cmp %rdx, %rbp\n jne 9f\n"
        "movabs $0x3333333333333333, %rdx\n cmp %rdx, %rsi\n jne 9f\n"
        "movabs $0x4444444444444444, %rdx\n cmp %rdx, %rdi\n jne 9f\n"
        "movabs $0x5555555555555555, %rdx\n cmp %rdx, %r8\n jne 9f\n"
        "movabs $0x6666666666666666, %rdx\n cmp %rdx, %r9\n jne 9f\n"
        "movabs $0x7777777777777777, %rdx\n cmp %rdx, %r10\n jne 9f\n"
        "movabs $0x8888888888888888, %rdx\n cmp %rdx, %r11\n jne 9f\n"
        "movabs $0x9999999999999999, %rdx\n cmp %rdx, %r12\n jne 9f\n"
        "movabs $0xaaaaaaaaaaaaaaaa, %rdx\n cmp %rdx, %r13\n jne 9f\n"
        "movabs $0xbbbbbbbbbbbbbbbb, %rdx\n cmp %rdx, %r14\n jne 9f\n"
        "movabs $0xcccccccccccccccc, %rdx\n cmp %rdx, %r15\n jne 9f\n"
        "mov $-16, %rcx\n"
        /* The topmost word went to pushfq. */
        "3: lea (%rbx,%rcx), %rdx\n cmp $-1, %rcx\n je 4f\n cmp %rdx, (%rsp,%rcx,8)\n jne 9f\n"
        "4: inc %rcx\n jnz 3b\n"
        "mov $1, %eax\n"
        "9: pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");
}

int main(void)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct itimerval every = {{0, 1000}, {0, 1000}};
    bool good = true;

    sigaction(SIGALRM, &act, NULL);
    T_MUST("setitimer", setitimer(ITIMER_REAL, &every, NULL) == 0);
    /* Until enough signals have arrived, most of them inside a round. */
    for (int i = 0; i < 100000 && (ticks < 100 || !was_direction); i++) {
        good = good && one_round() == 1;
    }
    T_MUST("stop", setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL) == 0);
    T_CHECK("signals arrived", ticks >= 100);
    T_CHECK("registers, flags and red zone are as before", good);
    T_EQ("the handler's stack is aligned", misaligned, 0);
    T_EQ("its direction flag is clear", direction, 0);
    T_CHECK("the context shows the interrupted flags", was_direction);
    return t_done();
}
