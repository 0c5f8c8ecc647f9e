// SPDX-License-Identifier: Apache-2.0
/*
 * The files of /proc that programs read: self/exe, maps, fd, status, stat, cmdline, and cpuinfo,
 * meminfo, uptime, environ, auxv, io, sys/kernel/random; each parsed, and compared with what the
 * process knows of itself.
 */
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static char text[1 << 20];

static const char *slurp(const char *name)
{
    int fd = open(name, O_RDONLY);
    size_t size = 0;
    ssize_t n = 0;

    /* Small reads: a /proc file must keep its place between them. */
    while (fd >= 0 && size + 600 < sizeof(text) && (n = read(fd, text + size, 500)) > 0) {
        size += (size_t)n;
    }
    if (fd >= 0) {
        close(fd);
    }
    text[size] = 0;
    return fd < 0 || n < 0 ? "" : text;
}

static void check_exe(const char *argv0)
{
    char target[PATH_MAX] = "";
    struct stat link, file;

    ssize_t n = readlink("/proc/self/exe", target, sizeof(target) - 1);
    T_CHECK("exe is an absolute path", n > 0 && target[0] == '/');
    T_CHECK("to this program", stat("/proc/self/exe", &link) == 0 && stat(argv0, &file) == 0 &&
                                   link.st_ino == file.st_ino);
    T_CHECK("lstat shows a link", lstat("/proc/self/exe", &link) == 0 && S_ISLNK(link.st_mode));
    int fd = open("/proc/self/exe", O_RDONLY);
    T_CHECK("it opens as ELF", fd >= 0 && read(fd, text, 4) == 4 && !memcmp(text, "\177ELF", 4));
    close(fd);
    snprintf(target, sizeof(target), "/proc/%d/exe", (int)getpid());
    T_CHECK("by number too", stat(target, &link) == 0 && link.st_ino == file.st_ino);
}

struct mapping {
    uintptr_t start, end;
    char perms[5];
    char name[256];
};

static bool find_mapping(const void *address, struct mapping *m)
{
    const char *line = slurp("/proc/self/maps");

    while (*line != 0) {
        m->name[0] = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %255[^\n]", &m->start, &m->end,
                   m->perms, m->name) >= 3 &&
            (uintptr_t)address >= m->start && (uintptr_t)address < m->end) {
            return true;
        }
        line = strchr(line, '\n');
        if (line == NULL) {
            return false;
        }
        line++;
    }
    return false;
}

static void check_maps(void)
{
    struct mapping m;
    char local;
    int (*function)(void) = t_done;
    void *code;

    memcpy(&code, &function, sizeof(code));
    T_CHECK("text is mapped r-x", find_mapping(code, &m) && !strcmp(m.perms, "r-xp"));
    T_CHECK("from this program", strstr(m.name, "procfs") != NULL);
    T_CHECK("data is mapped rw-", find_mapping(text, &m) && !strcmp(m.perms, "rw-p"));
    T_CHECK("the stack is mapped rw-", find_mapping(&local, &m) && !strncmp(m.perms, "rw", 2));
    T_STR("and named", m.name, "[stack]");
    char *p = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T_CHECK("a new mapping appears", find_mapping(p + 4096, &m) && !strcmp(m.perms, "r--p"));
    mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE);
    T_CHECK("mprotect splits it", find_mapping(p + 4096, &m) && !strcmp(m.perms, "rw-p"));
    T_CHECK("at its page", find_mapping(p, &m) && !strcmp(m.perms, "r--p"));
    munmap(p, 3 * 4096);
    T_CHECK("munmap removes it", !find_mapping(p + 4096, &m));
}

static void check_fd(void)
{
    char name[64], target[PATH_MAX] = "", cwd[PATH_MAX], want[PATH_MAX + 16];
    int fd = open("file", O_CREAT | O_RDWR, 0600);
    int ends[2];
    bool seen = false;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    snprintf(want, sizeof(want), "%s/file", getcwd(cwd, sizeof(cwd)));
    T_CHECK("readlink", readlink(name, target, sizeof(target) - 1) > 0);
    T_STR("is the path", target, want);
    DIR *dir = opendir("/proc/self/fd");
    T_MUST("opendir", dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        seen = seen || atoi(e->d_name) == fd;
    }
    T_CHECK("it is listed", seen);
    closedir(dir);
    T_MUST("pipe", pipe(ends) == 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
    memset(target, 0, sizeof(target));
    readlink(name, target, sizeof(target) - 1);
    T_CHECK("a pipe is named", strncmp(target, "pipe:[", 6) == 0);
    T_CHECK("cwd", readlink("/proc/self/cwd", target, sizeof(target) - 1) == (ssize_t)strlen(cwd));
}

static void check_status_and_stat(void)
{
    char name[64] = "";
    int pid = 0, ppid = -1;
    char state = 0;
    const char *status = slurp("/proc/self/status");

    T_CHECK("status names the program", sscanf(status, "Name: %63s", name) == 1);
    T_STR("its name", name, "procfs");
    const char *line = strstr(status, "\nPid:");
    T_CHECK("Pid", line && sscanf(line, "\nPid: %d", &pid) == 1 && pid == getpid());
    long kb = 0;
    line = strstr(status, "\nVmRSS:");
    T_CHECK("VmRSS", line && sscanf(line, "\nVmRSS: %ld kB", &kb) == 1 && kb > 0);
    T_CHECK("Threads", strstr(status, "\nThreads:\t1\n") != NULL);
    const char *stat_line = slurp("/proc/self/stat");
    T_CHECK("stat begins with pid, name and state",
            sscanf(stat_line, "%d (%63[^)]) %c %d", &pid, name, &state, &ppid) == 4 &&
                pid == getpid() && !strcmp(name, "procfs") && state == 'R' && ppid == getppid());
    int fields = 1;
    for (const char *p = strchr(stat_line, ')'); p != NULL && *p; p++) {
        fields += *p == ' ';
    }
    T_EQ("stat has 52 fields", fields + 1, 52);
}

static void check_cmdline(int argc, char **argv)
{
    const char *p = slurp("/proc/self/cmdline");
    bool good = true;

    for (int i = 0; i < argc; i++) {
        good = good && strcmp(p, argv[i]) == 0;
        p += strlen(p) + 1;
    }
    T_CHECK("cmdline is argv", good);
}

static void check_system(void)
{
    long total = 0, available = 0;
    double up = -1, idle = -1;
    const char *info = slurp("/proc/meminfo");
    const char *line = strstr(info, "MemAvailable:");

    T_CHECK("MemTotal", sscanf(info, "MemTotal: %ld kB", &total) == 1 && total > 1000);
    T_CHECK("MemAvailable", line && sscanf(line, "MemAvailable: %ld kB", &available) == 1 &&
                                available > 0 && available <= total);
    T_CHECK("uptime", sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle) == 2 && up >= 0);
    int processors = 0;
    info = slurp("/proc/cpuinfo");
    for (line = info; (line = strstr(line, "processor\t:")) != NULL; line++) {
        processors++;
    }
    T_EQ("cpuinfo lists every processor", processors, sysconf(_SC_NPROCESSORS_ONLN));
    T_CHECK("with flags", strstr(slurp("/proc/cpuinfo"), "flags\t\t: ") && strstr(text, " sse2 "));
    T_ERR("what is not there", open("/proc/no-such-file", O_RDONLY), ENOENT);
    T_ERR("a process that is not there", open("/proc/4194000/stat", O_RDONLY), ENOENT);
}

static mode_t mode_of(const char *name)
{
    struct stat st = {0};

    return stat(name, &st) == 0 ? st.st_mode : 0;
}

/* The environment and the auxiliary vector must be as the program got them: nothing has changed
 * them. */
static void check_environ_and_auxv(void)
{
    const char *p = slurp("/proc/self/environ");
    bool good = true;

    for (char **e = environ; *e != NULL; e++) {
        good = good && strcmp(p, *e) == 0;
        p += strlen(p) + 1;
    }
    T_CHECK("environ is the environment", good && *p == 0);
    T_EQ("only for the owner", mode_of("/proc/self/environ"), S_IFREG | 0400);
    unsigned long aux[128] = {0};
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, aux, sizeof(aux) - 2 * sizeof(aux[0]));
    close(fd);
    T_CHECK("auxv is pairs up to AT_NULL", n > 0 && n % 16 == 0 && aux[n / 8 - 2] == AT_NULL);
    int pairs = 0;
    for (unsigned long *a = aux; a[0] != AT_NULL; a += 2) {
        /* glibc puts its own bits into AT_HWCAP. */
        good = good && (a[0] == AT_HWCAP || getauxval(a[0]) == a[1]);
        pairs++;
    }
    T_CHECK("of getauxval's values", good && pairs > 10);
}

static void check_random(void)
{
    static const char random[] = "/proc/sys/kernel/random/";
    static const struct {
        const char *name;
        mode_t mode;
        const char *value;
    } rows[] = {
        {"entropy_avail", 0444, "256\n"},
        {"poolsize", 0444, "256\n"},
        {"urandom_min_reseed_secs", 0644, "60\n"},
        {"write_wakeup_threshold", 0644, "256\n"},
        {"boot_id", 0444, NULL},
        {"uuid", 0444, NULL},
    };
    char name[64], first[64], second[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", random, rows[i].name);
        T_EQ(rows[i].name, mode_of(name), S_IFREG | rows[i].mode);
        snprintf(first, sizeof(first), "%s", slurp(name));
        snprintf(second, sizeof(second), "%s", slurp(name));
        if (rows[i].value != NULL) {
            T_STR("its value", first, rows[i].value);
            continue;
        }
        T_CHECK("a UUID of version 4", strlen(first) == 37 && first[14] == '4' &&
                                           first[36] == '\n' && strchr("89ab", first[19]) != NULL);
        bool same = strcmp(first, second) == 0;
        T_CHECK("the same for a boot, new at each read",
                same == (strcmp(rows[i].name, "boot_id") == 0));
    }
}

static long io_count(const char *name)
{
    const char *line = strstr(slurp("/proc/self/io"), name);
    long n = -1;

    return line != NULL && sscanf(line + strlen(name), ": %ld", &n) == 1 ? n : -1;
}

static void check_io(void)
{
    char bytes[100] = "";
    int fd = open("file", O_CREAT | O_RDWR | O_TRUNC, 0600);
    long wrote = io_count("wchar"), calls = io_count("syscw"), got = io_count("rchar");

    /* Nothing else may be written in between: the output of the T_ macros counts, too. */
    bool good = write(fd, bytes, 100) == 100 && pwrite(fd, bytes, 10, 5) == 10 &&
                pread(fd, bytes, 50, 0) == 50;
    long wrote_after = io_count("wchar"), calls_after = io_count("syscw");

    T_CHECK("counts", good && wrote >= 0 && calls >= 0 && got >= 0);
    T_EQ("bytes written", wrote_after - wrote, 110);
    T_EQ("writes", calls_after - calls, 2);
    T_CHECK("bytes read", io_count("rchar") - got >= 50);
    close(fd);
}

static void check_fdinfo(void)
{
    char name[64], want[64];
    struct stat st;
    int fd = open("file", O_RDWR | O_APPEND | O_CLOEXEC);
    unsigned flags = 0;
    unsigned long ino = 0;

    lseek(fd, 7, SEEK_SET);
    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    const char *info = slurp(name);
    T_CHECK("fdinfo begins with the position", strncmp(info, "pos:\t7\n", 7) == 0);
    const char *line = strstr(info, "\nflags:\t");
    T_CHECK("flags", line && sscanf(line, "\nflags:\t%o", &flags) == 1);
    snprintf(want, sizeof(want), "%o", flags);
    T_STR("O_RDWR, O_APPEND, O_LARGEFILE, O_CLOEXEC", want, "2102002");
    line = strstr(info, "\nino:\t");
    T_CHECK("inode", line && sscanf(line, "\nino:\t%lu", &ino) == 1 && fstat(fd, &st) == 0 &&
                         ino == st.st_ino);
    close(fd);
    T_ERR("a closed one is not there", open(name, O_RDONLY), ENOENT);
}

static unsigned long status_mask(const char *name)
{
    const char *line = strstr(slurp("/proc/self/status"), name);
    unsigned long mask = 0;

    return line != NULL && sscanf(line + strlen(name), "%lx", &mask) == 1 ? mask : 0;
}

static void handler(int sig)
{
    (void)sig;
}

static void check_more_status(void)
{
    static const char *const names[] = {"\nNStgid:\t",
                                        "\nNSpid:\t",
                                        "\nVmStk:\t",
                                        "\nVmPin:\t",
                                        "\nSigQ:\t",
                                        "\nCapInh:\t",
                                        "\nCapPrm:\t",
                                        "\nCapBnd:\t",
                                        "\nCapAmb:\t",
                                        "\nvoluntary_ctxt_switches:\t",
                                        "\nnonvoluntary_ctxt_switches:\t"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        T_CHECK(names[i] + 1, strstr(slurp("/proc/self/status"), names[i]) != NULL);
    }
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    unsigned long caught = status_mask("\nSigCgt:\t"), ignored = status_mask("\nSigIgn:\t");
    T_CHECK("a handler counts as caught",
            (caught >> (SIGUSR1 - 1) & 1) && !(ignored >> (SIGUSR1 - 1) & 1));
    T_CHECK("SIG_IGN as ignored", !(caught >> (SIGUSR2 - 1) & 1) && (ignored >> (SIGUSR2 - 1) & 1));
    signal(SIGUSR1, SIG_DFL);
    T_CHECK("SIG_DFL as neither", !(status_mask("\nSigCgt:\t") >> (SIGUSR1 - 1) & 1));
    long before = 0, after = 0;
    const char *line = strstr(slurp("/proc/self/status"), "\nvoluntary_ctxt_switches:\t");
    T_CHECK("waits", line && sscanf(line, "\nvoluntary_ctxt_switches:\t%ld", &before) == 1);
    t_sleep_ms(2);
    line = strstr(slurp("/proc/self/status"), "\nvoluntary_ctxt_switches:\t");
    T_CHECK("one more",
            line && sscanf(line, "\nvoluntary_ctxt_switches:\t%ld", &after) == 1 && after > before);
}

static void check_same_everywhere(void)
{
    T_STR("swaps", slurp("/proc/swaps"), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    T_STR("personality", slurp("/proc/self/personality"), "00000000\n");
    T_STR("wchan of who runs", slurp("/proc/self/wchan"), "0");
    unsigned long last = (unsigned long)atol(slurp("/proc/sys/kernel/cap_last_cap"));
    T_CHECK("cap_last_cap is one", prctl(PR_CAPBSET_READ, last, 0, 0, 0) >= 0);
    T_ERR("and the last", prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0), EINVAL);
    int ends[2], most = atoi(slurp("/proc/sys/fs/pipe-max-size"));
    T_CHECK("a pipe can be of pipe-max-size",
            most >= 4096 && pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, most) == most);
    T_CHECK("nr_open", atol(slurp("/proc/sys/fs/nr_open")) >= 1024);
    T_EQ("settings are 0644", mode_of("/proc/sys/kernel/hostname"), S_IFREG | 0644);
    T_EQ("comm too", mode_of("/proc/self/comm"), S_IFREG | 0644);
    T_CHECK("devices", strstr(slurp("/proc/devices"), "Character devices:\n  1 mem\n") != NULL &&
                           strstr(text, "\nBlock devices:\n") != NULL);
    T_CHECK("vmstat", strncmp(slurp("/proc/vmstat"), "nr_free_pages ", 14) == 0);
}

int main(int argc, char **argv)
{
    char absolute[PATH_MAX] = "";

    T_MUST("realpath", realpath(argv[0], absolute) != NULL);
    t_scratch();
    check_exe(absolute);
    check_maps();
    check_fd();
    check_status_and_stat();
    check_cmdline(argc, argv);
    check_system();
    check_environ_and_auxv();
    check_random();
    check_io();
    check_fdinfo();
    check_more_status();
    check_same_everywhere();
    return t_done();
}
