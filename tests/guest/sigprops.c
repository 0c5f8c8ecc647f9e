// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of signals between processes: who gets what, what fork and exec do to it, signalfd and
 * timers of several processes. Linux says what each line must be.
 */
#include "tell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static int *word; /* shared by all processes */
static const struct timespec now = {0, 0};

static sigset_t set_of(int a, int b)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, a);
    sigaddset(&set, b);
    return set;
}

static long forge(int pid, int sig, int code)
{
    siginfo_t info = {.si_signo = sig, .si_code = code};

    return syscall(SYS_rt_sigqueueinfo, pid, sig, &info);
}

static int forged(void)
{
    TELL("sigqueueinfo as a kernel", forge(getppid(), SIGUSR1, SI_KERNEL));
    TELL("as kill", forge(getppid(), 0, SI_USER));
    TELL("as tkill", forge(getppid(), 0, SI_TKILL));
    TELL("as sigqueue", forge(getppid(), 0, SI_QUEUE));
    return 0;
}

static void arguments(void)
{
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    struct sigaction act = {.sa_handler = SIG_IGN};

    TELL("kill, signal 65", kill(getpid(), 65));
    TELL("kill, signal -1", kill(getpid(), -1));
    TELL("kill of nobody", kill(99999999, 0));
    TELL("kill of an unknown group", kill(-99999999, 0));
    TELL("kill of INT_MIN", kill((pid_t)0x80000000, 0));
    TELL("kill of its group, nothing", kill(0, 0));
    TELL("tgkill of a wrong group", syscall(SYS_tgkill, 1, gettid(), 0));
    TELL("tgkill of -1", syscall(SYS_tgkill, -1, gettid(), 0));
    TELL("tkill of 0", syscall(SYS_tkill, 0, 0));
    TELL("tkill, signal 65", syscall(SYS_tkill, gettid(), 65));
    TELL("sigaction of SIGKILL", sigaction(SIGKILL, &act, NULL));
    TELL("asking only", sigaction(SIGKILL, NULL, &act));
    TELL("sigaction of 0", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    TELL("sigaction, another size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16));
    TELL("sigprocmask, how", syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8));
    TELL("how without a set", syscall(SYS_rt_sigprocmask, 9, NULL, NULL, 8));
    TELL("another size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
    TELL("a bad address", syscall(SYS_rt_sigprocmask, SIG_BLOCK, 16, NULL, 8));
    TELL("sigpending, too large", syscall(SYS_rt_sigpending, &set, 16));
    TELL("sigtimedwait, ns", sigtimedwait(&set, NULL, &(struct timespec){0, 1000000000}));
    TELL("negative", sigtimedwait(&set, NULL, &(struct timespec){-1, 0}));
    TELL("nothing", sigtimedwait(&set, NULL, &now));
    TELL("signalfd, flags", signalfd(-1, &set, 1));
    TELL("signalfd of a file", signalfd(0, &set, 0));
    TELL("signalfd of nothing", signalfd(999, &set, 0));
    TELL("signalfd, another size", syscall(SYS_signalfd4, -1, &set, 16, 0));
    TELL("as sigqueue", forge(getpid(), 0, SI_QUEUE));
    TELL("sigaltstack, too small", sigaltstack(&(stack_t){.ss_sp = word, .ss_size = 100}, NULL));
    TELL("wrong flags", sigaltstack(&(stack_t){.ss_sp = word, .ss_flags = 99}, NULL));
}

/* A child that waits for signals and tells what came. */
static void senders(void)
{
    sigset_t set = set_of(SIGRTMIN, SIGUSR1), old;
    union sigval value = {.sival_int = 41};
    siginfo_t info;
    pid_t pid, parent = getpid();

    sigprocmask(SIG_BLOCK, &set, &old);
    pid = fork();
    if (pid == 0) {
        kill(parent, SIGUSR1);
        kill(parent, SIGUSR1);
        sigqueue(parent, SIGRTMIN, value);
        value.sival_int = 42;
        sigqueue(parent, SIGRTMIN, value);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    TELL("standard first", sigwaitinfo(&set, &info) == SIGUSR1);
    TELL("by kill", info.si_code);
    TELL("from the child", info.si_pid == pid);
    TELL("its user", info.si_uid == getuid());
    TELL("real-time, in order", sigwaitinfo(&set, &info) == SIGRTMIN);
    TELL("by sigqueue", info.si_code);
    TELL("value", info.si_value.sival_int);
    TELL("next", sigwaitinfo(&set, &info) == SIGRTMIN);
    TELL("value", info.si_value.sival_int);
    TELL("no more", sigtimedwait(&set, &info, &now));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static volatile sig_atomic_t count, last;

static void handler(int sig)
{
    count++;
    last = sig;
}

static void groups(void)
{
    sigset_t set = set_of(SIGUSR1, SIGUSR2), old;
    pid_t one, two;
    int status;

    sigprocmask(SIG_BLOCK, &set, &old);
    one = fork();
    if (one == 0) {
        setpgid(0, 0);
        sigwaitinfo(&set, NULL);
        _exit(1);
    }
    setpgid(one, one);
    two = fork();
    if (two == 0) {
        sigwaitinfo(&set, NULL);
        _exit(2);
    }
    setpgid(two, one);
    TELL("to a group", kill(-one, SIGUSR1));
    waitpid(one, &status, 0);
    TELL("the one", WEXITSTATUS(status));
    waitpid(two, &status, 0);
    TELL("the other", WEXITSTATUS(status));
    TELL("nobody is left", kill(-one, 0));
    TELL("not to us", sigtimedwait(&set, NULL, &now));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static int child_signalfd(int fd)
{
    struct signalfd_siginfo info;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, 0) != 0) { /* the parent's signal is not pending here */
        return 1;
    }
    raise(SIGUSR2);
    if (poll(&p, 1, 0) != 1 || read(fd, &info, sizeof(info)) != sizeof(info)) {
        return 2;
    }
    return info.ssi_signo == SIGUSR2 && info.ssi_pid == (unsigned)getpid() ? 50 : 3;
}

static void signalfds(void)
{
    sigset_t set = set_of(SIGUSR1, SIGUSR2), old;
    struct signalfd_siginfo info[3];
    int fd, status;
    pid_t pid;

    sigprocmask(SIG_BLOCK, &set, &old);
    fd = signalfd(-1, &set, SFD_NONBLOCK);
    raise(SIGUSR1);
    pid = fork();
    if (pid == 0) {
        _exit(child_signalfd(fd));
    }
    waitpid(pid, &status, 0);
    TELL("a child reads its own signals", WEXITSTATUS(status));
    TELL("too small", read(fd, info, sizeof(info[0]) - 1));
    raise(SIGUSR2);
    TELL("two at once", read(fd, info, sizeof(info)) / (long)sizeof(info[0]));
    TELL("in order", info[0].ssi_signo * 100 + info[1].ssi_signo);
    TELL("no more", read(fd, info, sizeof(info)));
    set = set_of(SIGUSR2, SIGUSR2);
    TELL("another set", signalfd(fd, &set, 0) == fd);
    raise(SIGUSR1);
    TELL("without it", read(fd, info, sizeof(info)));
    set = set_of(SIGUSR1, SIGUSR1);
    TELL("it is pending", sigtimedwait(&set, NULL, &now));
    TELL("write", write(fd, info, sizeof(info)));
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Executed: tells what came over execve(2). */
static int after_exec(void)
{
    sigset_t set;
    struct sigaction act;
    struct itimerval timer;
    stack_t stack;
    siginfo_t info;

    sigpending(&set);
    TELL("exec: pending for the process", sigismember(&set, SIGUSR1));
    TELL("for the thread", sigismember(&set, SIGUSR2));
    TELL("real-time", sigismember(&set, SIGRTMIN + 1));
    sigprocmask(SIG_BLOCK, NULL, &set);
    TELL("blocked", sigismember(&set, SIGUSR1) + sigismember(&set, SIGUSR2));
    set = set_of(SIGRTMIN + 1, SIGRTMIN + 1);
    TELL("taken", sigtimedwait(&set, &info, &now) == SIGRTMIN + 1);
    TELL("its value", info.si_value.sival_int);
    sigaction(SIGHUP, NULL, &act);
    TELL("a handler", act.sa_handler == SIG_DFL);
    TELL("its flags", act.sa_flags & (SA_RESETHAND | SA_RESTART));
    sigaction(SIGTERM, NULL, &act);
    TELL("ignored", act.sa_handler == SIG_IGN);
    sigaction(SIGCHLD, NULL, &act);
    TELL("SIGCHLD, ignored", act.sa_handler == SIG_IGN);
    getitimer(ITIMER_REAL, &timer);
    TELL("the interval timer goes on", timer.it_value.tv_sec > 900);
    TELL("POSIX timers", timer_delete((timer_t)(uintptr_t)0));
    sigaltstack(NULL, &stack);
    TELL("no other stack", stack.ss_flags == SS_DISABLE);
    TELL("pdeathsig", prctl(PR_GET_PDEATHSIG, &word) | (long)(int)(uintptr_t)word);
    return 60;
}

static int before_exec(void)
{
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    struct itimerval timer = {.it_value = {1000, 0}};
    struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESETHAND | SA_RESTART};
    static char stack[65536];
    timer_t t;

    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    raise(SIGUSR2);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 7});
    sigaction(SIGHUP, &act, NULL);
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    setitimer(ITIMER_REAL, &timer, NULL);
    timer_create(CLOCK_MONOTONIC, NULL, &t);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    execl("/proc/self/exe", "sigprops", "exec", NULL);
    return 1;
}

static int over_limit(void)
{
    sigset_t set = set_of(SIGRTMIN, SIGUSR1);
    union sigval value = {.sival_int = 0};

    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){3, 3});
    sigprocmask(SIG_BLOCK, &set, NULL);
    setuid(54321); /* who has nothing queued elsewhere */
    TELL("queued", sigqueue(getpid(), SIGRTMIN, value));
    TELL("queued", sigqueue(getpid(), SIGRTMIN, value));
    TELL("queued", sigqueue(getpid(), SIGRTMIN, value));
    TELL("over RLIMIT_SIGPENDING", sigqueue(getpid(), SIGRTMIN, value));
    TELL("kill comes through", kill(getpid(), SIGUSR1));
    TELL("taken", sigwaitinfo(&set, NULL) == SIGUSR1);
    TELL("taken", sigwaitinfo(&set, NULL) == SIGRTMIN);
    TELL("there is room", sigqueue(getpid(), SIGRTMIN, value));
    return 0;
}

static int not_permitted(void)
{
    pid_t parent = getppid(), own;

    if (setuid(54321) != 0) {
        return 1;
    }
    TELL("kill of another user's", kill(parent, 0));
    own = fork();
    if (own == 0) {
        pause();
    }
    TELL("of its own child", kill(own, SIGKILL));
    waitpid(own, NULL, 0);
    return 0;
}

static int interrupted(void)
{
    struct sigaction act = {.sa_handler = handler};
    sigset_t set = set_of(SIGUSR2, SIGUSR2);
    int ends[2];
    pid_t parent = getpid(), pid;
    char c;

    sigaction(SIGUSR1, &act, NULL);
    T_MUST("pipe", pipe(ends) == 0);
    pid = fork();
    if (pid == 0) { /* until the parent has counted all it waits for */
        while (word[1] == 0) {
            kill(parent, SIGUSR1);
            t_sleep_ms(1);
        }
        _exit(0);
    }
    TELL("read", read(ends[0], &c, 1));
    TELL("sigtimedwait", sigtimedwait(&set, NULL, &(struct timespec){1000, 0}));
    TELL("poll", poll(NULL, 0, 1000000));
    TELL("epoll_wait", epoll_wait(epoll_create1(0), &(struct epoll_event){0}, 1, 1000000));
    TELL("nanosleep", nanosleep(&(struct timespec){1000, 0}, NULL));
    TELL("waitpid", waitpid(pid, NULL, 0));
    TELL("pause", pause());
    TELL("open of a FIFO", open("fifo", O_RDONLY));
    act.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &act, NULL);
    TELL("SA_RESTART: poll", poll(NULL, 0, 1000000));
    TELL("SA_RESTART: epoll_wait",
         epoll_wait(epoll_create1(0), &(struct epoll_event){0}, 1, 1000000));
    TELL("SA_RESTART: nanosleep", nanosleep(&(struct timespec){1000, 0}, NULL));
    TELL("SA_RESTART: sigtimedwait", sigtimedwait(&set, NULL, &(struct timespec){1000, 0}));
    word[1] = 1;
    TELL("SA_RESTART: waitpid", waitpid(pid, NULL, 0) == pid);
    return 0;
}

static int itimers(void)
{
    struct itimerval timer = {.it_value = {0, 1000}}, old;
    sigset_t set = set_of(SIGALRM, SIGVTALRM), other = set_of(SIGPROF, SIGVTALRM);

    sigprocmask(SIG_BLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &other, NULL);
    TELL("ITIMER_REAL", setitimer(ITIMER_REAL, &timer, NULL));
    TELL("SIGALRM", sigwaitinfo(&set, NULL) == SIGALRM);
    TELL("is not set then", getitimer(ITIMER_REAL, &old) + old.it_value.tv_usec);
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    setitimer(ITIMER_PROF, &timer, NULL);
    for (int got = 0; got != 2;) {
        got += sigtimedwait(&other, NULL, &now) > 0;
    }
    TELL("another timer", setitimer(9, &timer, NULL));
    timer.it_value.tv_usec = 1000000;
    TELL("too many us", setitimer(ITIMER_REAL, &timer, NULL));
    TELL("alarm", alarm(1000));
    TELL("what was left", alarm(0) > 900);
    return 0;
}

static int resethand(void)
{
    struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESETHAND};

    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    raise(SIGUSR1);
    return 1;
}

static int pipe_default(void)
{
    int ends[2];

    T_MUST("pipe", pipe(ends) == 0);
    close(ends[0]);
    return (int)write(ends[1], "x", 1);
}

static int mask_in_handler(void)
{
    sigset_t blocked;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    return sigismember(&blocked, SIGKILL) + sigismember(&blocked, SIGSTOP);
}

static int block_everything(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return mask_in_handler();
}

static int segv_blocked(void)
{
    sigset_t set = set_of(SIGSEGV, SIGSEGV);

    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGSEGV, handler);
    *(volatile int *)(uintptr_t)word[9] = 1;
    return 1;
}

int main(int argc, char *argv[])
{
    (void)argv;
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc == 2) {
        return after_exec();
    }
    t_scratch();
    T_MUST("fifo", mkfifo("fifo", 0600) == 0);
    arguments();
    senders();
    groups();
    signalfds();
    tell_child("forged", forged);
    tell_child("executed", before_exec);
    tell_child("limited", over_limit);
    tell_child("another user", not_permitted);
    tell_child("interrupted", interrupted);
    tell_child("timers", itimers);
    tell_child("RESETHAND", resethand);
    tell_child("SIGPIPE", pipe_default);
    tell_child("SIGKILL cannot be blocked", block_everything);
    tell_child("a fault that is blocked", segv_blocked);
    return t_done();
}
