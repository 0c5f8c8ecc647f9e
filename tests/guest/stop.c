// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that signals stop and continue: what a parent can wait for and is told, signals that
 * cancel each other, and groups of processes that nobody could continue.
 */
#include "children.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* 'T' and the like, of /proc/PID/stat; and the line State of /proc/PID/status. */
static char letter_of(pid_t pid, const char *file)
{
    char path[64], text[2048], *at;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    fd = open(path, O_RDONLY);
    T_MUST("open", fd >= 0);
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    T_MUST("read", n > 0);
    text[n] = '\0';
    at = strcmp(file, "stat") == 0 ? strrchr(text, ')') : strstr(text, "State:\t");
    T_MUST("state", at != NULL);
    return strcmp(file, "stat") == 0 ? at[2] : at[7];
}

static void check_wait(void)
{
    pid_t pid = begin(counts);
    int status = 0;

    settle();
    status = stop(pid, SIGSTOP);
    T_CHECK("stopped", WIFSTOPPED(status) && !WIFSIGNALED(status) && !WIFEXITED(status));
    T_EQ("by SIGSTOP", WSTOPSIG(status), SIGSTOP);
    T_CHECK("it does not run", !counts_on());
    T_EQ("/proc/PID/stat says so", letter_of(pid, "stat"), 'T');
    T_EQ("/proc/PID/status, too", letter_of(pid, "status"), 'T');
    T_EQ("told once", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    T_EQ("SIGSTOP again", kill(pid, SIGSTOP), 0);
    T_EQ("is no news", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    T_EQ("SIGCONT", kill(pid, SIGCONT), 0);
    T_EQ("WCONTINUED", waitpid(pid, &status, WCONTINUED), pid);
    T_CHECK("continued", WIFCONTINUED(status) && status == 0xffff);
    T_EQ("told once", waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    T_CHECK("it runs", counts_on());
    T_CHECK("/proc says so", letter_of(pid, "stat") == 'R' || letter_of(pid, "stat") == 'S');
    T_EQ("SIGCONT of one that runs", kill(pid, SIGCONT), 0);
    T_EQ("is no news", waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    T_EQ("SIGTSTP", WSTOPSIG(stop(pid, SIGTSTP)), SIGTSTP);
    kill(pid, SIGCONT);
    T_EQ("not asked for", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    T_EQ("SIGTTIN", WSTOPSIG(stop(pid, SIGTTIN)), SIGTTIN);
    kill(pid, SIGCONT);
    T_EQ("SIGTTOU", WSTOPSIG(stop(pid, SIGTTOU)), SIGTTOU);
    T_EQ("SIGTERM of a stopped one", kill(pid, SIGTERM), 0);
    t_sleep_ms(30);
    T_EQ("waits", waitpid(pid, &status, WNOHANG), 0);
    T_EQ("SIGKILL does not", kill(pid, SIGKILL), 0);
    T_EQ("it ends", waitpid(pid, &status, 0), pid);
    T_CHECK("killed", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pid = begin(counts);
    settle();
    (void)stop(pid, SIGSTOP);
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
    T_EQ("a signal that came meanwhile", waitpid(pid, &status, 0), pid);
    T_EQ("is delivered after SIGCONT", WTERMSIG(status), SIGTERM);
}

static bool has(const siginfo_t *info, pid_t pid, int code, int status)
{
    return info->si_signo == SIGCHLD && info->si_pid == pid && info->si_code == code &&
           info->si_status == status;
}

static void check_waitid(void)
{
    pid_t pid = begin(counts);
    siginfo_t info;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    settle();
    T_EQ("nothing yet", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG), 0);
    T_EQ("says so", info.si_pid, 0);
    kill(pid, SIGSTOP);
    T_EQ("look", waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT), 0);
    T_CHECK("CLD_STOPPED", has(&info, pid, CLD_STOPPED, SIGSTOP));
    memset(&info, 0, sizeof(info));
    T_EQ("by the group", waitid(P_PGID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
    T_CHECK("still", has(&info, pid, CLD_STOPPED, SIGSTOP));
    T_EQ("no end", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
    T_EQ("it goes on living", info.si_pid, 0);
    T_EQ("by the descriptor", waitid(P_PIDFD, (id_t)fd, &info, WSTOPPED | WEXITED), 0);
    T_CHECK("take it", has(&info, pid, CLD_STOPPED, SIGSTOP));
    T_EQ("taken", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG), 0);
    T_EQ("once", info.si_pid, 0);
    kill(pid, SIGCONT);
    T_EQ("look", waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT), 0);
    T_CHECK("CLD_CONTINUED", has(&info, pid, CLD_CONTINUED, SIGCONT));
    T_EQ("take", waitid(P_PID, (id_t)pid, &info, WCONTINUED | WSTOPPED | WEXITED), 0);
    T_CHECK("still", has(&info, pid, CLD_CONTINUED, SIGCONT));
    T_EQ("taken", waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOHANG), 0);
    T_EQ("once", info.si_pid, 0);
    T_ERR("no state to wait for", waitid(P_PID, (id_t)pid, &info, WNOHANG | WNOWAIT), EINVAL);
    T_ERR("WNOWAIT is waitid's", waitpid(pid, NULL, WNOWAIT | WNOHANG), EINVAL);
    T_EQ("__WALL", waitpid(pid, NULL, WNOHANG | WUNTRACED | __WALL), 0);
    T_ERR("__WCLONE: it is none", waitpid(pid, NULL, WNOHANG | WUNTRACED | __WCLONE), ECHILD);
    close(fd);
    finish(pid);
}

/* ---- SIGCHLD ---- */

static volatile sig_atomic_t told, told_code[8], told_status[8], told_pid;

static void on_chld(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    told_code[told & 7] = info->si_code;
    told_status[told & 7] = info->si_status;
    told_pid = info->si_pid;
    told++;
}

static void wait_told(int n)
{
    for (int k = 0; k < 200 && told < n; k++) {
        t_sleep_ms(5);
    }
}

static void check_sigchld(void)
{
    struct sigaction act = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    pid_t pid = begin(counts);

    settle();
    told = 0;
    T_MUST("sigaction", sigaction(SIGCHLD, &act, NULL) == 0);
    kill(pid, SIGSTOP);
    wait_told(1);
    T_CHECK("SIGCHLD of a stop", told == 1 && told_pid == pid && told_code[0] == CLD_STOPPED &&
                                     told_status[0] == SIGSTOP);
    kill(pid, SIGCONT);
    wait_told(2);
    T_CHECK("and of going on",
            told == 2 && told_code[1] == CLD_CONTINUED && told_status[1] == SIGCONT);
    act.sa_flags |= SA_NOCLDSTOP;
    T_MUST("sigaction", sigaction(SIGCHLD, &act, NULL) == 0);
    T_CHECK("WUNTRACED works with SA_NOCLDSTOP", WIFSTOPPED(stop(pid, SIGSTOP)));
    kill(pid, SIGCONT);
    T_EQ("so does WCONTINUED", waitpid(pid, NULL, WCONTINUED), pid);
    T_EQ("no SIGCHLD", told, 2);
    finish(pid);
    wait_told(3);
    T_CHECK("but of its end", told == 3 && told_code[2] == CLD_KILLED && told_status[2] == SIGKILL);
    act.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    T_MUST("sigaction", sigaction(SIGCHLD, &act, NULL) == 0);
    pid = begin(counts);
    settle();
    T_CHECK("SA_NOCLDWAIT is about ends", WIFSTOPPED(stop(pid, SIGSTOP)));
    kill(pid, SIGKILL);
    T_ERR("no zombie", waitpid(pid, NULL, 0), ECHILD);
    signal(SIGCHLD, SIG_IGN);
    pid = begin(counts);
    settle();
    T_CHECK("with SIGCHLD ignored a stop can be waited for", WIFSTOPPED(stop(pid, SIGSTOP)));
    kill(pid, SIGKILL);
    T_ERR("an end cannot", waitpid(pid, NULL, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

/* ---- signals that cancel each other ---- */

static volatile sig_atomic_t caught[65];

static void on_signal(int sig)
{
    caught[sig]++;
}

static bool pending(int sig)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, sig) == 1;
}

static void check_cancel(void)
{
    sigset_t set, old;

    signal(SIGCONT, on_signal);
    signal(SIGTSTP, on_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGTSTP);
    kill(getpid(), SIGTTIN);
    T_CHECK("blocked signals that stop", pending(SIGTSTP) && pending(SIGTTIN));
    kill(getpid(), SIGCONT);
    T_CHECK("SIGCONT drops them", !pending(SIGTSTP) && !pending(SIGTTIN) && pending(SIGCONT));
    raise(SIGTSTP);
    T_CHECK("and they drop SIGCONT", pending(SIGTSTP) && !pending(SIGCONT));
    sigprocmask(SIG_SETMASK, &old, NULL);
    T_CHECK("handlers run as for any signal", caught[SIGTSTP] == 1 && caught[SIGCONT] == 0);
    signal(SIGTSTP, SIG_IGN);
    raise(SIGTSTP);
    T_EQ("SIG_IGN", caught[SIGTSTP], 1);
    signal(SIGTSTP, SIG_DFL);
    signal(SIGCONT, SIG_DFL);
}

/* As a program with a screen does it: it puts the terminal in order, and stops in earnest. */
static void on_tstp(int sig)
{
    shared->got = 1;
    signal(sig, SIG_DFL);
    raise(sig);
    shared->got = 2;
}

static void on_cont(int sig)
{
    (void)sig;
    shared->done++;
}

static void stops_in_handler(void)
{
    struct sigaction act = {.sa_handler = on_tstp, .sa_flags = SA_NODEFER};

    sigaction(SIGTSTP, &act, NULL);
    signal(SIGCONT, on_cont);
    counts();
}

static void check_handlers(void)
{
    pid_t pid = begin(stops_in_handler);

    settle();
    T_EQ("a handler stops", WSTOPSIG(stop(pid, SIGTSTP)), SIGTSTP);
    T_EQ("there", shared->got, 1);
    kill(pid, SIGCONT);
    T_MUST("it goes on", waitpid(pid, NULL, WCONTINUED) == pid);
    T_CHECK("it runs", counts_on());
    T_EQ("the handler came back", shared->got, 2);
    T_EQ("SIGCONT's handler ran", shared->done, 1);
    finish(pid);
}

/* ---- groups that nobody could continue ---- */

static void alone(void)
{
    setsid();
    signal(SIGCONT, on_cont);
    raise(SIGTSTP);
    raise(SIGTTIN);
    raise(SIGTTOU);
    shared->got = 1;
    shared->ready = 1;
    raise(SIGSTOP);
    shared->got = 2;
}

static void on_hup(int sig)
{
    (void)sig;
    shared->got = 1;
}

/* Its parent, the link of its group to the session, ends. */
static void stops_in_group(void)
{
    signal(SIGHUP, on_hup);
    signal(SIGCONT, on_cont);
    shared->ready = 1;
    raise(SIGSTOP);
    _exit(10 + shared->got + shared->done);
}

static void leaves_a_stopped_child(void)
{
    pid_t pid = fork();
    siginfo_t info;

    if (pid == 0) {
        setpgid(0, 0);
        stops_in_group();
    }
    waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT);
}

static void leaves_one_in_its_session(void)
{
    setsid();
    leaves_a_stopped_child();
}

static void check_orphans(void)
{
    int status = 0;
    pid_t pid = begin_as(alone, false);

    T_EQ("alone in its session", waitpid(pid, &status, WUNTRACED), pid);
    T_EQ("only SIGSTOP stops", WSTOPSIG(status), SIGSTOP);
    T_EQ("the others did not", shared->got, 1);
    kill(pid, SIGCONT);
    T_EQ("it ends", waitpid(pid, &status, 0), pid);
    T_EQ("after it went on", shared->got, 2);
    T_MUST("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid = begin_as(leaves_one_in_its_session, false);
    T_EQ("a leader of a session ends", waitpid(pid, NULL, 0), pid);
    T_CHECK("its stopped child ends", waitpid(-1, &status, 0) > 0 && WIFEXITED(status));
    T_EQ("after SIGHUP and SIGCONT", WEXITSTATUS(status), 12);
    pid = begin(leaves_a_stopped_child);
    T_EQ("a parent ends", waitpid(pid, NULL, 0), pid);
    pid = waitpid(-1, &status, WUNTRACED);
    T_CHECK("its stopped child has another in its session", pid > 0 && WIFSTOPPED(status));
    t_sleep_ms(30);
    T_EQ("and stays stopped", letter_of(pid, "stat"), 'T');
    finish(pid);
    T_MUST("no subreaper", prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

int main(void)
{
    children_init();
    check_wait();
    check_waitid();
    check_sigchld();
    check_cancel();
    check_handlers();
    check_orphans();
    return t_done();
}
