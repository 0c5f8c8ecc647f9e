// SPDX-License-Identifier: Apache-2.0
/*
 * Controlling terminals and job control. What needs a session of its own is done by the program
 * itself as a child; its first argument says what.
 */
#include "ptypair.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

extern char **environ;
static char self[4096];

static volatile sig_atomic_t seen[65];

static void note(int sig)
{
    seen[sig]++;
}

static void catch_all(void)
{
    static const int sigs[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH,
                               SIGHUP, SIGCONT, SIGTTIN, SIGTTOU};
    struct sigaction act = {.sa_handler = note};

    for (size_t k = 0; k < T_COUNT(sigs); k++) {
        sigaction(sigs[k], &act, NULL);
    }
}

static bool came(int sig)
{
    for (int k = 0; k < 100 && seen[sig] == 0; k++) {
        t_sleep_ms(10);
    }
    return seen[sig]-- > 0;
}

/* The leader of a session without a terminal. */
static int child_session(void)
{
    char name[64];
    struct winsize w = {5, 6, 0, 0};
    pid_t got = -1;
    int tty;

    catch_all();
    T_ERR("no controlling terminal", open("/dev/tty", O_RDWR), ENXIO);
    open_pair();
    T_ERR("TIOCGPGRP of another's terminal", ioctl(slave, TIOCGPGRP, &got), ENOTTY);
    T_ERR("TIOCSPGRP, too", tcsetpgrp(slave, getpgrp()), ENOTTY);
    T_ERR("TIOCGSID, too", tcgetsid(slave), ENOTTY);
    T_ERR("TIOCNOTTY, too", ioctl(slave, TIOCNOTTY), ENOTTY);
    T_EQ("the master may ask", ioctl(master, TIOCGPGRP, &got), 0);
    T_EQ("there is no group", got, 0);
    T_EQ("TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0), 0);
    T_EQ("TIOCSCTTY twice", ioctl(slave, TIOCSCTTY, 0), 0);
    T_EQ("tcgetpgrp", tcgetpgrp(slave), getpgrp());
    T_EQ("tcgetsid", tcgetsid(slave), getpid());
    T_EQ("tcgetpgrp of the master", tcgetpgrp(master), getpgrp());
    T_ERR("a group of another session", tcsetpgrp(slave, getppid()), EPERM);
    T_ERR("no group", tcsetpgrp(slave, 999999), ESRCH);
    T_EQ("tcsetpgrp", tcsetpgrp(slave, getpgrp()), 0);
    tty = open("/dev/tty", O_RDWR);
    T_CHECK("/dev/tty", tty >= 0);
    T_EQ("output to it", write(tty, "hi", 2), 2);
    T_STR("comes to the master", drained(master), "hi");
    T_EQ("its session", tcgetsid(tty), getpid());
    type("\003");
    T_CHECK("VINTR", came(SIGINT));
    type("\034");
    T_CHECK("VQUIT", came(SIGQUIT));
    type("\032");
    T_CHECK("VSUSP", came(SIGTSTP));
    T_EQ("TIOCSIG", ioctl(master, TIOCSIG, SIGINT), 0);
    T_CHECK("sends it", came(SIGINT));
    T_EQ("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &w), 0);
    T_CHECK("a new size", came(SIGWINCH));
    T_EQ("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &w), 0);
    t_sleep_ms(QUIET_MS);
    T_EQ("the same size is no news", seen[SIGWINCH], 0);
    T_EQ("TIOCNOTTY", ioctl(slave, TIOCNOTTY), 0);
    T_CHECK("the group is told", came(SIGHUP) && came(SIGCONT));
    T_ERR("no controlling terminal", open("/dev/tty", O_RDWR), ENXIO);
    T_MUST("ptsname", ptsname_r(master, name, sizeof(name)) == 0);
    T_CHECK("opened without becoming one", open(name, O_RDWR | O_NOCTTY) >= 0);
    T_ERR("it did not", open("/dev/tty", O_RDWR), ENXIO);
    T_CHECK("opened", open(name, O_RDWR) >= 0);
    tty = open("/dev/tty", O_RDWR);
    T_CHECK("it did", tty >= 0);
    close(master);
    T_CHECK("the leader is told of the master's end", came(SIGHUP) && came(SIGCONT));
    T_ERR("output", write(tty, "x", 1), EIO);
    T_ERR("no controlling terminal", open("/dev/tty", O_RDWR), ENXIO);
    return t_done();
}

static int run(const char *what, const char *more, short flags)
{
    char *args[] = {self, (char *)(uintptr_t)what, (char *)(uintptr_t)more, NULL};
    posix_spawnattr_t attr;
    int status = -1;
    pid_t pid;

    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, flags);
    posix_spawnattr_setpgroup(&attr, 0);
    T_MUST("posix_spawn", posix_spawn(&pid, self, NULL, &attr, args, environ) == 0);
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    return status;
}

/* A process in the background of the terminal that is its descriptor 9. */
static int child_background(void)
{
    struct termios t;
    char c;

    catch_all();
    T_CHECK("not in the foreground", tcgetpgrp(9) != getpgrp());
    T_EQ("modes may be read", tcgetattr(9, &t), 0);
    T_EQ("output is allowed", write(9, "x", 1), 1);
    T_ERR("reading is not", read(9, &c, 1), EINTR);
    T_CHECK("SIGTTIN", came(SIGTTIN));
    T_ERR("setting modes is not", tcsetattr(9, TCSANOW, &t), EINTR);
    T_CHECK("SIGTTOU", came(SIGTTOU));
    signal(SIGTTIN, SIG_IGN);
    T_ERR("reading with SIGTTIN ignored", read(9, &c, 1), EIO);
    signal(SIGTTOU, SIG_IGN);
    T_EQ("setting modes with SIGTTOU ignored", tcsetattr(9, TCSANOW, &t), 0);
    T_EQ("tcsetpgrp with SIGTTOU ignored", tcsetpgrp(9, getpgrp()), 0);
    T_EQ("now in the foreground", tcgetpgrp(9), getpgrp());
    T_EQ("a process gives its terminal up", ioctl(9, TIOCNOTTY), 0);
    T_ERR("it has none", tcgetpgrp(9), ENOTTY);
    return t_done();
}

static int child_jobs(void)
{
    open_pair();
    T_EQ("TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0), 0);
    T_MUST("dup2", dup2(slave, 9) == 9);
    signal(SIGHUP, SIG_IGN);
    T_EQ("a job in the background", run("background", NULL, POSIX_SPAWN_SETPGROUP), 0);
    T_EQ("the session still has it", tcgetsid(slave), getpid());
    return t_done();
}

/* The leader of the session of the terminal that is its descriptor 9 ends. */
static int child_leader(void)
{
    return ioctl(9, TIOCSCTTY, 0) == 0 && tcgetsid(9) == getpid() ? 0 : 1;
}

static void check_sessions(void)
{
    pid_t group = -1;

    T_EQ("a session", run("session", NULL, POSIX_SPAWN_SETSID), 0);
    T_EQ("jobs", run("jobs", NULL, POSIX_SPAWN_SETSID), 0);
    open_pair();
    T_MUST("dup2", dup2(slave, 9) == 9);
    T_EQ("a leader that ends", run("leader", NULL, POSIX_SPAWN_SETSID), 0);
    T_EQ("the master asks", ioctl(master, TIOCGPGRP, &group), 0);
    T_EQ("its terminal is nobody's", group, 0);
    T_EQ("and works", write(slave, "x", 1), 1);
    close(9);
    close_pair();
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    T_MUST("own path", n > 0);
    if (argc > 1) {
        return strcmp(argv[1], "session") == 0      ? child_session()
               : strcmp(argv[1], "jobs") == 0       ? child_jobs()
               : strcmp(argv[1], "background") == 0 ? child_background()
                                                    : child_leader();
    }
    check_sessions();
    return t_done();
}
