// SPDX-License-Identifier: Apache-2.0
/*
 * Programs executed by a descriptor (execveat, fexecve), and by a process with several threads. The
 * program executes itself; its first argument says what it has become.
 */
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
static char self[4096];

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int execute(int fd, const char *path, const char *what, int flags)
{
    char *argv[] = {text_of("name"), text_of(what), NULL};

    return (int)syscall(SYS_execveat, fd, path, argv, environ, flags);
}

/* The exit status of a child that executes; 100 + errno when it cannot. */
static int status_of(int fd, const char *path, const char *what, int flags)
{
    int status = 0;
    pid_t pid = fork();

    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        execute(fd, path, what, flags);
        _exit(100 + errno);
    }
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int copy_into(int to)
{
    char text[65536];
    int from = open(self, O_RDONLY);
    ssize_t n;

    while ((n = read(from, text, sizeof(text))) > 0) {
        T_MUST("write", write(to, text, (size_t)n) == n);
    }
    close(from);
    return to;
}

static int script(const char *path, int flags)
{
    char line[5000];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    int n = snprintf(line, sizeof(line), "#!%s script\n", self);

    T_MUST("script", write(fd, line, (size_t)n) == n);
    close(fd);
    return open(path, O_RDONLY | flags);
}

static void check_descriptors(void)
{
    int fd = open(self, O_RDONLY | O_CLOEXEC), memory = memfd_create("program", MFD_CLOEXEC), dir;
    char *argv[] = {text_of("name"), text_of("seven"), NULL};
    int status = 0;
    pid_t pid;

    T_EQ("a program", status_of(fd, "", "seven", AT_EMPTY_PATH), 7);
    T_EQ("that is no link", status_of(fd, "", "seven", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), 7);
    dup2(fd, 20);
    T_EQ("what it is told of its name", status_of(20, "", "names", AT_EMPTY_PATH), 0);
    pid = fork();
    if (pid == 0) {
        fexecve(fd, argv, environ);
        _exit(1);
    }
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_EQ("fexecve", WEXITSTATUS(status), 7);
    copy_into(memory);
    T_EQ("a program in memory", status_of(memory, "", "seven", AT_EMPTY_PATH), 7);
    T_MUST("mkdir", mkdir("dir", 0755) == 0);
    close(copy_into(open("dir/program", O_WRONLY | O_CREAT, 0755)));
    dir = open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    T_EQ("below a directory", status_of(dir, "program", "seven", 0), 7);
    T_EQ("below the working directory", status_of(AT_FDCWD, "dir/program", "seven", 0), 7);
    T_EQ("an absolute path", status_of(-1, self, "seven", 0), 7);
    T_MUST("symlink", symlink("program", "dir/link") == 0);
    T_EQ("a link", status_of(dir, "link", "seven", 0), 7);
    T_EQ("not followed", status_of(dir, "link", "seven", AT_SYMLINK_NOFOLLOW), 100 + ELOOP);
    close(fd);
    fd = open("dir/program", O_RDONLY);
    T_MUST("unlink", unlink("dir/program") == 0);
    T_EQ("a removed file", status_of(fd, "", "seven", AT_EMPTY_PATH), 7);
    T_EQ("no such file", status_of(dir, "program", "seven", 0), 100 + ENOENT);
    T_EQ("no path", status_of(fd, "", "seven", 0), 100 + ENOENT);
    T_EQ("no descriptor", status_of(99, "", "seven", AT_EMPTY_PATH), 100 + EBADF);
    T_EQ("no directory", status_of(fd, "x", "seven", 0), 100 + ENOTDIR);
    T_EQ("a directory", status_of(dir, "", "seven", AT_EMPTY_PATH), 100 + EACCES);
    T_EQ("unknown flags", status_of(fd, "", "seven", AT_EMPTY_PATH | 1), 100 + EINVAL);
    close(fd);
    close(dir);
    close(20);
    close(memory);
}

static void check_scripts(void)
{
    int fd = script("script", 0);

    dup2(fd, 20);
    T_EQ("a script", status_of(20, "", "argument", AT_EMPTY_PATH), 0);
    close(20);
    close(fd);
    fd = script("script", O_CLOEXEC);
    T_EQ("its interpreter would not find it", status_of(fd, "", "x", AT_EMPTY_PATH), 100 + ENOENT);
    close(fd);
}

/* ---- threads ---- */

static int threads_of_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = -2;

    while (tasks != NULL && readdir(tasks) != NULL) {
        n++;
    }
    return n;
}

static char own_number[16];

static void *spins(void *arg)
{
    for (;;) {
        sched_yield();
    }
    return arg;
}

static void *reads(void *arg)
{
    char c;

    (void)!read(*(int *)arg, &c, 1);
    return NULL;
}

static void *executes(void *arg)
{
    char *argv[] = {text_of("name"), text_of("alone"), own_number, NULL};

    usleep(20000);
    execv(self, argv);
    return arg;
}

/* The first thread ends, or waits for the one that executes a program. */
static void with_threads(bool leader_ends)
{
    static int pipes[2];
    pthread_t thread;

    snprintf(own_number, sizeof(own_number), "%d", getpid());
    T_MUST("pipe", pipe2(pipes, O_CLOEXEC) == 0);
    pthread_create(&thread, NULL, spins, NULL);
    pthread_create(&thread, NULL, reads, &pipes[0]);
    pthread_create(&thread, NULL, executes, NULL);
    if (leader_ends) {
        pthread_exit(NULL);
    }
    pthread_join(thread, NULL);
    _exit(1);
}

static void check_threads(void)
{
    for (int k = 0; k < 2; k++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
            with_threads(k == 1);
        }
        T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
        T_EQ(k == 0 ? "executed by another thread than the first"
                    : "executed when the first thread has ended",
             status, 0);
    }
}

static int became(int argc, char **argv)
{
    const char *name = text_of((const char *)getauxval(AT_EXECFN));

    if (strcmp(argv[1], "seven") == 0) {
        return 7;
    }
    if (strcmp(argv[1], "names") == 0) {
        return strcmp(argv[0], "name") == 0 && strcmp(name, "/dev/fd/20") == 0 ? 0 : 1;
    }
    if (strcmp(argv[1], "script") == 0) {
        return argc == 4 && strcmp(argv[2], "/dev/fd/20") == 0 && access(argv[2], R_OK) == 0 &&
                       strcmp(argv[3], "argument") == 0
                   ? 0
                   : 1;
    }
    return getpid() == atoi(argv[2]) && gettid() == getpid() && threads_of_process() == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0) {
        return 3;
    }
    if (argc > 1) {
        return became(argc, argv);
    }
    t_scratch();
    check_descriptors();
    check_scripts();
    check_threads();
    return t_done();
}
