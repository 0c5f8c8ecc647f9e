// SPDX-License-Identifier: Apache-2.0
/*
 * The stack: it grows to its limit, its end is a fault that a handler on the alternate stack can
 * catch, in the main thread and in others, and the program goes on afterwards.
 */
#include "t.h"
#include "fault.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static char alternate[64 * 1024] __attribute__((aligned(16)));
static volatile bool on_alternate;
static volatile uintptr_t deepest;

static void handler(int sig, siginfo_t *info, void *context)
{
    char here;

    (void)context;
    stack_t now;
    sigaltstack(NULL, &now);
    on_alternate = &here >= (char *)now.ss_sp && &here < (char *)now.ss_sp + now.ss_size &&
                   (now.ss_flags & SS_ONSTACK) != 0;
    t_fault.sig = sig;
    t_fault.addr = info->si_addr;
    siglongjmp(t_fault_back, 1);
}

static void install(void)
{
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaction(SIGSEGV, &act, NULL);
}

/* Not a tail call: the buffer is used after the call. */
__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile char frame[512];

    frame[0] = (char)depth;
    deepest = (uintptr_t)frame;
    if (depth == UINT32_MAX) {
        return 0;
    }
    return recurse(depth + 1) + (unsigned char)frame[0];
}

static bool overflow(void)
{
    t_fault.sig = 0;
    if (sigsetjmp(t_fault_back, 1) == 0) {
        recurse(0);
    }
    uintptr_t distance = (uintptr_t)t_fault.addr > deepest ? (uintptr_t)t_fault.addr - deepest
                                                           : deepest - (uintptr_t)t_fault.addr;
    return t_fault.sig == SIGSEGV && on_alternate && distance < 8192;
}

static void check_main_thread(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    stack_t old;

    T_EQ("sigaltstack", sigaltstack(&stack, &old), 0);
    T_CHECK("there was none before", (old.ss_flags & SS_DISABLE) != 0);
    T_CHECK("the main stack overflows into a handler", overflow());
    T_CHECK("and again", overflow());
    T_EQ("sigaltstack now", sigaltstack(NULL, &old), 0);
    T_CHECK("it is set and not in use", old.ss_flags == 0 && old.ss_sp == alternate);
    stack.ss_size = 100;
    T_ERR("too small", sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_flags = 0x55;
    T_ERR("unknown flags", sigaltstack(&stack, NULL), EINVAL);
    stack = (stack_t){.ss_flags = SS_DISABLE};
    T_EQ("disabled", sigaltstack(&stack, NULL), 0);
}

static void *thread_overflows(void *own)
{
    stack_t stack = {.ss_sp = own, .ss_size = 64 * 1024};
    stack_t old;
    bool none = sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0;

    sigaltstack(&stack, NULL);
    return none && overflow() && overflow() ? own : NULL;
}

static void check_thread(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    void *result = NULL;
    void *own = malloc(64 * 1024);

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    T_MUST("thread", pthread_create(&thread, &attr, thread_overflows, own) == 0);
    pthread_join(thread, &result);
    T_CHECK("a thread's stack overflows into its handler", result == own);
}

__attribute__((noinline)) static unsigned deep(unsigned levels)
{
    volatile char frame[1024];

    frame[0] = frame[1023] = 1;
    return levels == 0 ? 0 : deep(levels - 1) + (unsigned char)frame[1023];
}

static void check_depth(void)
{
    struct rlimit limit;

    T_EQ("RLIMIT_STACK", getrlimit(RLIMIT_STACK, &limit), 0);
    T_CHECK("it is at least 1 MiB", limit.rlim_cur >= 1 << 20);
    /* 6 MiB of the usual 8. */
    unsigned levels = limit.rlim_cur >= 8 << 20 ? 6 * 1024 - 512 : 512;
    T_EQ("deep recursion", deep(levels), levels);
}

int main(void)
{
    install();
    check_depth();
    check_main_thread();
    check_thread();
    return t_done();
}
