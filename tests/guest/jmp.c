// SPDX-License-Identifier: Apache-2.0
/*
 * Non-local jumps and stacks of one's own: setjmp, sigsetjmp and the mask, makecontext and
 * swapcontext, alloca and large frames, functions with many arguments, long double arithmetic.
 */
#include "t.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static jmp_buf env;
static sigjmp_buf sigenv;

__attribute__((noinline)) static void jump_from(int depth)
{
    volatile char frame[256];

    frame[0] = (char)depth;
    if (depth == 0) {
        longjmp(env, 5);
    }
    if (depth > 0) {
        jump_from(depth - 1);
    }
    frame[1] = frame[0];
}

static void check_setjmp(void)
{
    volatile int passes = 0;
    int value = setjmp(env);

    passes = passes + 1;
    if (value == 0) {
        jump_from(100);
    }
    T_EQ("longjmp out of 100 frames", value, 5);
    T_EQ("comes back once", passes, 2);
    passes = 0;
    value = setjmp(env);
    if (passes < 1000) {
        passes = passes + 1;
        longjmp(env, 0);
    }
    T_EQ("a thousand times; 0 becomes 1", value, 1);
}

static void handler(int sig)
{
    siglongjmp(sigenv, sig);
}

static bool is_blocked(int sig)
{
    sigset_t now;

    sigprocmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, sig) == 1;
}

static void check_sigsetjmp(void)
{
    struct sigaction act = {.sa_handler = handler};
    volatile int times = 0;

    sigaction(SIGUSR1, &act, NULL);
    int value = sigsetjmp(sigenv, 1);
    times = times + 1;
    if (times <= 100) {
        raise(SIGUSR1);
    }
    T_EQ("siglongjmp out of a handler", value, SIGUSR1);
    T_EQ("as often as one likes", times, 101);
    T_CHECK("the mask comes back", !is_blocked(SIGUSR1));
    if (sigsetjmp(sigenv, 0) == 0) {
        raise(SIGUSR1);
    }
    T_CHECK("or stays, when it was not saved", is_blocked(SIGUSR1));
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

static ucontext_t main_context, contexts[2];
static int trace[64], traced;

static void coroutine(int which, int turns)
{
    for (int i = 0; i < turns; i++) {
        trace[traced++] = which * 10 + i;
        swapcontext(&contexts[which], &contexts[1 - which]);
    }
}

static bool alternating(void)
{
    for (int i = 0; i < 10; i++) {
        if (trace[i] != i % 2 * 10 + i / 2) {
            return false;
        }
    }
    return true;
}

static void check_contexts(void)
{
    for (int i = 0; i < 2; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_size = 65536;
        contexts[i].uc_stack.ss_sp =
            mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        contexts[i].uc_link = &main_context;
        makecontext(&contexts[i], (void (*)(void))(uintptr_t)coroutine, 2, i, 5);
    }
    swapcontext(&main_context, &contexts[0]);
    T_EQ("coroutines ran to their end", traced, 10);
    T_CHECK("in turns", alternating());
}

__attribute__((noinline)) static size_t use_alloca(size_t size)
{
    char *p = __builtin_alloca(size);

    memset(p, 1, size);
    __asm__ volatile("" : : "r"(p) : "memory");
    return (size_t)p[0] + (size_t)p[size - 1];
}

__attribute__((noinline)) static double many(int a, double b, long c, float d, int e, int f, int g,
                                             int h, int i, double j, long double k, char l)
{
    return a + b + (double)c + (double)d + e + f + g + h + i + j + (double)k + l;
}

static void check_language(void)
{
    volatile long double x = 2.0L;
    volatile double y = 0.5;

    T_EQ("alloca of 1 MiB", use_alloca(1 << 20), 2);
    T_CHECK("twelve arguments", many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) == 78);
    T_CHECK("long double", sqrtl(x) * sqrtl(x) - 2.0L < 1e-18L && (double)expl(0.0L) == 1.0);
    T_CHECK("math functions", sin(y) * sin(y) + cos(y) * cos(y) > 0.999999999 &&
                                  pow(2.0, 10.0) == 1024.0 && fma(y, y, y) == 0.75);
    T_CHECK("quiet NaN and infinity", isnan(sqrt(-y)) && isinf(y / (y - 0.5)));
    char text[512];
    snprintf(text, sizeof(text), "%.17g %a %Lg %e", 0.1, 1.5, x, 1e300);
    T_STR("printed", text, "0.10000000000000001 0x1.8p+0 2 1.000000e+300");
    T_CHECK("parsed", strtod("1e-320", NULL) > 0 && strtol("-0x7f", NULL, 16) == -127);
}

int main(void)
{
    check_setjmp();
    check_sigsetjmp();
    check_contexts();
    check_language();
    return t_done();
}
