// SPDX-License-Identifier: Apache-2.0
/*
 * Faults of the processor as signals: SIGFPE, SIGILL, SIGSEGV, SIGTRAP with their codes and
 * addresses, the registers in the ucontext, and a handler that changes them to go on elsewhere.
 */
#include "t.h"

#include <fenv.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static struct {
    int sig, code;
    void *addr;
    greg_t regs[NGREG];
} seen;
static int skip;

/* Notes everything and continues after the faulting instruction, with a mark in RAX. */
static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    seen.sig = sig;
    seen.code = info->si_code;
    seen.addr = info->si_addr;
    memcpy(seen.regs, uc->uc_mcontext.gregs, sizeof(seen.regs));
    uc->uc_mcontext.gregs[REG_RIP] += skip;
    uc->uc_mcontext.gregs[REG_RAX] = 0x1234567812345678;
}

/* Runs one instruction of `length` bytes with known registers; its value is RAX afterwards. */
#define FAULT(instruction, length)                                                                 \
    ({                                                                                             \
        unsigned long rax_ = 0, at_;                                                               \
        skip = (length);                                                                           \
        seen.sig = 0;                                                                              \
        __asm__ volatile("leaq 1f(%%rip), %1\n\t"                                                  \
                         "movq $0x1111, %%rbx\n\tmovq $0x2222, %%rsi\n\t"                          \
                         "movq $0x3333, %%r12\n\tmovq $0x4444, %%r15\n\t"                          \
                         "xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\tmovl $7, %%eax\n\t"            \
                         "1: " instruction                                                         \
                         : "+a"(rax_), "=&r"(at_)                                                  \
                         :                                                                         \
                         : "rbx", "rcx", "rdx", "rsi", "rdi", "r12", "r15", "memory", "cc");       \
        fault_at = at_;                                                                            \
        rax_;                                                                                      \
    })

static unsigned long fault_at;

static bool registers_match(void)
{
    return seen.regs[REG_RBX] == 0x1111 && seen.regs[REG_RSI] == 0x2222 &&
           seen.regs[REG_R12] == 0x3333 && seen.regs[REG_R15] == 0x4444 &&
           seen.regs[REG_RAX] == 7 && seen.regs[REG_RCX] == 0;
}

static void expect(const char *name, unsigned long rax, int sig, int code)
{
    T_CHECK(name, seen.sig == sig);
    T_EQ("  si_code", seen.code, code);
    T_CHECK("  registers in the context", registers_match());
    T_EQ("  RIP in the context", (unsigned long)seen.regs[REG_RIP] - fault_at, 0);
    T_CHECK("  changes to the context take effect", rax == 0x1234567812345678);
}

static void check_arithmetic(void)
{
    expect("division by zero", FAULT("divl %%ecx", 2), SIGFPE, FPE_INTDIV);
    T_EQ("its address", (unsigned long)seen.addr - fault_at, 0);
    T_EQ("REG_TRAPNO of #DE", seen.regs[REG_TRAPNO], 0);
    volatile int least = INT32_MIN, minus_one = -1;
    skip = 2;
    seen.sig = 0;
    unsigned quotient = (unsigned)least;
    __asm__ volatile("cltd\n\tidivl %1" : "+a"(quotient) : "c"(minus_one) : "rdx", "cc");
    T_CHECK("division overflow", seen.sig == SIGFPE && seen.code == FPE_INTDIV);
}

static void check_illegal(void)
{
    expect("ud2", FAULT("ud2", 2), SIGILL, ILL_ILLOPN);
    T_EQ("its address", (unsigned long)seen.addr - fault_at, 0);
    T_EQ("REG_TRAPNO of #UD", seen.regs[REG_TRAPNO], 6);
    expect("a lock prefix where none may be", FAULT(".byte 0xf0, 0x90", 2), SIGILL, ILL_ILLOPN);
}

static void check_privileged(void)
{
    expect("hlt", FAULT("hlt", 1), SIGSEGV, SI_KERNEL);
    T_CHECK("has no address", seen.addr == NULL);
    T_EQ("REG_TRAPNO of #GP", seen.regs[REG_TRAPNO], 13);
    expect("cli", FAULT("cli", 1), SIGSEGV, SI_KERNEL);
    expect("mov to cr3", FAULT("movq %%rax, %%cr3", 3), SIGSEGV, SI_KERNEL);
    expect("rdmsr", FAULT("rdmsr", 2), SIGSEGV, SI_KERNEL);
    expect("a port of nobody", FAULT("outb %%al, $0x70", 2), SIGSEGV, SI_KERNEL);
    /* Software interrupts other than 3 become one of two signals, depending on the kind of KVM. */
    FAULT("int $0x21", 2);
    T_CHECK("an unknown interrupt", seen.sig == SIGSEGV || seen.sig == SIGILL);
}

static void check_memory(void)
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    expect("a read of NULL", FAULT("movb (%%rcx), %%al", 2), SIGSEGV, SEGV_MAPERR);
    T_CHECK("at NULL", seen.addr == NULL);
    T_EQ("REG_TRAPNO of #PF", seen.regs[REG_TRAPNO], 14);
    T_EQ("REG_CR2", seen.regs[REG_CR2], 0);
    T_EQ("the error code is a user's read of nothing", seen.regs[REG_ERR], 4);
    expect("a write to NULL", FAULT("movb %%al, 0x123(%%rcx)", 6), SIGSEGV, SEGV_MAPERR);
    T_EQ("at its address", seen.regs[REG_CR2], 0x123);
    T_EQ("the error code is a user's write to nothing", seen.regs[REG_ERR], 6);
    seen.sig = 0;
    skip = 3;
    __asm__ volatile("movb $1, (%%rdx)" : : "d"(page) : "rax", "memory");
    T_CHECK("a write to a read-only page", seen.sig == SIGSEGV && seen.code == SEGV_ACCERR);
    T_CHECK("at its address", seen.addr == page);
    /* Present or not depends on whether the page was touched: only the write bit is certain. */
    T_EQ("the error code is a user's write", seen.regs[REG_ERR] & 6, 6);
}

static void check_traps(void)
{
    unsigned long at;

    seen.sig = 0;
    skip = 0;
    __asm__ volatile("leaq 1f(%%rip), %0\n\tint3\n1:" : "=&r"(at) : : "rax");
    T_CHECK("int3", seen.sig == SIGTRAP && seen.code == SI_KERNEL);
    T_EQ("RIP is after it", (unsigned long)seen.regs[REG_RIP] - at, 0);
}

static void check_floating_point(void)
{
    /* Unmasked divide-by-zero of SSE; the handler skips the instruction and masks come back. */
    volatile double zero = 0, one = 1;
    double x = one, y = zero;

    feenableexcept(FE_DIVBYZERO);
    seen.sig = 0;
    skip = 4;
    __asm__ volatile("divsd %1, %0" : "+x"(x) : "x"(y) : "rax");
    fedisableexcept(FE_ALL_EXCEPT);
    feclearexcept(FE_ALL_EXCEPT);
    T_CHECK("an unmasked floating-point division", seen.sig == SIGFPE && seen.code == FPE_FLTDIV);
}

int main(void)
{
    static const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGTRAP};
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    for (size_t i = 0; i < T_COUNT(signals); i++) {
        sigaction(signals[i], &act, NULL);
    }
    check_arithmetic();
    check_illegal();
    check_privileged();
    check_memory();
    check_traps();
    check_floating_point();
    return t_done();
}
