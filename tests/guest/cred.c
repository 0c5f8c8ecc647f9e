// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials (credentials(7), capabilities(7)): after each call of a long random sequence, what
 * the call returned and all that the process is; what execve(2) makes of them, with set-id
 * programs; whom a process may signal, ask and look into.
 */
#include "t.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SEQUENCES 60
#define STEPS     14

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static long number(void)
{
    static const long few[] = {0, 0, 1000, 1000, 1001, 7, -1};

    return few[pick(T_COUNT(few))];
}

/* The lines of /proc/self/status about credentials. A container may lack CAP_SYS_RESOURCE: that bit
 * does not count. */
static void show(const char *what, long rc)
{
    static const char *const keys[] = {"Uid:",    "Gid:",    "Groups:", "CapInh:",    "CapPrm:",
                                       "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"};
    char line[256], all[1024];
    int n = snprintf(all, sizeof(all), "%s = %ld %s\n ", what, rc,
                     rc < 0 ? strerrorname_np(errno) : "");
    FILE *f = fopen("/proc/self/status", "r");

    T_MUST("status", f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        for (size_t k = 0; k < T_COUNT(keys); k++) {
            size_t len = strlen(keys[k]);
            if (strncmp(line, keys[k], len) != 0) {
                continue;
            }
            if (strncmp(line, "Cap", 3) == 0) {
                unsigned long set = strtoul(line + len, NULL, 16) & ~(1ul << CAP_SYS_RESOURCE);
                n += snprintf(all + n, sizeof(all) - (size_t)n, " %.3s %lx", line + 3, set);
            } else {
                n += snprintf(all + n, sizeof(all) - (size_t)n, " %.*s", (int)strcspn(line, "\n"),
                              line);
            }
        }
    }
    fclose(f);
    t_line(1, "%s dumpable %d keep %d bits %x\n", all, prctl(PR_GET_DUMPABLE),
           prctl(PR_GET_KEEPCAPS), (unsigned)prctl(PR_GET_SECUREBITS));
}

static unsigned some_caps(void)
{
    static const unsigned few[] = {0,
                                   1u << CAP_CHOWN,
                                   1u << CAP_SETUID,
                                   1u << CAP_SETUID | 1u << CAP_SETGID,
                                   1u << CAP_SETPCAP | 1u << CAP_KILL,
                                   ~(1u << CAP_SYS_RESOURCE)};

    return few[pick(T_COUNT(few))];
}

static long set_caps(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {{0}};

    T_MUST("capget", syscall(SYS_capget, &h, d) == 0);
    if (pick(2) == 0) {
        d[0].inheritable = some_caps();
    }
    if (pick(2) == 0) {
        d[0].effective = some_caps();
    }
    if (pick(4) == 0) {
        d[0].permitted = some_caps();
    }
    return syscall(SYS_capset, &h, d);
}

static long some_groups(void)
{
    gid_t list[5];
    size_t n = pick(6);

    for (size_t k = 0; k < n; k++) {
        list[k] = (gid_t)pick(50);
    }
    return syscall(SYS_setgroups, n, list);
}

static long some_prctl(const char **name)
{
    switch (pick(8)) {
    case 0:
    case 1:
        *name = "PR_SET_KEEPCAPS";
        return prctl(PR_SET_KEEPCAPS, pick(3), 0, 0, 0);
    case 2:
        *name = "PR_CAPBSET_DROP";
        return prctl(PR_CAPBSET_DROP, pick(45), 0, 0, 0);
    case 3:
        *name = "PR_SET_SECUREBITS";
        return prctl(PR_SET_SECUREBITS, pick(3) == 0 ? pick(1 << 8) : 1u << pick(9), 0, 0, 0);
    case 4:
        *name = "PR_CAP_AMBIENT_RAISE";
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, pick(8), 0, 0);
    case 5:
        *name = "PR_CAP_AMBIENT_LOWER";
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, pick(8), 0, 0);
    case 6:
        *name = "PR_CAP_AMBIENT, other";
        return prctl(PR_CAP_AMBIENT, pick(6), pick(3), pick(8) == 0, 0);
    default:
        *name = "PR_SET_DUMPABLE";
        return prctl(PR_SET_DUMPABLE, pick(3), 0, 0, 0);
    }
}

static void step(void)
{
    long a = number(), b = number(), c = number(), rc;
    const char *name;
    char what[128];

    switch (pick(13)) {
#define CALL(k, call, format, ...)                                                                 \
    case k:                                                                                        \
        rc = syscall(SYS_##call, __VA_ARGS__);                                                     \
        snprintf(what, sizeof(what), #call format, __VA_ARGS__);                                   \
        break
        CALL(0, setuid, "(%ld)", a);
        CALL(1, setgid, "(%ld)", a);
        CALL(2, setreuid, "(%ld, %ld)", a, b);
        CALL(3, setregid, "(%ld, %ld)", a, b);
        CALL(4, setresuid, "(%ld, %ld, %ld)", a, b, c);
        CALL(5, setresgid, "(%ld, %ld, %ld)", a, b, c);
        CALL(6, setfsuid, "(%ld)", a);
        CALL(7, setfsgid, "(%ld)", a);
        CALL(8, setresuid, "(%ld, %ld, -%ld)", a, b, 1l);
    case 9:
        rc = some_groups();
        snprintf(what, sizeof(what), "setgroups");
        break;
    case 10:
        rc = set_caps();
        snprintf(what, sizeof(what), "capset");
        break;
    default:
        rc = some_prctl(&name);
        snprintf(what, sizeof(what), "%s", name);
    }
    show(what, rc);
}

static void sequence(void)
{
    for (int k = 0; k < STEPS; k++) {
        step();
    }
}

static void copy_self(const char *name)
{
    int from = open("/proc/self/exe", O_RDONLY),
        to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    char part[1 << 14];
    ssize_t n;

    T_MUST("the program's file", from >= 0 && to >= 0);
    while ((n = read(from, part, sizeof(part))) > 0) {
        T_MUST("written", write(to, part, (size_t)n) == n);
    }
    close(from);
    close(to);
}

static const struct program {
    const char *name;
    uid_t uid;
    gid_t gid;
    mode_t mode;
} programs[] = {
    {"plain", 0, 0, 0755},
    {"setuid root", 0, 0, 04755},
    {"setuid 7", 7, 7, 04755},
    {"setgid 7", 0, 7, 02755},
    {"setgid, not executable", 0, 7, 02745},
    {"both", 7, 8, 06755},
    {"not readable", 0, 0, 0711},
    {"setuid to oneself", 1000, 1000, 06755},
};

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

static void become(const struct user *u)
{
    gid_t groups[2] = {30, 20};

    T_MUST("groups", setgroups(2, groups) == 0 && setresgid(u->real, u->effective, u->saved) == 0);
    T_MUST("keep", prctl(PR_SET_KEEPCAPS, u->keep) == 0);
    T_MUST("users", syscall(SYS_setresuid, u->real, u->effective, u->saved) == 0);
    if (u->no_new) {
        T_MUST("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    }
}

/* What the executed program says. */
static int shown(void)
{
    show("executed", 0);
    t_line(1, "  secure %lu, %lu %lu %lu %lu\n", getauxval(AT_SECURE), getauxval(AT_UID),
           getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID));
    return 0;
}

static const struct program *executed;
static const struct user *executing;

static void execute(void)
{
    become(executing);
    execl("./program", "program", "show", (char *)NULL);
    t_line(1, "  not executed: %s\n", strerrorname_np(errno));
}

static void check_exec(void)
{
    copy_self("program");
    for (size_t k = 0; k < T_COUNT(programs) * T_COUNT(users); k++) {
        executed = &programs[k / T_COUNT(users)];
        executing = &users[k % T_COUNT(users)];
        if (executing->effective != executing->real && executed->uid == executing->real &&
            executed->mode & 04000) {
            continue; /* whether that is secure depends on Linux's version */
        }
        t_line(1, "%s executes: %s\n", executing->name, executed->name);
        T_MUST("owner", chown("program", executed->uid, executed->gid) == 0);
        T_MUST("mode", chmod("program", executed->mode) == 0);
        t_apart(execute);
    }
}

static pthread_barrier_t changed;

static void *look(void *right)
{
    pthread_barrier_wait(&changed);
    *(bool *)right = getuid() == 1000 && getegid() == 7 && open("closed", O_RDONLY) == -1 &&
                     errno == EACCES && setuid(0) == -1 && errno == EPERM;
    return NULL;
}

/* The C library sees to it that a call changes all threads. */
static void threads(void)
{
    pthread_t thread[3];
    bool right[3];

    T_MUST("barrier", pthread_barrier_init(&changed, NULL, T_COUNT(thread) + 1) == 0);
    for (size_t k = 0; k < T_COUNT(thread); k++) {
        T_MUST("thread", pthread_create(&thread[k], NULL, look, &right[k]) == 0);
    }
    T_EQ("root reads", close(open("closed", O_RDONLY | O_CREAT, 0)), 0);
    T_EQ("another user", setgroups(0, NULL) | setgid(7) | setuid(1000), 0);
    pthread_barrier_wait(&changed);
    for (size_t k = 0; k < T_COUNT(thread); k++) {
        T_EQ("join", pthread_join(thread[k], NULL), 0);
        T_CHECK("each thread is that user", right[k]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "show") == 0) {
        return shown();
    }
    t_scratch();
    T_MUST("others may come in", chmod(".", 0777) == 0);
    for (uint32_t k = 0; k < SEQUENCES; k++) {
        seed = k * 7919 + 1;
        t_line(1, "sequence %u\n", k);
        t_apart(sequence);
    }
    check_exec();
    t_apart(threads);
    return t_done();
}
