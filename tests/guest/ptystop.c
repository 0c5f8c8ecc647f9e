// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs of a shell on a pseudo-terminal: those that the keyboard stops, those in the background that
 * read or set the terminal and stop for it, and the end of the shell. The program plays the shell
 * as the leader of a session, in a child.
 */
#include "children.h"
#include "ptypair.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

static int index_of_pair;

/* A fresh terminal whose session is the caller's. */
static void take_terminal(void)
{
    char name[64];

    setsid();
    open_pair();
    T_MUST("TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0) == 0);
    T_MUST("ptsname", ptsname_r(master, name, sizeof(name)) == 0);
    index_of_pair = atoi(strrchr(name, '/') + 1);
}

/* The process group pgid in the foreground, set by a shell. */
static void foreground(pid_t pgid)
{
    __sighandler_t old = signal(SIGTTOU, SIG_IGN);

    T_MUST("tcsetpgrp", tcsetpgrp(slave, pgid) == 0);
    signal(SIGTTOU, old);
}

static int status_of(pid_t pid)
{
    int status = 0;

    T_MUST("waitpid", waitpid(pid, &status, WUNTRACED) == pid);
    return status;
}

/* What has stopped the job, or 0. */
static int stopped_by(pid_t pid)
{
    int status = status_of(pid);

    return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

static void fields(pid_t pid, int *tty, int *group)
{
    char path[64], text[1024], *at;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    T_MUST("stat", file != NULL && fgets(text, sizeof(text), file) != NULL);
    fclose(file);
    at = strrchr(text, ')');
    T_MUST("fields", at != NULL && sscanf(at, ") %*c %*d %*d %*d %d %d", tty, group) == 2);
}

/* ---- jobs ---- */

static void reads_line(void)
{
    char line[64] = "";
    ssize_t n;

    shared->ready = 1;
    n = read(slave, line, sizeof(line) - 1);
    shared->got = (int)n;
    shared->done = n < 0 ? errno : line[0];
}

static void sets_modes(void)
{
    struct termios t;

    tcgetattr(slave, &t);
    shared->ready = 1;
    shared->got = tcsetattr(slave, TCSANOW, &t);
}

static void wants_foreground(void)
{
    shared->ready = 1;
    shared->got = tcsetpgrp(slave, getpgrp());
}

static void writes(void)
{
    shared->ready = 1;
    shared->got = (int)write(slave, "out", 3);
}

static void counts_twice(void)
{
    if (fork() == 0) {
        counts();
    }
    counts();
}

static void check_keyboard(void)
{
    pid_t job = begin(counts_twice);
    int tty = 0, group = 0;

    foreground(job);
    settle();
    fields(job, &tty, &group);
    T_EQ("tty_nr of /proc/PID/stat", tty, 136 << 8 | (index_of_pair & 0xff));
    T_EQ("tpgid", group, job);
    type("\032");
    T_EQ("VSUSP stops the job", stopped_by(job), SIGTSTP);
    t_sleep_ms(20);
    T_CHECK("all of its processes", !counts_on());
    foreground(getpgrp());
    kill(-job, SIGCONT);
    T_EQ("bg: it goes on", waitpid(job, NULL, WCONTINUED), job);
    T_CHECK("it runs", counts_on());
    signal(SIGINT, SIG_IGN);
    type("\003");
    (void)drained(master); /* the signal is sent before the echo */
    T_EQ("VINTR is not for it", waitpid(job, NULL, WNOHANG), 0);
    signal(SIGINT, SIG_DFL);
    foreground(job);
    type("\003");
    T_EQ("fg: now it is", WTERMSIG(status_of(job)), SIGINT);
    foreground(getpgrp());
    (void)drained(master);
}

static void check_reading(void)
{
    pid_t job = begin(reads_line);

    T_EQ("a read in the background stops", stopped_by(job), SIGTTIN);
    kill(job, SIGCONT);
    T_EQ("again, as long as it is there", stopped_by(job), SIGTTIN);
    foreground(job);
    kill(job, SIGCONT);
    t_sleep_ms(30);
    type("line\n");
    T_EQ("in the foreground it ends", status_of(job), 0);
    T_CHECK("with the line", shared->got == 5 && shared->done == 'l');
    foreground(getpgrp());
    job = begin(reads_line);
    T_EQ("stopped", stopped_by(job), SIGTTIN);
    kill(job, SIGTERM);
    kill(job, SIGCONT);
    T_EQ("SIGTERM meanwhile", WTERMSIG(status_of(job)), SIGTERM);
    (void)drained(master);
}

static void run_in_background(const char *name, void (*what)(void))
{
    pid_t job = begin(what);

    T_EQ(name, stopped_by(job), SIGTTOU);
    foreground(job);
    kill(job, SIGCONT);
    T_EQ("and goes on in the foreground", status_of(job), 0);
    T_EQ("with success", shared->got, what == writes ? 3 : 0);
    foreground(getpgrp());
}

static void check_setting(void)
{
    struct termios t;
    pid_t job;

    run_in_background("setting modes stops", sets_modes);
    run_in_background("so does taking the foreground", wants_foreground);
    job = begin(writes);
    T_EQ("output does not", status_of(job), 0);
    T_STR("it comes", drained(master), "out");
    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    t.c_lflag |= TOSTOP;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
    run_in_background("with TOSTOP it does", writes);
    T_STR("and comes once", drained(master), "out");
    signal(SIGTTOU, SIG_IGN);
    job = begin(writes);
    T_EQ("not with SIGTTOU ignored", status_of(job), 0);
    signal(SIGTTOU, SIG_DFL);
    T_STR("it comes", drained(master), "out");
    t.c_lflag &= ~(unsigned)TOSTOP;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

/* The shell itself in the background: nobody in the session could continue it. */
static void check_shell_in_background(void)
{
    pid_t job = begin(counts);
    struct termios t;
    char c;

    foreground(job);
    T_ERR("reading", read(slave, &c, 1), EIO);
    T_EQ("modes may be read", tcgetattr(slave, &t), 0);
    T_ERR("but not set", tcsetattr(slave, TCSANOW, &t), EIO);
    T_ERR("nor the foreground", tcsetpgrp(slave, getpgrp()), ENOTTY);
    T_EQ("the terminal tells who it is", tcgetpgrp(slave), job);
    foreground(getpgrp());
    finish(job);
}

static void shell(void)
{
    take_terminal();
    check_keyboard();
    check_reading();
    check_setting();
    check_shell_in_background();
    signal(SIGHUP, SIG_IGN);
    close_pair();
    _exit(t_done());
}

/* ---- the end of the shell ---- */

static volatile sig_atomic_t hups, conts;

static void on_signal(int sig)
{
    *(sig == SIGHUP ? &hups : &conts) = 1;
}

/* A job that outlives its shell, and ends with 1 for SIGHUP and 2 for SIGCONT. */
static pid_t job(bool stops, bool keeps_master)
{
    pid_t pid = fork();

    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        setpgid(0, 0);
        if (!keeps_master) {
            close(master);
        }
        signal(SIGHUP, on_signal);
        signal(SIGCONT, on_signal);
        shared->ready = 1;
        if (stops) {
            raise(SIGSTOP);
        }
        for (int k = 0; k < 40 && hups + conts < 2; k++) {
            t_sleep_ms(10);
        }
        _exit(hups + 2 * conts);
    }
    setpgid(pid, pid);
    return pid;
}

static void settle_job(void)
{
    settle();
    shared->ready = 0;
}

static void ends_with_foreground_job(void)
{
    take_terminal();
    foreground(job(false, true));
    settle_job();
}

static void ends_with_stopped_job(void)
{
    siginfo_t info;
    pid_t pid;

    take_terminal();
    pid = job(true, true);
    T_MUST("it stops", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT) == 0);
}

/* The terminal has gone first. */
static void ends_after_hang_up(void)
{
    take_terminal();
    foreground(job(false, false));
    settle_job();
    signal(SIGHUP, SIG_IGN);
    close_pair();
}

static int orphan_of(void (*what)(void))
{
    pid_t pid = begin_as(what, false);
    int status = 0;

    T_MUST("the shell ends", waitpid(pid, &status, 0) == pid && status == 0);
    T_MUST("its job ends", waitpid(-1, &status, 0) > 0 && WIFEXITED(status));
    return WEXITSTATUS(status);
}

int main(void)
{
    int status = 0;
    pid_t pid;

    children_init();
    pid = begin_as(shell, false);
    T_EQ("the shell", waitpid(pid, &status, 0), pid);
    T_EQ("has no complaint", status, 0);
    T_MUST("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    T_EQ("its end is SIGHUP for the job in the foreground", orphan_of(ends_with_foreground_job), 1);
    T_EQ("SIGHUP and SIGCONT for a stopped one", orphan_of(ends_with_stopped_job), 3);
    T_EQ("and after the terminal's end for what was in its foreground",
         orphan_of(ends_after_hang_up), 3);
    return t_done();
}
