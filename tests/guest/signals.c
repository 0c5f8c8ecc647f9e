// SPDX-License-Identifier: Apache-2.0
/*
 * Signals: sigaction and its flags, masks, pending signals, order, sigsuspend, the alternate
 * stack, what is interrupted and what restarts.
 */
#include "t.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static volatile sig_atomic_t count, depth, deepest, last;
static volatile bool blocked_self, blocked_other, on_stack;
static char alternate[32768];

static void handler(int sig)
{
    sigset_t now;
    char here;

    count++;
    last = sig;
    sigprocmask(SIG_BLOCK, NULL, &now);
    blocked_self = sigismember(&now, sig);
    blocked_other = sigismember(&now, SIGUSR2);
    on_stack = &here >= alternate && &here < alternate + sizeof(alternate);
}

static void nesting(int sig)
{
    depth++;
    if (depth > deepest) {
        deepest = depth;
    }
    count++;
    if (count < 3) {
        raise(sig);
    }
    depth--;
}

static void install(int sig, void (*function)(int), int flags, int extra)
{
    struct sigaction act = {.sa_handler = function, .sa_flags = flags};

    if (extra) {
        sigaddset(&act.sa_mask, extra);
    }
    count = deepest = 0;
    T_MUST("sigaction", sigaction(sig, &act, NULL) == 0);
}

static void check_flags(void)
{
    struct sigaction old;

    install(SIGUSR1, handler, 0, SIGUSR2);
    T_EQ("raise", raise(SIGUSR1), 0);
    T_EQ("handled before raise returns", count, 1);
    T_CHECK("blocked meanwhile, with its mask", blocked_self && blocked_other);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    T_CHECK("and not afterwards", !sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
    T_EQ("sigaction tells", sigaction(SIGUSR1, NULL, &old), 0);
    T_CHECK("what is installed", old.sa_handler == handler && sigismember(&old.sa_mask, SIGUSR2));
    install(SIGUSR1, handler, SA_NODEFER, 0);
    raise(SIGUSR1);
    T_CHECK("NODEFER does not block", count == 1 && !blocked_self);
    install(SIGUSR1, nesting, SA_NODEFER, 0);
    raise(SIGUSR1);
    T_CHECK("NODEFER nests", count == 3 && deepest == 3);
    install(SIGUSR1, nesting, 0, 0);
    raise(SIGUSR1);
    T_CHECK("without, one after the other", count == 3 && deepest == 1);
    install(SIGUSR1, handler, (int)SA_RESETHAND, 0);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    T_CHECK("RESETHAND", count == 1 && old.sa_handler == SIG_DFL);
    install(SIGUSR1, SIG_IGN, 0, 0);
    T_CHECK("ignored", raise(SIGUSR1) == 0 && count == 0);
    install(SIGCHLD, SIG_DFL, 0, 0);
    T_EQ("SIGCHLD is ignored by default", raise(SIGCHLD) | raise(SIGURG) | raise(SIGWINCH), 0);
    T_ERR("SIGKILL", sigaction(SIGKILL, &(struct sigaction){.sa_handler = handler}, NULL), EINVAL);
    T_ERR("SIGSTOP", sigaction(SIGSTOP, &(struct sigaction){.sa_handler = handler}, NULL), EINVAL);
    T_ERR("signal 65", kill(getpid(), 65), EINVAL);
    T_ERR("signal 0 to nobody", kill(4194000, 0), ESRCH);
    T_EQ("signal 0 to oneself", kill(getpid(), 0), 0);
}

static void check_masks(void)
{
    sigset_t set, old, pending;

    install(SIGUSR1, handler, 0, 0);
    install(SIGUSR2, handler, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    T_EQ("block", sigprocmask(SIG_BLOCK, &set, &old), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    T_EQ("none arrives", count, 0);
    T_EQ("sigpending", sigpending(&pending), 0);
    T_CHECK("both are pending", sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2));
    T_EQ("unblock", sigprocmask(SIG_SETMASK, &old, NULL), 0);
    T_EQ("each arrives once", count, 2);
    sigpending(&pending);
    T_CHECK("none is pending", !sigismember(&pending, SIGUSR1));
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigprocmask(SIG_SETMASK, NULL, &set);
    T_CHECK("SIGKILL and SIGSTOP cannot be blocked",
            !sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP));
    sigprocmask(SIG_SETMASK, &old, NULL);
    T_ERR("an unknown operation", sigprocmask(77, &set, NULL), EINVAL);
    T_ERR("a wrong set size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
}

static void check_suspend(void)
{
    sigset_t block, none, now;

    install(SIGUSR1, handler, 0, 0);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    T_ERR("sigsuspend", sigsuspend(&none), EINTR);
    T_EQ("let it in", count, 1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    T_CHECK("and put the mask back", sigismember(&now, SIGUSR1));
    raise(SIGUSR1);
    int got = 0;
    T_EQ("sigwait", sigwait(&block, &got), 0);
    T_CHECK("takes it without a handler", got == SIGUSR1 && count == 1);
    struct timespec ts = {0, 5000000};
    T_ERR("sigtimedwait", sigtimedwait(&block, NULL, &ts), EAGAIN);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static void check_alternate_stack(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

    T_EQ("sigaltstack", sigaltstack(&stack, NULL), 0);
    install(SIGUSR1, handler, 0, 0);
    raise(SIGUSR1);
    T_CHECK("not without ONSTACK", count == 1 && !on_stack);
    install(SIGUSR1, handler, SA_ONSTACK, 0);
    raise(SIGUSR1);
    T_CHECK("with ONSTACK", count == 1 && on_stack);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    raise(SIGUSR1);
    T_CHECK("not when disabled", count == 2 && !on_stack);
}

static int ends[2];
static volatile bool reading_done;

static void *reader(void *result)
{
    char c;
    long n = read(ends[0], &c, 1);

    *(long *)result = n < 0 ? -errno : n;
    reading_done = true;
    return NULL;
}

/* A read blocks in another thread. That thread is sent a signal, again and again until one has
 * interrupted the read. */
static long interrupted_read(int flags)
{
    pthread_t thread;
    long result = -1;

    install(SIGUSR1, handler, flags, 0);
    reading_done = false;
    T_MUST("thread", pthread_create(&thread, NULL, reader, &result) == 0);
    for (int i = 0; i < 20 || ((flags & SA_RESTART) == 0 && !reading_done); i++) {
        t_sleep_ms(2);
        pthread_kill(thread, SIGUSR1);
    }
    if (flags & SA_RESTART) {
        T_CHECK("still reading after signals", !reading_done && count > 0);
        T_MUST("write", write(ends[1], "x", 1) == 1);
    }
    pthread_join(thread, NULL);
    return result;
}

static void check_restart(void)
{
    T_MUST("pipe", pipe(ends) == 0);
    T_EQ("without RESTART a read ends with EINTR", interrupted_read(0), -EINTR);
    T_EQ("with RESTART it goes on", interrupted_read(SA_RESTART), 1);
}

static void check_threads(void)
{
    sigset_t set, old;

    /* This thread blocks the signal, so a signal that is sent to it waits. */
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    install(SIGUSR1, handler, 0, 0);
    T_EQ("tgkill", syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
    T_EQ("is blocked", count, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    T_EQ("and then arrives", count, 1);
    T_EQ("tkill", syscall(SYS_tkill, gettid(), SIGUSR1) == 0 && count == 2, 1);
    T_ERR("tgkill of nobody", syscall(SYS_tgkill, getpid(), 4194000, SIGUSR1), ESRCH);
    T_ERR("tgkill of thread 0", syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
    T_ERR("kill of an unknown group", kill(-4194000, SIGUSR1), ESRCH);
}

int main(void)
{
    check_flags();
    check_masks();
    check_suspend();
    check_alternate_stack();
    check_restart();
    check_threads();
    T_EQ("the last signal seen", last, SIGUSR1);
    return t_done();
}
