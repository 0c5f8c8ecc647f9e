// SPDX-License-Identifier: Apache-2.0
/*
 * What /proc says of the memory of a process and of the machine, and what VMs and processes share.
 */
#include "scale.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The number after a label in a file of "Label: number kB" lines. */
static long field(const char *path, const char *label)
{
    char line[256];
    long value = -1;
    FILE *f = fopen(path, "r");
    while (f != NULL && value < 0 && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, label, strlen(label)) == 0) {
            value = strtol(line + strlen(label), NULL, 10);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return value < 0 ? 0 : value;
}

static long entries(const char *path)
{
    long count = 0;
    DIR *dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count - 3; /* ., .. and the descriptor of this directory */
}

static long lines(const char *path)
{
    long count = 0;
    FILE *f = fopen(path, "r");
    for (int c; f != NULL && (c = getc(f)) != EOF;) {
        count += c == '\n';
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return count;
}

struct memory memory_of(pid_t pid)
{
    char rollup[64];
    char status[64];
    char maps[64];
    char fds[64];
    (void)snprintf(rollup, sizeof(rollup), "/proc/%d/smaps_rollup", (int)pid);
    (void)snprintf(status, sizeof(status), "/proc/%d/status", (int)pid);
    (void)snprintf(maps, sizeof(maps), "/proc/%d/maps", (int)pid);
    (void)snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)pid);
    return (struct memory){
        .private_dirty = field(rollup, "Private_Dirty:"),
        .private_clean = field(rollup, "Private_Clean:"),
        .rss = field(rollup, "Rss:"),
        .pss = field(rollup, "Pss:"),
        .page_tables = field(status, "VmPTE:"),
        .maps = lines(maps),
        .fds = entries(fds),
        .available = field("/proc/meminfo", "MemAvailable:"),
        .vmalloc = field("/proc/meminfo", "VmallocUsed:"),
        .shadow = field("/proc/meminfo", "SecPageTables:"),
        .slab = field("/proc/meminfo", "SUnreclaim:"),
    };
}

#define SLEEPER "print(1, flush=True)\nimport time\ntime.sleep(60)"

/* Starts a `pyhl run`, and waits until it has printed and sleeps. */
static pid_t sleeper_start(const struct scale *scale)
{
    int out[2];
    char byte;
    if (pipe(out) < 0) {
        die("no pipe");
    }
    const pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execl(scale->pyhl, "pyhl", "run", "--dest", scale->home, "-c", SLEEPER, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    if (pid < 0 || read(out[0], &byte, 1) != 1) {
        die("%s did not run", scale->pyhl);
    }
    (void)close(out[0]);
    return pid;
}

static void sharing_row(const char *what, size_t n, long pss, long private, long rss)
{
    printf("| %s | %ld | %ld | %ld | %ld |\n", what, pss / (long)n, private / (long)n,
           rss / (long)n, pss);
}

static void sharing_processes(const struct scale *scale, size_t n)
{
    char what[64];
    pid_t pids[64];
    struct memory sum = {0};
    for (size_t i = 0; i < n; i++) {
        pids[i] = sleeper_start(scale);
    }
    for (size_t i = 0; i < n; i++) {
        const struct memory m = memory_of(pids[i]);
        sum.pss += m.pss;
        sum.rss += m.rss;
        sum.private_dirty += m.private_dirty;
    }
    for (size_t i = 0; i < n; i++) {
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
    }
    (void)snprintf(what, sizeof(what), "%zu `pyhl run`, sleeping", n);
    sharing_row(what, n, sum.pss, sum.private_dirty, sum.rss);
}

void table_sharing(struct scale *scale)
{
    static const size_t counts[] = {1, 2, 8, 32};
    printf("\n### What VMs share, KiB\n\nProportional (each page divided by its users), private "
           "dirty and resident memory, of each process or VM, after `print(1)`. VMs of one process "
           "include that process. What is not private is the page cache of snapshot and initrd.\n\n"
           "| what | Pss each | private each | RSS each | Pss of all |\n| --- | --- | --- | --- | "
           "--- |\n");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (scale->pyhl != NULL) {
            sharing_processes(scale, counts[i]);
        }
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && counts[i] <= scale->vms; i++) {
        char what[64];
        pool_grow(scale, counts[i], NULL);
        const struct memory m = memory_of(getpid());
        (void)snprintf(what, sizeof(what), "%zu VMs of one process", counts[i]);
        sharing_row(what, counts[i], m.pss, m.private_dirty, m.rss);
        (void)fflush(stdout);
    }
    pool_shrink(scale, 0);
}
