// SPDX-License-Identifier: Apache-2.0
// The files of /proc that programs read: self/exe, maps, fd, status, stat, cmdline, and cpuinfo,
// meminfo, uptime; each parsed, and compared with what the process knows of itself.
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char text[1 << 20];

static const char *slurp(const char *name)
{
    int fd = open(name, O_RDONLY);
    size_t size = 0;
    ssize_t n = 0;

    // Small reads: a /proc file must keep its place between them.
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
    for (const char *p = strchr(stat_line, ')'); p && *p; p++) {
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
    return t_done();
}
