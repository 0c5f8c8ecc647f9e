// SPDX-License-Identifier: Apache-2.0
/*
 * execve: what is refused, and what a new program inherits or not (descriptors, signal actions,
 * mask, pending signals, directory, umask, ids, other threads), by running itself again; scripts
 * with an interpreter line.
 */
#include "t.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

extern char **environ;

static char self[PATH_MAX], script[PATH_MAX];

static void put(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

    T_MUST("file", fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    T_MUST("mode", fchmod(fd, mode) == 0 && close(fd) == 0);
}

static void check_refusals(void)
{
    char word[] = "word";
    char *argv[] = {word, NULL};

    T_ERR("nothing there", execv("absent", argv), ENOENT);
    put("plain", "not a program", 0644);
    T_ERR("not executable", execv("plain", argv), EACCES);
    chmod("plain", 0755);
    T_ERR("not a program", execv("./plain", argv), ENOEXEC);
    T_ERR("a directory", execv("/", argv), EACCES);
    T_ERR("below a file", execv("plain/x", argv), ENOTDIR);
    put("empty", "", 0755);
    T_ERR("an empty file", execv("./empty", argv), ENOEXEC);
    put("cut", "\177ELF\2\1\1", 0755);
    T_ERR("the first bytes of a program", execv("./cut", argv), ENOEXEC);
    put("lost", "#!/no/such/interpreter\n", 0755);
    T_ERR("an interpreter that is not there", execv("./lost", argv), ENOENT);
    size_t size = 40 << 20;
    char *huge = malloc(size);
    memset(huge, 'x', size - 1);
    huge[size - 1] = 0;
    argv[0] = huge;
    T_ERR("an argument of 40 MiB", execv("./plain", argv), E2BIG);
    free(huge);
}

static void handler(int sig)
{
    (void)sig;
}

static void *sleeps_forever(void *unused)
{
    for (;;) {
        pause();
    }
    return unused;
}

static void first(void)
{
    char name[] = "exec", stage[] = "second", spaced[] = "two words", nothing[] = "";
    char one[] = "ONE=1", two[] = "TWO=", pid[32];
    char *argv[] = {name, stage, self, script, spaced, nothing, NULL};
    char *env[] = {one, two, pid, NULL};
    sigset_t set;
    pthread_t thread;

    snprintf(pid, sizeof(pid), "PID=%d", (int)getpid());
    T_MUST("mkdir", mkdir("inside", 0755) == 0 && chdir("inside") == 0);
    umask(031);
    int fd = open("/dev/null", O_RDWR);
    T_MUST("descriptors", dup2(fd, 40) == 40 && dup3(fd, 41, O_CLOEXEC) == 41);
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGTERM);
    prctl(PR_SET_NAME, "other name");
    T_MUST("thread", pthread_create(&thread, NULL, sleeps_forever, NULL) == 0);
    execve(self, argv, env);
    T_CHECK("execve", false);
}

static void second(int argc, char **argv)
{
    struct sigaction act;
    sigset_t set;
    char path[PATH_MAX], name[16] = "";

    T_EQ("argc", argc, 6);
    T_CHECK("argv", !strcmp(argv[4], "two words") && !strcmp(argv[5], "") && argv[6] == NULL);
    T_CHECK("environment", getenv("ONE") && !strcmp(getenv("TWO"), "") && environ[3] == NULL &&
                               getenv("PATH") == NULL);
    T_EQ("the same process", atoi(getenv("PID")), getpid());
    T_EQ("in its main thread", gettid(), getpid());
    T_EQ("an open descriptor stays open", fcntl(40, F_GETFD), 0);
    T_ERR("one marked close-on-exec does not", fcntl(41, F_GETFD), EBADF);
    sigaction(SIGUSR1, NULL, &act);
    T_CHECK("a handler becomes the default", act.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &act);
    T_CHECK("ignored stays ignored", act.sa_handler == SIG_IGN);
    sigprocmask(SIG_SETMASK, NULL, &set);
    T_CHECK("the mask stays", sigismember(&set, SIGTERM) && !sigismember(&set, SIGUSR1));
    sigpending(&set);
    T_CHECK("a pending signal stays pending", sigismember(&set, SIGTERM));
    T_CHECK("the directory stays",
            getcwd(path, sizeof(path)) && !strcmp(strrchr(path, '/'), "/inside"));
    T_EQ("the umask stays", umask(0), 031);
    prctl(PR_GET_NAME, name);
    T_STR("the thread has the program's name", name, "exec");
    char word[] = "ignored", extra[] = "extra";
    char *arguments[] = {word, extra, NULL};
    execve(argv[3], arguments, environ);
    T_CHECK("execve of a script", false);
}

/* This program as the interpreter of a script. argv: interpreter, its one argument, the script,
 * the script's arguments. */
static void third(int argc, char **argv)
{
    const char *slash = strrchr(argv[2], '/');

    T_EQ("argc of a script", argc, 4);
    T_STR("the interpreter's argument is one word", argv[1], "third and more");
    T_STR("the script", slash ? slash + 1 : argv[2], "script");
    T_STR("the script's argument", argv[3], "extra");
}

int main(int argc, char **argv)
{
    char line[PATH_MAX + 32];

    if (argc > 1 && !strcmp(argv[1], "second")) {
        second(argc, argv);
    } else if (argc > 1) {
        third(argc, argv);
    } else {
        T_MUST("readlink", readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        t_scratch();
        check_refusals();
        snprintf(line, sizeof(line), "#! %s third and more \nrest\n", self);
        put("script", line, 0755);
        T_MUST("realpath", realpath("script", script) != NULL);
        first();
    }
    return t_done();
}
