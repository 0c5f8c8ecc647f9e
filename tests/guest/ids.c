// SPDX-License-Identifier: Apache-2.0
/*
 * Identities: process, thread, session, user and group ids as root has them, supplementary groups,
 * prctl names, personality, capabilities.
 */
#include "t.h"

#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void check_process(void)
{
    T_CHECK("pid", getpid() > 0 && syscall(SYS_getpid) == getpid());
    T_EQ("the main thread's id is the pid", gettid(), getpid());
    T_CHECK("parent", getppid() >= 0 && getppid() != getpid());
    T_CHECK("group and session", getpgrp() > 0 && getsid(0) >= 0 && getpgid(0) == getpgrp());
    T_CHECK("of itself by number", getpgid(getpid()) == getpgrp());
    T_ERR("of no process", getpgid(4194000), ESRCH);
}

static void *other_thread(void *tid)
{
    *(pid_t *)tid = gettid();
    return NULL;
}

static void check_thread(void)
{
    pthread_t thread;
    pid_t tid = 0;

    T_MUST("thread", pthread_create(&thread, NULL, other_thread, &tid) == 0);
    pthread_join(thread, NULL);
    T_CHECK("a thread has its own id", tid > 0 && tid != getpid());
}

static void check_root(void)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    T_CHECK("user is root", getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
    T_EQ("getresuid", getresuid(&r, &e, &s), 0);
    T_CHECK("all three are 0", r == 0 && e == 0 && s == 0);
    T_EQ("getresgid", getresgid(&rg, &eg, &sg), 0);
    T_CHECK("all three groups are 0", rg == 0 && eg == 0 && sg == 0);
    T_EQ("setresuid keeps with -1", setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1), 0);
    T_EQ("setuid to the same", setuid(0) | setgid(0) | setreuid(0, 0) | setregid(0, 0), 0);
    T_EQ("setfsuid returns the last", setfsuid(0), 0);
}

static void check_groups(void)
{
    gid_t set[3] = {7, 8, 9}, got[64];

    T_CHECK("getgroups counts", getgroups(0, NULL) >= 0);
    T_EQ("setgroups", setgroups(3, set), 0);
    T_EQ("getgroups", getgroups(64, got), 3);
    T_CHECK("the same", got[0] == 7 && got[1] == 8 && got[2] == 9);
    T_ERR("too little room", getgroups(2, got), EINVAL);
    T_EQ("none", setgroups(0, NULL), 0);
    T_EQ("none left", getgroups(64, got), 0);
}

static void check_change(void)
{
    uid_t r, e, s;

    T_EQ("setresgid", setresgid(100, 101, 102), 0);
    T_CHECK("groups changed", getgid() == 100 && getegid() == 101);
    T_EQ("setresuid", setresuid(1000, 1000, 0), 0);
    T_CHECK("users changed",
            getuid() == 1000 && geteuid() == 1000 && getresuid(&r, &e, &s) == 0 && s == 0);
    T_ERR("no longer allowed", setresuid(5, 5, 5), EPERM);
    T_EQ("back through the saved one", setresuid(0, 0, 0), 0);
    T_EQ("root again", getuid() | geteuid(), 0);
    T_EQ("the groups too", setresgid(0, 0, 0), 0);
}

static void check_prctl(void)
{
    char name[16] = "";

    T_EQ("PR_GET_NAME", prctl(PR_GET_NAME, name), 0);
    T_STR("is the program", name, "ids");
    T_EQ("PR_SET_NAME", prctl(PR_SET_NAME, "a-name-that-is-too-long"), 0);
    T_EQ("read back", prctl(PR_GET_NAME, name), 0);
    T_STR("cut to 15", name, "a-name-that-is-");
    T_EQ("pthread_setname_np", pthread_setname_np(pthread_self(), "short"), 0);
    T_CHECK("pthread_getname_np", pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
                                      strcmp(name, "short") == 0);
    T_EQ("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE) >= 0, 1);
    T_EQ("PR_SET_PDEATHSIG", prctl(PR_SET_PDEATHSIG, 0), 0);
    T_EQ("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    T_EQ("PR_GET_NO_NEW_PRIVS", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    T_ERR("an unknown option", prctl(99999, 0, 0, 0, 0), EINVAL);
}

static void check_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    T_EQ("capget", syscall(SYS_capget, &header, data), 0);
    T_CHECK("root has some", data[0].effective != 0);
    T_EQ("personality", syscall(SYS_personality, 0xffffffff), 0);
}

int main(void)
{
    check_process();
    check_thread();
    check_root();
    check_groups();
    check_change();
    check_prctl();
    check_capabilities();
    return t_done();
}
