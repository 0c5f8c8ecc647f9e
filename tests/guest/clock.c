// SPDX-License-Identifier: Apache-2.0
/*
 * Time: every clock runs forward and agrees with its siblings, resolutions, the vDSO against the
 * system call, nanosleep and clock_nanosleep relative and absolute, times and clocks of the CPU.
 */
#include "t.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

#define MS 1000000LL

static const struct {
    clockid_t id;
    const char *name;
} clocks[] = {{CLOCK_REALTIME, "REALTIME"},
              {CLOCK_MONOTONIC, "MONOTONIC"},
              {CLOCK_PROCESS_CPUTIME_ID, "PROCESS_CPUTIME"},
              {CLOCK_THREAD_CPUTIME_ID, "THREAD_CPUTIME"},
              {CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"},
              {CLOCK_REALTIME_COARSE, "REALTIME_COARSE"},
              {CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
              {CLOCK_BOOTTIME, "BOOTTIME"},
              {CLOCK_TAI, "TAI"}};

static void check_each(void)
{
    for (size_t i = 0; i < T_COUNT(clocks); i++) {
        struct timespec resolution = {9, 9};
        int64_t last = t_nanoseconds(clocks[i].id);
        bool forward = last > 0;
        for (int j = 0; j < 2000; j++) {
            int64_t now = t_nanoseconds(clocks[i].id);
            forward = forward && now >= last;
            last = now;
        }
        T_CHECK(clocks[i].name, forward && clock_getres(clocks[i].id, &resolution) == 0 &&
                                    resolution.tv_sec == 0 && resolution.tv_nsec >= 1 &&
                                    resolution.tv_nsec <= 10 * MS);
    }
    struct timespec ts;
    T_ERR("an unknown clock", clock_gettime(77, &ts), EINVAL);
    T_ERR("its resolution", clock_getres(77, &ts), EINVAL);
}

/* Reads one clock twice, the second time in another way: the second value must not be less. */
static void check_agreement(void)
{
    struct timespec ts;
    struct timeval tv;
    int64_t before = t_nanoseconds(CLOCK_MONOTONIC);

    T_EQ("the raw system call", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts), 0);
    int64_t raw = ts.tv_sec * 1000 * MS + ts.tv_nsec;
    T_CHECK("agrees", raw >= before && raw <= t_nanoseconds(CLOCK_MONOTONIC));
    before = t_nanoseconds(CLOCK_REALTIME);
    T_EQ("gettimeofday", gettimeofday(&tv, NULL), 0);
    int64_t day = tv.tv_sec * 1000 * MS + tv.tv_usec * 1000;
    T_CHECK("agrees to the microsecond",
            day + 1000 > before && day <= t_nanoseconds(CLOCK_REALTIME));
    time_t now = time(NULL);
    T_CHECK("time agrees", now >= before / (1000 * MS) - 1 && now <= before / (1000 * MS) + 60);
    T_CHECK("it is after 2023", now > 1672531200);
    int64_t coarse = t_nanoseconds(CLOCK_REALTIME_COARSE);
    int64_t fine = t_nanoseconds(CLOCK_REALTIME);
    T_CHECK("coarse is not ahead", coarse <= fine + MS);
    T_CHECK("and not far after", coarse > fine - 30000 * MS);
    T_CHECK("uptime is monotonic time or more",
            t_nanoseconds(CLOCK_BOOTTIME) + MS >= t_nanoseconds(CLOCK_MONOTONIC));
}

static void check_sleeps(void)
{
    struct timespec ts = {0, 20 * MS};
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);

    T_EQ("nanosleep", nanosleep(&ts, NULL), 0);
    T_CHECK("20 ms or more", t_nanoseconds(CLOCK_MONOTONIC) - start >= 20 * MS);
    start = t_nanoseconds(CLOCK_MONOTONIC);
    T_EQ("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL), 0);
    T_CHECK("20 ms or more again", t_nanoseconds(CLOCK_MONOTONIC) - start >= 20 * MS);
    int64_t until = t_nanoseconds(CLOCK_MONOTONIC) + 25 * MS;
    ts = (struct timespec){until / (1000 * MS), until % (1000 * MS)};
    T_EQ("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
    T_CHECK("until then", t_nanoseconds(CLOCK_MONOTONIC) >= until);
    T_EQ("absolute in the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
    until = t_nanoseconds(CLOCK_REALTIME) + 10 * MS;
    ts = (struct timespec){until / (1000 * MS), until % (1000 * MS)};
    T_EQ("absolute wall time", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0);
    T_CHECK("until then too", t_nanoseconds(CLOCK_REALTIME) >= until);
    ts = (struct timespec){0, 0};
    T_EQ("no time at all", nanosleep(&ts, NULL), 0);
    ts = (struct timespec){0, 1000 * MS};
    T_ERR("nanoseconds out of range", nanosleep(&ts, NULL), EINVAL);
    ts = (struct timespec){-1, 0};
    T_ERR("negative", nanosleep(&ts, NULL), EINVAL);
    ts = (struct timespec){0, 1};
    T_EQ("an unknown clock", clock_nanosleep(77, 0, &ts, NULL), EINVAL);
    T_EQ("usleep", usleep(1000), 0);
}

static int64_t thread_time(void)
{
    return t_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

static void check_cpu_time(void)
{
    volatile unsigned spin = 0;
    struct tms tms;
    struct rusage usage;
    int64_t start = thread_time();
    int64_t limit = t_nanoseconds(CLOCK_MONOTONIC) + 20000 * MS;

    while (thread_time() - start < 15 * MS && t_nanoseconds(CLOCK_MONOTONIC) < limit) {
        for (int i = 0; i < 10000; i++) {
            spin = spin + 1;
        }
    }
    T_CHECK("working takes CPU time", thread_time() - start >= 15 * MS);
    T_CHECK("the process has at least as much", t_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) >= 15 * MS);
    T_CHECK("times", times(&tms) != (clock_t)-1 && tms.tms_utime >= 0);
    T_CHECK("getrusage", getrusage(RUSAGE_SELF, &usage) == 0 &&
                             usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
                                     usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >=
                                 5000);
    T_CHECK("clock", clock() >= CLOCKS_PER_SEC / 100);
}

static void check_calendar(void)
{
    struct tm tm;
    time_t when = 1709210096;
    char text[64];

    T_CHECK("gmtime", gmtime_r(&when, &tm) != NULL);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %a %j", &tm);
    T_STR("strftime", text, "2024-02-29 12:34:56 Thu 060");
    T_EQ("timegm", timegm(&tm), when);
}

int main(void)
{
    check_each();
    check_agreement();
    check_sleeps();
    check_cpu_time();
    check_calendar();
    return t_done();
}
