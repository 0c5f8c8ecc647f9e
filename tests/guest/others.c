// SPDX-License-Identifier: Apache-2.0
/*
 * What a process may do to another one: signal it, ask for its limits and priority, and look into
 * its /proc/PID. Each of some users does it to each.
 */
#include "t.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static const struct user {
    const char *name;
    uid_t real, effective, saved;
    bool keep, no_new;
} users[] = {
    {"root", 0, 0, 0, false, false},
    {"1000", 1000, 1000, 1000, false, false},
    {"1000, nothing new", 1000, 1000, 1000, false, true},
    {"effective 1000", 0, 1000, 0, false, false},
    {"really 1000", 1000, 0, 0, false, false},
    {"1000 keeps", 1000, 1000, 1000, true, false},
};

/* A container may lack this capability: then nobody has it. */
static void drop_resource(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];

    T_MUST("capget", syscall(SYS_capget, &h, d) == 0);
    d[0].effective &= ~(1u << CAP_SYS_RESOURCE);
    d[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
    T_MUST("capset", syscall(SYS_capset, &h, d) == 0);
}

static void become(const struct user *u)
{
    gid_t groups[2] = {30, 20};

    T_MUST("groups", setgroups(2, groups) == 0 && setresgid(u->real, u->effective, u->saved) == 0);
    drop_resource();
    T_MUST("keep", prctl(PR_SET_KEEPCAPS, u->keep) == 0);
    T_MUST("users", syscall(SYS_setresuid, u->real, u->effective, u->saved) == 0);
    if (u->no_new) {
        T_MUST("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    }
}

static const struct user *asking;

/* A process to be signalled: it waits. */
static pid_t target(const struct user *u)
{
    int ready[2];
    char byte;
    pid_t pid;

    T_MUST("pipe", pipe(ready) == 0);
    pid = fork();
    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        become(u);
        T_MUST("ready", write(ready[1], "", 1) == 1);
        for (;;) {
            pause();
        }
    }
    T_MUST("it is ready", read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static pid_t other;

static void say(const char *what, long rc)
{
    t_line(1, "  %s: %s\n", what, rc >= 0 ? "ok" : strerrorname_np(errno));
}

static void try_open(const char *file)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", other, file);
    fd = open(path, O_RDONLY);
    say(file, fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void ask(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = other};
    struct __user_cap_data_struct d[2];
    struct rlimit limit;
    struct stat st;
    char path[64], text[64];

    become(asking);
    say("signal 0", kill(other, 0));
    say("SIGCONT", kill(other, SIGCONT));
    say("capget", syscall(SYS_capget, &h, d));
    say("prlimit", prlimit(other, RLIMIT_CORE, NULL, &limit));
    say("getpriority", getpriority(PRIO_PROCESS, (id_t)other));
    say("setpriority 5", setpriority(PRIO_PROCESS, (id_t)other, 5));
    say("setpriority 5 again", setpriority(PRIO_PROCESS, (id_t)other, 5));
    say("sched_getscheduler", syscall(SYS_sched_getscheduler, other));
    snprintf(path, sizeof(path), "/proc/%d", other);
    T_MUST("stat", stat(path, &st) == 0);
    t_line(1, "  /proc/PID %o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
    snprintf(path, sizeof(path), "/proc/%d/status", other);
    T_MUST("stat", stat(path, &st) == 0);
    t_line(1, "  status %o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
    static const char *const files[] = {
        "stat",   "cmdline",   "environ",       "auxv",     "maps", "smaps", "io",
        "limits", "fd",        "fdinfo",        "task",     "fd/0", "exe",   "cwd",
        "statm",  "oom_score", "oom_score_adj", "loginuid", "ns",   "ns/pid"};
    for (size_t k = 0; k < T_COUNT(files); k++) {
        try_open(files[k]);
    }
    snprintf(path, sizeof(path), "/proc/%d/exe", other);
    say("readlink exe", readlink(path, text, sizeof(text)));
    snprintf(path, sizeof(path), "/proc/%d/ns/net", other);
    say("readlink ns/net", readlink(path, text, sizeof(text)));
    struct iovec here = {text, 1}, there = {&other, 1};
    say("process_vm_readv", process_vm_readv(other, &here, 1, &there, 1, 0));
    int pidfd = (int)syscall(SYS_pidfd_open, other, 0);
    say("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
    say("pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

static void check_others(void)
{
    for (size_t k = 0; k < T_COUNT(users) * T_COUNT(users); k++) {
        const struct user *u = &users[k / T_COUNT(users)];
        int status;

        asking = &users[k % T_COUNT(users)];
        t_line(1, "%s looks at %s\n", asking->name, u->name);
        other = target(u);
        t_apart(ask);
        T_MUST("the end", kill(other, SIGKILL) == 0 && waitpid(other, &status, 0) == other);
    }
}

static void write_oom(const char *file, const char *value)
{
    char path[64], text[32] = "";
    int fd;

    snprintf(path, sizeof(path), "/proc/self/%s", file);
    fd = open(path, O_RDWR);
    say(value, fd < 0 ? -1 : write(fd, value, strlen(value)));
    if (fd >= 0) {
        close(fd);
    }
    fd = open("/proc/self/oom_score_adj", O_RDONLY);
    T_MUST("read", fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    t_line(1, "  %s after %s: %s", file, value, text);
}

static void oom(void)
{
    static const char *const values[] = {"500", "-1", " 7\n",  "1001", "-1001",
                                         "x",   "",   "300 4", "1000", "0"};
    static const char *const old[] = {"15", "16", "3", "-1", "-18", "0"};

    for (size_t k = 0; k < T_COUNT(values); k++) {
        write_oom("oom_score_adj", values[k]);
    }
    for (size_t k = 0; k < T_COUNT(old); k++) {
        write_oom("oom_adj", old[k]);
    }
}

/* As root without the capability, and as another user, to whom the file of a process that cannot be
 * looked into does not belong. */
static void check_oom(void)
{
    drop_resource();
    oom();
    T_MUST("user", setresuid(1000, 1000, 1000) == 0);
    write_oom("oom_score_adj", "5");
    T_MUST("dumpable", prctl(PR_SET_DUMPABLE, 1) == 0);
    write_oom("oom_score_adj", "6");
}

/* Each name space has one file, and its link shows the kind. */
static void check_spaces(void)
{
    static const char *const names[] = {"cgroup",           "ipc",  "mnt",  "net", "pid",
                                        "pid_for_children", "time", "user", "uts"};
    struct stat a, b;
    char path[64], text[64], byte;
    int fd;

    for (size_t k = 0; k < T_COUNT(names); k++) {
        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[k]);
        ssize_t n = readlink(path, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = 0;
        unsigned long ino =
            strchr(text, '[') != NULL ? strtoul(strchr(text, '[') + 1, NULL, 10) : 0;
        fd = open(path, O_RDONLY);
        T_MUST("stat", stat(path, &a) == 0 && fd >= 0 && fstat(fd, &b) == 0);
        t_line(1, "%s: %.*s, %d %d, %o %u\n", names[k], (int)strcspn(text, "["), text,
               a.st_ino == ino, a.st_dev == b.st_dev && a.st_ino == b.st_ino, a.st_mode, a.st_uid);
        T_ERR("there is nothing to read", read(fd, &byte, 1), EINVAL);
        close(fd);
    }
}

int main(void)
{
    check_spaces();
    t_apart(check_oom);
    check_others();
    return t_done();
}
