// SPDX-License-Identifier: Apache-2.0
/*
 * What the system says about itself and its limits: uname, sysinfo, getrandom, getrusage, rlimits,
 * sysconf, hostname. Values differ between machines, so only their sense is checked.
 */
#include "t.h"

#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static void check_uname(void)
{
    struct utsname name;
    char host[65] = "";
    int major = 0;

    T_EQ("uname", uname(&name), 0);
    T_STR("sysname", name.sysname, "Linux");
    T_STR("machine", name.machine, "x86_64");
    T_CHECK("release is one that glibc accepts",
            sscanf(name.release, "%d.", &major) == 1 && major >= 4);
    T_CHECK("version and nodename are there", name.version[0] && name.nodename[0]);
    T_EQ("gethostname", gethostname(host, sizeof(host)), 0);
    T_STR("is the nodename", host, name.nodename);
}

static void check_sysinfo(void)
{
    struct sysinfo info;

    T_EQ("sysinfo", sysinfo(&info), 0);
    T_CHECK("uptime", info.uptime >= 0);
    T_CHECK("memory", info.mem_unit > 0 && info.totalram > 0 && info.freeram <= info.totalram);
    T_CHECK("processes", info.procs > 0);
    T_CHECK("physical pages", sysconf(_SC_PHYS_PAGES) > 0 && sysconf(_SC_AVPHYS_PAGES) > 0);
    T_CHECK("processors", sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN) &&
                              sysconf(_SC_NPROCESSORS_ONLN) >= 1 && get_nprocs() >= 1);
    T_EQ("clock ticks", sysconf(_SC_CLK_TCK), 100);
}

static void check_getrandom(void)
{
    static unsigned char a[5000], b[5000];
    unsigned used[8] = {0};

    T_EQ("getrandom", getrandom(a, sizeof(a), 0), sizeof(a));
    T_EQ("without blocking", getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
    T_CHECK("never the same", memcmp(a, b, sizeof(a)) != 0);
    T_EQ("GRND_RANDOM", getrandom(b, 16, GRND_RANDOM), 16);
    T_EQ("nothing", getrandom(b, 0, 0), 0);
    T_ERR("unknown flags", getrandom(b, 1, 0x100), EINVAL);
    T_EQ("getentropy", getentropy(b, 256), 0);
    T_ERR("getentropy of too much", getentropy(b, sizeof(b)), EIO);
    for (size_t i = 0; i < sizeof(a); i++) {
        for (int bit = 0; bit < 8; bit++) {
            used[bit] += a[i] >> bit & 1;
        }
    }
    bool even = true;
    for (int bit = 0; bit < 8; bit++) {
        even = even && used[bit] > 2200 && used[bit] < 2800;
    }
    T_CHECK("every bit is set half of the time", even);
}

static void check_limits(void)
{
    static const int all[] = {RLIMIT_CPU,     RLIMIT_FSIZE,    RLIMIT_DATA,   RLIMIT_STACK,
                              RLIMIT_CORE,    RLIMIT_RSS,      RLIMIT_NPROC,  RLIMIT_NOFILE,
                              RLIMIT_MEMLOCK, RLIMIT_AS,       RLIMIT_LOCKS,  RLIMIT_SIGPENDING,
                              RLIMIT_NICE,    RLIMIT_MSGQUEUE, RLIMIT_RTPRIO, RLIMIT_RTTIME};
    struct rlimit limit, old;
    bool good = true;

    for (size_t i = 0; i < T_COUNT(all); i++) {
        good = good && getrlimit(all[i], &limit) == 0 && limit.rlim_cur <= limit.rlim_max;
    }
    T_CHECK("every limit can be asked for", good);
    T_ERR("an unknown one", getrlimit(99, &limit), EINVAL);
    T_EQ("core limit", getrlimit(RLIMIT_CORE, &old), 0);
    limit = old;
    limit.rlim_cur = 0;
    T_EQ("set by prlimit", prlimit(0, RLIMIT_CORE, &limit, &old), 0);
    T_EQ("read back", getrlimit(RLIMIT_CORE, &limit), 0);
    T_EQ("is what was set", limit.rlim_cur, 0);
    limit.rlim_cur = 10;
    limit.rlim_max = 5;
    T_ERR("soft above hard", setrlimit(RLIMIT_CORE, &limit), EINVAL);
    T_ERR("another process that is not there", prlimit(4194000, RLIMIT_CORE, NULL, &old), ESRCH);
    T_CHECK("open files", sysconf(_SC_OPEN_MAX) >= 256);
}

static void check_usage(void)
{
    struct rusage usage;

    T_EQ("of the process", getrusage(RUSAGE_SELF, &usage), 0);
    T_CHECK("resident memory", usage.ru_maxrss > 0);
    T_EQ("of the thread", getrusage(RUSAGE_THREAD, &usage), 0);
    T_EQ("of children", getrusage(RUSAGE_CHILDREN, &usage), 0);
    T_CHECK("there are none", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    T_ERR("of something else", getrusage(55, &usage), EINVAL);
}

static void check_priority(void)
{
    errno = 0;
    T_EQ("getpriority", getpriority(PRIO_PROCESS, 0), 0);
    T_EQ("without an error", errno, 0);
    T_EQ("setpriority", setpriority(PRIO_PROCESS, 0, 5), 0);
    T_EQ("set", getpriority(PRIO_PROCESS, 0), 5);
    T_EQ("back, as root", setpriority(PRIO_PROCESS, 0, 0), 0);
    T_ERR("an unknown kind", getpriority(9, 0), EINVAL);
}

int main(void)
{
    check_uname();
    check_sysinfo();
    check_getrandom();
    check_limits();
    check_usage();
    check_priority();
    return t_done();
}
