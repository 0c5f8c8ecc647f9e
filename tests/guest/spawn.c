// SPDX-License-Identifier: Apache-2.0
/*
 * Child processes that execute a program: vfork and posix_spawn, the ways in which they end,
 * waiting for them in all forms, what they inherit (descriptors, directory, mask, environment),
 * pipes between them, orphans, groups and sessions. The program executes itself; its first argument
 * says what the child does.
 */
#include "t.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>

extern char **environ;
static char self[4096];

static int child_numbers(void)
{
    char line[128];

    snprintf(line, sizeof(line), "%d %d %d", getpid() == getpgrp(), getpid() == getsid(0),
             getppid() > 0);
    return puts(line) == EOF;
}

static int child_fds(void)
{
    for (int fd = 3; fd < 16; fd++) {
        printf("%d", fcntl(fd, F_GETFD) >= 0);
    }
    return puts("") == EOF;
}

static int child_place(void)
{
    char at[4096];

    if (getcwd(at, sizeof(at)) == NULL) {
        return 1;
    }
    printf("%s %03o %s\n", strrchr(at, '/') + 1, (unsigned)umask(0), getenv("SPAWNED"));
    return 0;
}

/* Memory of all kinds that is the child's own: a parent would find it changed. */
static int child_memory(void)
{
    static char data[1 << 16] = "x";
    char *heap = malloc(3 << 20), *mapped;

    mapped = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (heap == NULL || mapped == MAP_FAILED) {
        return 1;
    }
    memset(data, 1, sizeof(data));
    memset(heap, 2, 3 << 20);
    memset(mapped, 3, 4 << 20);
    return heap[1 << 20] + mapped[1 << 20] + data[1 << 15] == 6 ? 0 : 1;
}

static int child_orphan(const char *fd)
{
    char line[32];

    if (vfork() == 0) {
        execl(self, self, "adopted", fd, NULL);
        _exit(1);
    }
    snprintf(line, sizeof(line), "parent %d\n", getpid());
    return 0;
}

static int child_adopted(const char *fd)
{
    int parent = getppid();

    for (int i = 0; i < 1000 && getppid() == parent && i < 200; i++) {
        usleep(1000);
    }
    return write(atoi(fd), "orphan lives\n", 13) != 13;
}

static int child(char **argv)
{
    const char *what = argv[1];

    if (strcmp(what, "exit") == 0) {
        return atoi(argv[2]);
    }
    if (strcmp(what, "signal") == 0) {
        raise(atoi(argv[2]));
        return 1;
    }
    if (strcmp(what, "segv") == 0) {
        volatile uintptr_t nowhere = 8;
        *(volatile char *)nowhere = 1;
    }
    if (strcmp(what, "cat") == 0) {
        char text[256];
        for (ssize_t n; (n = read(0, text, sizeof(text))) > 0;) {
            if (write(1, text, (size_t)n) != n) {
                return 1;
            }
        }
        return 0;
    }
    if (strcmp(what, "sleep") == 0) {
        sleep(100);
    }
    return strcmp(what, "numbers") == 0   ? child_numbers()
           : strcmp(what, "fds") == 0     ? child_fds()
           : strcmp(what, "place") == 0   ? child_place()
           : strcmp(what, "memory") == 0  ? child_memory()
           : strcmp(what, "orphan") == 0  ? child_orphan(argv[2])
           : strcmp(what, "adopted") == 0 ? child_adopted(argv[2])
                                          : 9;
}

/* What posix_spawn() takes as its arguments, which it does not change. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static pid_t start(const char *what, const char *argument)
{
    char *argv[] = {self, text_of(what), text_of(argument), NULL};
    pid_t pid;

    T_MUST("posix_spawn", posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    return status;
}

/* What a child prints. */
static char *output(const char *what, posix_spawnattr_t *attributes)
{
    static char text[256];
    char *argv[] = {self, text_of(what), NULL};
    posix_spawn_file_actions_t actions;
    int fds[2];
    pid_t pid;
    ssize_t n, size = 0;

    T_MUST("pipe", pipe2(fds, O_CLOEXEC) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    T_MUST("spawn", posix_spawn(&pid, self, &actions, attributes, argv, environ) == 0);
    close(fds[1]);
    while ((n = read(fds[0], text + size, sizeof(text) - 1 - (size_t)size)) > 0) {
        size += n;
    }
    text[size] = '\0';
    close(fds[0]);
    T_MUST("its status", wait_for(pid) == 0);
    posix_spawn_file_actions_destroy(&actions);
    return text;
}

static void check_ends(void)
{
    int status;

    status = wait_for(start("exit", "0"));
    T_CHECK("exit 0", WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = wait_for(start("exit", "77"));
    T_CHECK("exit 77", WIFEXITED(status) && WEXITSTATUS(status) == 77);
    status = wait_for(start("exit", "511"));
    T_EQ("only eight bits of the status", WEXITSTATUS(status), 255);
    status = wait_for(start("signal", "15"));
    T_CHECK("SIGTERM", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = wait_for(start("signal", "9"));
    T_CHECK("SIGKILL", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = wait_for(start("segv", NULL));
    T_CHECK("SIGSEGV", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    T_EQ("memory of its own", wait_for(start("memory", NULL)), 0);
}

static void check_vfork(void)
{
    volatile int shared = 1;
    char *argv[] = {self, text_of("exit"), text_of("5"), NULL};
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        shared = 2;
        execv("/does/not/exist", argv);
        shared += errno == ENOENT ? 1 : 0;
        execv(self, argv);
        _exit(1);
    }
    T_CHECK("vfork", pid > 0 && pid != getpid());
    T_EQ("the memory was shared", shared, 3);
    T_EQ("the child", waitpid(pid, &status, 0), pid);
    T_EQ("ended", WEXITSTATUS(status), 5);
    pid = vfork();
    if (pid == 0) {
        _exit(6);
    }
    T_EQ("one that executes nothing", waitpid(pid, &status, 0), pid);
    T_EQ("ended too", WEXITSTATUS(status), 6);
}

static void check_spawn_fails(void)
{
    char *argv[] = {self, NULL};
    pid_t pid = 0;
    int status;

    T_EQ("no such program", posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, environ),
         ENOENT);
    T_EQ("a directory", posix_spawn(&pid, "/tmp", NULL, NULL, argv, environ), EACCES);
    T_ERR("no child is left", waitpid(-1, &status, WNOHANG), ECHILD);
}

static void check_waiting(void)
{
    pid_t a = start("exit", "1"), b = start("sleep", NULL);
    siginfo_t info;
    int status = 0;

    T_CHECK("pids grow", b > a && a > getpid());
    T_EQ("look, do not take", waitid(P_PID, (id_t)a, &info, WEXITED | WNOWAIT), 0);
    T_CHECK("who and how", info.si_pid == a && info.si_code == CLD_EXITED && info.si_status == 1 &&
                               info.si_signo == SIGCHLD && info.si_uid == 0);
    T_EQ("a zombie is there", kill(a, 0), 0);
    T_EQ("any child", wait(&status), a);
    T_EQ("its status", WEXITSTATUS(status), 1);
    T_ERR("it is gone", kill(a, 0), ESRCH);
    T_ERR("no longer a child", waitpid(a, &status, 0), ECHILD);
    T_EQ("the other has not ended", waitpid(-1, &status, WNOHANG), 0);
    memset(&info, 7, sizeof(info));
    T_EQ("nor for waitid", waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
    T_EQ("which says so", info.si_pid, 0);
    T_ERR("a group without children", waitpid(-getpid() - 5000, &status, 0), ECHILD);
    T_EQ("own group", waitpid(0, &status, WNOHANG), 0);
    T_EQ("kill it", kill(b, SIGKILL), 0);
    T_EQ("killed", waitid(P_PID, (id_t)b, &info, WEXITED), 0);
    T_CHECK("by what", info.si_code == CLD_KILLED && info.si_status == SIGKILL);
    T_ERR("no children", wait(&status), ECHILD);
    T_ERR("waitid needs a state", waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
    T_ERR("unknown options", waitpid(-1, &status, 0x100), EINVAL);
}

static volatile sig_atomic_t chld_count, chld_pid, chld_code, chld_status;

static void on_chld(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    chld_count++;
    chld_pid = info->si_pid;
    chld_code = info->si_code;
    chld_status = info->si_status;
}

static void check_sigchld(void)
{
    struct sigaction action = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status;
    pid_t pid;

    T_MUST("sigaction", sigaction(SIGCHLD, &action, NULL) == 0);
    pid = start("exit", "3");
    T_EQ("wait goes on after the handler", waitpid(pid, &status, 0), pid);
    T_EQ("one SIGCHLD", chld_count, 1);
    T_CHECK("its siginfo", chld_pid == pid && chld_code == CLD_EXITED && chld_status == 3);
    signal(SIGCHLD, SIG_IGN);
    pid = start("exit", "3");
    T_ERR("an ignored child is never a zombie", waitpid(pid, &status, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

static void check_inherited(void)
{
    int fds[2];

    T_MUST("pipe", pipe(fds) == 0);
    T_MUST("close on exec", dup3(fds[0], 10, O_CLOEXEC) == 10 && dup2(fds[1], 11) == 11);
    close(fds[0]);
    close(fds[1]);
    T_STR("descriptors, without those of O_CLOEXEC", output("fds", NULL), "0000000010000\n");
    T_CHECK("the parent still has both", fcntl(10, F_GETFD) >= 0 && fcntl(11, F_GETFD) >= 0);
    close(10);
    close(11);
    T_MUST("directory", mkdir("there", 0755) == 0 && chdir("there") == 0);
    setenv("SPAWNED", "yes", 1);
    umask(027);
    T_STR("directory, mask, environment", output("place", NULL), "there 027 yes\n");
    T_EQ("the child's umask was its own", umask(022), 027);
    T_MUST("back", chdir("..") == 0);
}

static void check_groups(void)
{
    posix_spawnattr_t attributes;
    pid_t pid;

    posix_spawnattr_init(&attributes);
    T_STR("in the parent's group", output("numbers", NULL), "0 0 1\n");
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    T_STR("in its own group", output("numbers", &attributes), "1 0 1\n");
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    T_STR("in its own session", output("numbers", &attributes), "1 1 1\n");
    pid = start("sleep", NULL);
    T_EQ("group of a child", getpgid(pid), getpgrp());
    T_EQ("session of a child", getsid(pid), getsid(0));
    T_ERR("after exec no longer", setpgid(pid, pid), EACCES);
    T_ERR("not a child", setpgid(getpid() + 4000, 0), ESRCH);
    kill(pid, SIGTERM);
    T_EQ("it ends by the signal", WTERMSIG(wait_for(pid)), SIGTERM);
    posix_spawnattr_destroy(&attributes);
}

/* A program that is linked at fixed addresses runs twice. The first one takes and gives back rights
 * of memory that lies where the other has its own. */
static void check_same_place(void)
{
    static char data[64 * 4096] __attribute__((aligned(4096)));
    char *argv[] = {self, text_of("cat"), NULL};
    posix_spawn_file_actions_t actions;
    int in[2], status;
    pid_t pid;

    memset(data, 1, sizeof(data));
    T_MUST("pipe", pipe2(in, O_CLOEXEC) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    T_MUST("spawn", posix_spawn(&pid, self, &actions, NULL, argv, environ) == 0);
    T_EQ("protected", mprotect(data, sizeof(data), PROT_READ), 0);
    T_EQ("opened", mprotect(data, sizeof(data), PROT_READ | PROT_WRITE), 0);
    memset(data, 2, sizeof(data));
    T_EQ("written", data[5 * 4096], 2);
    close(in[0]);
    close(in[1]);
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_EQ("the other's end", status, 0);
    posix_spawn_file_actions_destroy(&actions);
}

static void check_pipe(void)
{
    int to[2], from[2];
    char *argv[] = {self, text_of("cat"), NULL};
    char text[64] = "";
    posix_spawn_file_actions_t actions;
    pid_t pid;

    T_MUST("pipes", pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    T_MUST("spawn", posix_spawn(&pid, self, &actions, NULL, argv, environ) == 0);
    close(to[0]);
    close(from[1]);
    for (int i = 0; i < 20; i++) {
        T_MUST("there", write(to[1], "ping", 4) == 4);
        T_MUST("and back", read(from[0], text, sizeof(text)) == 4);
    }
    T_STR("the same", text, "ping");
    close(to[1]);
    T_EQ("end of file", read(from[0], text, sizeof(text)), 0);
    T_EQ("its status", wait_for(pid), 0);
    close(from[0]);
    posix_spawn_file_actions_destroy(&actions);
}

static void check_orphan(void)
{
    char text[64] = "", number[16];
    int fds[2];
    ssize_t n;

    T_MUST("pipe", pipe(fds) == 0);
    snprintf(number, sizeof(number), "%d", fds[1]);
    T_EQ("a child leaves its own child", wait_for(start("orphan", number)), 0);
    close(fds[1]);
    n = read(fds[0], text, sizeof(text) - 1);
    T_CHECK("the orphan goes on", n == 13);
    T_EQ("and ends", read(fds[0], text, sizeof(text)), 0);
    T_ERR("not our child", wait(NULL), ECHILD);
    close(fds[0]);
    T_EQ("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    T_MUST("pipe", pipe(fds) == 0);
    snprintf(number, sizeof(number), "%d", fds[1]);
    T_EQ("again", wait_for(start("orphan", number)), 0);
    close(fds[1]);
    T_CHECK("the orphan is ours", wait(NULL) > 0);
    close(fds[0]);
    T_EQ("no subreaper", prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* The status of a child that only ends. */
static int vfork_exit(int status)
{
    int got = -1;
    pid_t pid = vfork();

    if (pid == 0) {
        _exit(status);
    }
    return waitpid(pid, &got, 0) == pid ? WEXITSTATUS(got) : -1;
}

/* More than there are numbers would be too long; so many show what is not given back. */
static void check_many(void)
{
    struct rusage usage;
    bool good = true;

    for (int i = 0; i < 100; i++) {
        good &= vfork_exit(i) == i;
    }
    T_CHECK("a hundred children that execute nothing", good);
    for (int i = 0; i < 20; i++) {
        good &= wait_for(start("exit", "0")) == 0;
    }
    T_CHECK("twenty that execute a program", good);
    T_EQ("their usage", getrusage(RUSAGE_CHILDREN, &usage), 0);
    T_CHECK("their memory", usage.ru_maxrss > 0);
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0) {
        return 3;
    }
    if (argc > 1) {
        return child(argv);
    }
    t_scratch();
    check_ends();
    check_vfork();
    check_spawn_fails();
    check_waiting();
    check_sigchld();
    check_inherited();
    check_groups();
    check_pipe();
    check_same_place();
    check_orphan();
    check_many();
    return t_done();
}
