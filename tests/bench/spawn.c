// SPDX-License-Identifier: Apache-2.0
/*
 * spawn N ROOT COMMAND...: starts a command N times, one after the other, in the root directory
 * ROOT ("/": this one), its output dropped, and prints the median, least and greatest time from
 * fork() to wait(), in milliseconds. In C, because what is measured takes about as long as Python
 * needs to start it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static _Noreturn void child(const char *root, char **argv, int null_fd)
{
    if ((strcmp(root, "/") == 0 || (chroot(root) == 0 && chdir("/") == 0)) &&
        dup2(null_fd, 0) == 0 && dup2(null_fd, 1) == 1) {
        (void)execvp(argv[0], argv);
    }
    _exit(127);
}

/* Milliseconds, or -1 when the command failed. */
static double spawn_once(const char *root, char **argv, int null_fd)
{
    int status;
    const double began = now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        child(root, argv, null_fd);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        return -1;
    }
    return now_ms() - began;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const long n = argc > 3 ? strtol(argv[1], NULL, 10) : 0;
    double *times = calloc(n > 0 ? (size_t)n : 1, sizeof(*times));
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (n <= 0 || times == NULL || null_fd < 0) {
        fputs("usage: spawn N ROOT COMMAND...\n", stderr);
        return 2;
    }
    (void)spawn_once(argv[2], argv + 3, null_fd); /* into the page cache */
    for (long i = 0; i < n; i++) {
        times[i] = spawn_once(argv[2], argv + 3, null_fd);
        if (times[i] < 0) {
            fprintf(stderr, "spawn: %s failed\n", argv[3]);
            return 1;
        }
    }
    qsort(times, (size_t)n, sizeof(*times), compare);
    printf("%.4f %.4f %.4f\n", times[n / 2], times[0], times[n - 1]);
    return 0;
}
