// SPDX-License-Identifier: Apache-2.0
/*
 * Vector and x87 state: kept over system calls, over being preempted by other threads that use the
 * same registers, and over signal handlers that spoil them; mxcsr and the x87 control word too.
 */
#include "t.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

/* 16 registers of 32 bytes; the upper halves are compared only if the CPU has AVX. */
typedef uint64_t vectors[16][4];

static bool avx;

#define EACH(op)                                                                                   \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) \
        op(15)
#define LOAD_X(n)  "movups 32*" #n "(%0), %%xmm" #n "\n\t"
#define STORE_X(n) "movups %%xmm" #n ", 32*" #n "(%1)\n\t"
#define LOAD_Y(n)  "vmovups 32*" #n "(%0), %%ymm" #n "\n\t"
#define STORE_Y(n) "vmovups %%ymm" #n ", 32*" #n "(%1)\n\t"
#define ALL_VECTORS                                                                                \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Loads every vector register, does `middle`, stores them again. */
#define AROUND(in, out, middle)                                                                    \
    do {                                                                                           \
        if (avx) {                                                                                 \
            __asm__ volatile(EACH(LOAD_Y) middle EACH(STORE_Y)                                     \
                             :                                                                     \
                             : "r"(in), "r"(out)                                                   \
                             : "rax", "rcx", "r11", "memory", "cc", ALL_VECTORS);                  \
        } else {                                                                                   \
            __asm__ volatile(EACH(LOAD_X) middle EACH(STORE_X)                                     \
                             :                                                                     \
                             : "r"(in), "r"(out)                                                   \
                             : "rax", "rcx", "r11", "memory", "cc", ALL_VECTORS);                  \
        }                                                                                          \
    } while (0)

static void fill(vectors v, uint64_t seed)
{
    for (unsigned i = 0; i < 64; i++) {
        v[i / 4][i % 4] = seed * 0x9e3779b97f4a7c15 + i * 0x123456789;
    }
}

static bool same(vectors a, vectors b)
{
    for (int i = 0; i < 16; i++) {
        if (memcmp(a[i], b[i], avx ? 32 : 16) != 0) {
            return false;
        }
    }
    return true;
}

static void check_system_calls(void)
{
    vectors in, out;

    fill(in, 1);
    memset(out, 0, sizeof(out));
    AROUND(in, out, "mov $39, %%eax\n\tsyscall\n\t");
    T_CHECK("vectors over getpid", same(in, out));
    AROUND(in, out, "mov $24, %%eax\n\tsyscall\n\t");
    T_CHECK("vectors over sched_yield", same(in, out));
    /* read(-1, ...), with whatever is in the other registers: EBADF. */
    AROUND(in, out, "push %%rdi\n\tmov $-1, %%edi\n\txor %%eax, %%eax\n\tsyscall\n\tpop %%rdi\n\t");
    T_CHECK("vectors over a failing call", same(in, out));
}

static volatile bool stop;
static volatile int bad;

static void *occupy(void *seed)
{
    vectors in, out;

    fill(in, (uint64_t)(uintptr_t)seed);
    while (!stop) {
        AROUND(in, out, "mov $20000, %%eax\n1:\tdec %%eax\n\tjnz 1b\n\t");
        if (!same(in, out)) {
            bad++;
        }
    }
    return NULL;
}

static void check_preemption(void)
{
    pthread_t threads[3];

    stop = false;
    for (uintptr_t i = 0; i < 3; i++) {
        T_MUST("thread", pthread_create(&threads[i], NULL, occupy, (void *)(i + 10)) == 0);
    }
    t_sleep_ms(150);
    stop = true;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    T_EQ("vectors of threads that preempt each other", bad, 0);
}

static volatile sig_atomic_t handled;

static void spoil(int sig)
{
    vectors other, out;

    (void)sig;
    fill(other, 99);
    AROUND(other, out, "");
    __asm__ volatile("fninit\n\tfldpi\n\tfldpi\n\tfldpi" : : : "st", "st(1)", "st(2)");
    unsigned mxcsr = 0x1fa0;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    handled++;
}

static void check_signals(void)
{
    struct sigaction act = {.sa_handler = spoil};
    vectors in, out;

    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGILL, &act, NULL);
    fill(in, 3);
    double before = strtod("2.5", NULL);
    raise(SIGUSR1);
    T_CHECK("doubles over raise", before * 2 == 5.0 && handled == 1);
    /* tgkill from assembly, so that nothing stands between the registers and the handler.
     * The calls come first: they would spoil the registers bound below. */
    long process = getpid(), thread = gettid();
    register long pid __asm__("rdi") = process;
    register long tid __asm__("rsi") = thread;
    register long sig __asm__("rdx") = SIGUSR1;
    if (avx) {
        __asm__ volatile(EACH(LOAD_Y) "mov $234, %%eax\n\tsyscall\n\t" EACH(STORE_Y)
                         :
                         : "r"(in), "r"(out), "r"(pid), "r"(tid), "r"(sig)
                         : "rax", "rcx", "r11", "memory", "cc", ALL_VECTORS);
    } else {
        __asm__ volatile(EACH(LOAD_X) "mov $234, %%eax\n\tsyscall\n\t" EACH(STORE_X)
                         :
                         : "r"(in), "r"(out), "r"(pid), "r"(tid), "r"(sig)
                         : "rax", "rcx", "r11", "memory", "cc", ALL_VECTORS);
    }
    T_CHECK("vectors over a handler that spoils them", handled == 2 && same(in, out));
}

static void check_control_words(void)
{
    unsigned mxcsr = 0x7f80, got = 0;
    unsigned short cw = 0x0e7f, got_cw = 0;
    double x = 1.25, back = 0;

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    __asm__ volatile("fldcw %0" : : "m"(cw));
    __asm__ volatile("fldl %0" : : "m"(x) : "st");
    syscall(SYS_sched_yield);
    raise(SIGUSR1);
    t_sleep_ms(2);
    __asm__ volatile("fstpl %0" : "=m"(back) : : "st");
    __asm__ volatile("stmxcsr %0" : "=m"(got));
    __asm__ volatile("fnstcw %0" : "=m"(got_cw));
    __asm__ volatile("fninit");
    mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    T_EQ("mxcsr", got, 0x7f80);
    T_EQ("the x87 control word", got_cw, 0x0e7f);
    T_CHECK("the x87 stack", back == 1.25);
}

static void *rounding_of_thread(void *result)
{
    *(int *)result = fegetround();
    return NULL;
}

static void check_rounding(void)
{
    pthread_t thread;
    int seen = -1;

    fesetround(FE_UPWARD);
    T_MUST("thread", pthread_create(&thread, NULL, rounding_of_thread, &seen) == 0);
    pthread_join(thread, NULL);
    volatile double third = 1.0, three = 3.0;
    T_CHECK("a new thread inherits the rounding mode", seen == FE_UPWARD);
    T_CHECK("and the mode is in force", third / three > 0.33333333333333331);
    fesetround(FE_TONEAREST);
}

int main(void)
{
    avx = __builtin_cpu_supports("avx");
    check_system_calls();
    check_preemption();
    check_signals();
    check_control_words();
    check_rounding();
    return t_done();
}
