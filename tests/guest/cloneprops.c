// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of clone(2), clone3(2), wait(2) and exit: what is refused, what is shared and what is
 * inherited, who is told. Linux says what each line must be.
 */
#include "tell.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static long raw_clone(unsigned long flags)
{
    return syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
}

/* The pid of a child that a raw call has made, which ends at once. */
static long ended_child(unsigned long flags)
{
    long pid = raw_clone(flags);

    if (pid == 0) {
        _exit(5);
    }
    return pid;
}

static void refused_flags(void)
{
    TELL("SIGHAND without VM", raw_clone(CLONE_SIGHAND | SIGCHLD));
    TELL("THREAD without SIGHAND", raw_clone(CLONE_THREAD | CLONE_VM | SIGCHLD));
    TELL("NEWNS with FS", raw_clone(CLONE_NEWNS | CLONE_FS | SIGCHLD));
    TELL("PIDFD with PARENT_SETTID", raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD));
    TELL("PIDFD with DETACHED", raw_clone(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD));
}

static long clone3_of(struct clone_args *args, size_t size)
{
    long pid = syscall(SYS_clone3, args, size);

    if (pid == 0) {
        _exit(6);
    }
    if (pid > 0) {
        int status = 0;
        waitpid((pid_t)pid, &status, __WALL);
        return WEXITSTATUS(status);
    }
    return pid;
}

static void refused_clone3(void)
{
    struct {
        struct clone_args a;
        char more[4096];
    } x = {.a = {.exit_signal = SIGCHLD}};

    TELL("clone3 of 64 bytes", clone3_of(&x.a, 64));
    TELL("of 63", clone3_of(&x.a, 63));
    TELL("of a page", clone3_of(&x.a, 4096));
    TELL("of more than a page", clone3_of(&x.a, 4097));
    x.more[0] = 1;
    TELL("with more that is set", clone3_of(&x.a, sizeof(x.a) + 8));
    x.a.exit_signal = 65;
    TELL("signal 65", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.exit_signal = SIGCHLD, .stack = 4096};
    TELL("a stack without a size", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.exit_signal = SIGCHLD, .stack_size = 4096};
    TELL("a size without a stack", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.flags = SIGCHLD};
    TELL("a signal in the flags", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.flags = CLONE_DETACHED, .exit_signal = SIGCHLD};
    TELL("DETACHED", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.exit_signal = SIGCHLD, .set_tid_size = 1};
    TELL("set_tid_size without set_tid", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&x.more};
    TELL("set_tid without size", clone3_of(&x.a, sizeof(x.a)));
    TELL("no memory", syscall(SYS_clone3, 16, sizeof(x.a)));
    x.a = (struct clone_args){.exit_signal = 0};
    TELL("no signal", clone3_of(&x.a, sizeof(x.a)));
    x.a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM,
                              .exit_signal = SIGCHLD};
    TELL("CLEAR_SIGHAND with SIGHAND", clone3_of(&x.a, sizeof(x.a)));
}

static void handler(int sig)
{
    (void)sig;
}

static void clear_sighand(void)
{
    struct clone_args a = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    struct sigaction one, two;
    int status = 0;
    long pid;

    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0) {
        sigaction(SIGUSR1, NULL, &one);
        sigaction(SIGUSR2, NULL, &two);
        _exit((one.sa_handler == SIG_DFL) + 2 * (two.sa_handler == SIG_IGN));
    }
    if (TELL("CLEAR_SIGHAND", pid > 0) == 1) {
        waitpid((pid_t)pid, &status, 0);
    }
    TELL("a handler is gone, what is ignored stays", WEXITSTATUS(status));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static int *word;

static void tids(void)
{
    long pid;
    int status;

    word[0] = word[1] = 7;
    pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, &word[0],
                  &word[1], 0);
    if (pid == 0) {
        _exit(word[0] == getpid() ? 3 : 4);
    }
    waitpid((pid_t)pid, &status, 0);
    TELL("PARENT_SETTID is there for both", WEXITSTATUS(status));
    TELL("is the pid", word[0] == pid);
    word[1] = 7;
    pid = syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL, &word[1], 0);
    if (pid == 0) {
        _exit(word[1] == getpid() ? 3 : 4);
    }
    waitpid((pid_t)pid, &status, 0);
    TELL("CHILD_SETTID", WEXITSTATUS(status));
}

static void other_signals(void)
{
    sigset_t set, old;
    siginfo_t info;
    long pid;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid = ended_child(SIGUSR1);
    TELL("a child that sends SIGUSR1", sigwaitinfo(&set, &info) == SIGUSR1);
    TELL("code", info.si_code);
    TELL("from it", info.si_pid == pid);
    TELL("wait", waitpid(-1, NULL, WNOHANG));
    TELL("WCLONE", waitpid(-1, NULL, __WCLONE) == pid);
    pid = ended_child(0);
    TELL("one that sends nothing", waitpid((pid_t)pid, NULL, 0));
    TELL("WALL", waitpid((pid_t)pid, NULL, __WALL) == pid);
    pid = ended_child(SIGCHLD);
    TELL("WCLONE does not find others", waitpid((pid_t)pid, NULL, __WCLONE));
    TELL("they are there", waitpid((pid_t)pid, NULL, 0) == pid);
    TELL("one SIGCHLD", sigtimedwait(&set, &info, &(struct timespec){0, 0}) == SIGCHLD);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void siblings(void)
{
    pid_t child = fork(), pid;
    int status;

    if (child == 0) {
        long sibling = raw_clone(CLONE_PARENT | SIGCHLD);
        if (sibling == 0) {
            _exit(getppid() == word[5] ? 8 : 9);
        }
        _exit(waitpid((pid_t)sibling, NULL, __WALL) == -1 && errno == ECHILD ? 1 : 2);
    }
    for (int i = 0; i < 2; i++) {
        pid = waitpid(-1, &status, 0);
        word[pid == child ? 2 : 3] = WEXITSTATUS(status);
    }
    TELL("it cannot wait for its sibling", word[2]);
    TELL("whose parent is the parent", word[3]);
}

static void shared_files(void)
{
    int fd = open("/dev/null", O_RDONLY), status;
    long pid = raw_clone(CLONE_FILES | SIGCHLD);

    if (pid == 0) {
        close(fd);
        _exit(open("/dev/zero", O_RDONLY));
    }
    waitpid((pid_t)pid, &status, 0);
    TELL("FILES: the child's file is here", fcntl(WEXITSTATUS(status), F_GETFD));
    close(fd);
    TELL("the same number", WEXITSTATUS(status) == fd);
    mkdir("below", 0700);
    pid = raw_clone(CLONE_FS | SIGCHLD);
    if (pid == 0) {
        umask(077);
        _exit(chdir("below"));
    }
    waitpid((pid_t)pid, &status, 0);
    TELL("FS: the mask is shared", umask(022));
    TELL("and the directory", chdir("../below") | chdir(".."));
}

static int inherits_limits(void)
{
    struct rlimit r;
    struct itimerval i;
    sigset_t pending;

    getrlimit(RLIMIT_NOFILE, &r);
    getitimer(ITIMER_REAL, &i);
    sigpending(&pending);
    return (r.rlim_cur == 77) + 2 * (i.it_value.tv_sec == 0 && i.it_value.tv_usec == 0) +
           4 * !sigismember(&pending, SIGUSR1) + 8 * (getpriority(PRIO_PROCESS, 0) == 4) +
           16 * (prctl(PR_GET_PDEATHSIG, &word[9]) == 0 && word[9] == 0);
}

static int inherits_prctl(void)
{
    char name[17] = "";
    int subreaper = 7;

    prctl(PR_GET_NAME, name);
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    return (strcmp(name, "named") == 0) + 2 * (subreaper == 0) +
           4 * (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) + 8 * (prctl(PR_GET_DUMPABLE) == 0);
}

static int tell_inherited(void)
{
    struct itimerval i = {.it_value = {1000, 0}};
    sigset_t set;

    setrlimit(RLIMIT_NOFILE, &(struct rlimit){77, 80});
    setitimer(ITIMER_REAL, &i, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    setpriority(PRIO_PROCESS, 0, 4);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    tell_child("limits, no timer, nothing pending, nice, no signal of death", inherits_limits);
    prctl(PR_SET_NAME, "named");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    tell_child("name, no subreaper, no_new_privs, dumpable", inherits_prctl);
    return 0;
}

static void wait_arguments(void)
{
    siginfo_t info;

    TELL("no child", waitpid(-1, NULL, 0));
    TELL("nor with WNOHANG", waitpid(-1, NULL, WNOHANG));
    TELL("not a child", waitpid(1, NULL, 0));
    TELL("a wrong option", waitpid(-1, NULL, 0x100));
    TELL("INT_MIN", waitpid((pid_t)0x80000000, NULL, 0));
    TELL("waitid without a state", waitid(P_ALL, 0, &info, 0));
    TELL("waitid with a wrong kind", waitid((idtype_t)99, 0, &info, WEXITED));
    TELL("waitid of pid 0", waitid(P_PID, 0, &info, WEXITED));
    TELL("waitid of pid -1", waitid(P_PID, (id_t)-1, &info, WEXITED));
    TELL("waitid of a wrong pidfd", waitid(P_PIDFD, 999, &info, WEXITED));
    TELL("waitid of its group", waitid(P_PGID, 0, &info, WEXITED));
    TELL("wait4, a wrong option", wait4(-1, NULL, WNOWAIT, NULL));
}

static void wait_states(void)
{
    siginfo_t info = {.si_pid = 9};
    int ends[2], status;
    pid_t pid;

    T_MUST("pipe", pipe(ends) == 0);
    pid = fork();
    if (pid == 0) {
        char c;
        close(ends[1]);
        _exit(read(ends[0], &c, 1) == 0 ? 300 & 0xff : 1);
    }
    TELL("waitid, not yet", waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
    TELL("no pid", info.si_pid);
    close(ends[1]);
    TELL("waitid, and look only", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    TELL("code", info.si_code);
    TELL("status", info.si_status);
    TELL("signal", info.si_signo);
    TELL("kill a zombie", kill(pid, SIGTERM));
    TELL("its group", getpgid(pid) == getpgid(0));
    TELL("its session", getsid(pid) == getsid(0));
    TELL("without a place for the status", waitpid(pid, NULL, 0) == pid);
    TELL("kill when it is gone", kill(pid, 0));
    TELL("its group then", getpgid(pid));
    pid = fork();
    if (pid == 0) {
        raise(SIGKILL);
    }
    TELL("a bad address", syscall(SYS_wait4, pid, 16, 0, NULL));
    TELL("took it all the same", waitpid(pid, &status, 0));
    close(ends[0]);
}

static void *exits_group(void *arg)
{
    syscall(SYS_exit_group, 44);
    return arg;
}

static int thread_ends_group(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, exits_group, NULL);
    pthread_join(thread, NULL);
    return 45;
}

static int killed_by_int(void)
{
    raise(SIGINT);
    return 0;
}

static int status_256(void)
{
    syscall(SYS_exit_group, 256 + 17);
    return 0;
}

static int ignored_children(void)
{
    pid_t pid;

    signal(SIGCHLD, SIG_IGN);
    pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    return waitpid(pid, NULL, 0) == -1 && errno == ECHILD ? 70 : 71;
}

static int no_zombies(void)
{
    struct sigaction act = {.sa_handler = handler, .sa_flags = SA_NOCLDWAIT};
    pid_t pid;

    sigaction(SIGCHLD, &act, NULL);
    pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    while (waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
    }
    return errno == ECHILD ? 72 : 73;
}

int main(void)
{
    t_scratch();
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    word[5] = getpid();
    refused_flags();
    refused_clone3();
    clear_sighand();
    tids();
    other_signals();
    siblings();
    shared_files();
    tell_child("inherited", tell_inherited);
    wait_arguments();
    wait_states();
    tell_child("another thread ends all", thread_ends_group);
    tell_child("SIGINT", killed_by_int);
    tell_child("eight bits", status_256);
    tell_child("ignored children", ignored_children);
    tell_child("SA_NOCLDWAIT", no_zombies);
    return t_done();
}
