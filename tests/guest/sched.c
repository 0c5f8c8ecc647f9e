// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduling calls: yield, affinity, getcpu, policies and priorities, and a robust list and rseq
 * registration as the C library makes them.
 */
#include "t.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

static void check_affinity(void)
{
    cpu_set_t set, other;

    T_EQ("sched_getaffinity", sched_getaffinity(0, sizeof(set), &set), 0);
    int count = CPU_COUNT(&set);
    T_CHECK("at least one processor", count >= 1);
    T_EQ("as many as online", count, sysconf(_SC_NPROCESSORS_ONLN));
    T_CHECK("the raw call returns the size in bytes",
            syscall(SYS_sched_getaffinity, 0, sizeof(set), &other) >= 8);
    T_EQ("by thread id", sched_getaffinity(gettid(), sizeof(set), &other), 0);
    T_EQ("set to the same", sched_setaffinity(0, sizeof(set), &set), 0);
    int first = 0;
    while (!CPU_ISSET(first, &set)) {
        first++;
    }
    CPU_ZERO(&other);
    CPU_SET(first, &other);
    T_EQ("to one", sched_setaffinity(0, sizeof(other), &other), 0);
    T_EQ("running there", sched_getcpu(), first);
    T_EQ("back to all", sched_setaffinity(0, sizeof(set), &set), 0);
    CPU_ZERO(&other);
    T_ERR("to none", sched_setaffinity(0, sizeof(other), &other), EINVAL);
    T_ERR("too small a set", syscall(SYS_sched_getaffinity, 0, 1, &other), EINVAL);
    T_ERR("no such thread", sched_getaffinity(4194000, sizeof(set), &other), ESRCH);
}

static void check_getcpu(void)
{
    unsigned cpu = 99999, node = 99999;

    T_EQ("getcpu", getcpu(&cpu, &node), 0);
    T_CHECK("a processor that exists", (long)cpu < sysconf(_SC_NPROCESSORS_CONF));
    T_EQ("node", node, 0);
    T_EQ("getcpu, raw", syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
    T_CHECK("sched_getcpu", sched_getcpu() >= 0);
}

static void check_policy(void)
{
    struct sched_param param = {.sched_priority = 99};
    struct timespec slice;

    T_EQ("policy", sched_getscheduler(0), SCHED_OTHER);
    T_EQ("sched_getparam", sched_getparam(0, &param), 0);
    T_EQ("priority", param.sched_priority, 0);
    T_EQ("minimum of SCHED_OTHER", sched_get_priority_min(SCHED_OTHER), 0);
    T_EQ("maximum of SCHED_OTHER", sched_get_priority_max(SCHED_OTHER), 0);
    T_EQ("minimum of SCHED_FIFO", sched_get_priority_min(SCHED_FIFO), 1);
    T_EQ("maximum of SCHED_FIFO", sched_get_priority_max(SCHED_FIFO), 99);
    T_ERR("of an unknown policy", sched_get_priority_max(77), EINVAL);
    T_EQ("set to the same", sched_setscheduler(0, SCHED_OTHER, &param), 0);
    param.sched_priority = 5;
    T_ERR("SCHED_OTHER has no priority", sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
    T_EQ("sched_rr_get_interval", sched_rr_get_interval(0, &slice), 0);
}

static volatile int turn;

static void *yielder(void *unused)
{
    while (turn < 200) {
        if (turn % 2 == 1) {
            turn = turn + 1;
        }
        sched_yield();
    }
    return unused;
}

static void check_yield(void)
{
    pthread_t thread;

    T_EQ("alone", sched_yield(), 0);
    T_MUST("thread", pthread_create(&thread, NULL, yielder, NULL) == 0);
    while (turn < 200) {
        if (turn % 2 == 0) {
            turn = turn + 1;
        }
        sched_yield();
    }
    pthread_join(thread, NULL);
    T_EQ("two threads take turns", turn, 200);
}

static void check_registrations(void)
{
    void *head = NULL;
    size_t length = 0;
    int tid_word = 0;

    T_EQ("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &length), 0);
    T_CHECK("the C library registered one", head != NULL && length == 24);
    T_ERR("set_robust_list, wrong size", syscall(SYS_set_robust_list, head, 23), EINVAL);
    T_EQ("set_robust_list", syscall(SYS_set_robust_list, head, length), 0);
    long tid = syscall(SYS_set_tid_address, &tid_word);
    T_EQ("set_tid_address returns the thread id", tid, gettid());
    T_ERR("rseq, wrong flags", syscall(SYS_rseq, &tid_word, 32, 0x80, 0), EINVAL);
}

int main(void)
{
    check_affinity();
    check_getcpu();
    check_policy();
    check_yield();
    check_registrations();
    return t_done();
}
