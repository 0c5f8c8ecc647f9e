// SPDX-License-Identifier: Apache-2.0
/*
 * spawn SCRIPTS N ROOT COMMAND... [, N ROOT COMMAND...]...: starts each command N times, in turns,
 * so that other work on the machine falls on all of them alike. Prints a line for each: the median
 * and the least time from fork() to wait(), and the median CPU time, in milliseconds. A ROOT other
 * than "/" is a directory to chroot into, where SCRIPTS is seen as /tmp. Output is dropped. This is
 * written in C, because Python needs about as long to start a process as what is measured takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16

struct command {
    long runs, done;
    const char *root;
    char **argv;
    double *times, *cpu;
};

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static bool is_host(const char *root)
{
    return strcmp(root, "/") == 0;
}

static _Noreturn void child(const struct command *command, int null_fd)
{
    if ((is_host(command->root) || (chroot(command->root) == 0 && chdir("/") == 0)) &&
        dup2(null_fd, 0) == 0 && dup2(null_fd, 1) == 1) {
        (void)execvp(command->argv[0], command->argv);
    }
    _exit(127);
}

static double timeval_ms(const struct timeval *tv)
{
    return (double)tv->tv_sec * 1e3 + (double)tv->tv_usec / 1e3;
}

/* Runs a command once. Returns milliseconds, and stores those of CPU time. Ends the program when
 * the command fails. */
static double spawn_once(const struct command *command, int null_fd, double *cpu)
{
    int status;
    struct rusage used;
    const double began = now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        child(command, null_fd);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid || status != 0) {
        fprintf(stderr, "spawn: %s failed\n", command->argv[0]);
        exit(1);
    }
    const double took = now_ms() - began;
    *cpu = timeval_ms(&used.ru_utime) + timeval_ms(&used.ru_stime);
    return took;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Takes one command off the arguments; false when they make no sense. */
static bool parse(char ***args, struct command *command)
{
    char **at = *args;
    if (at[0] == NULL || at[1] == NULL || at[2] == NULL) {
        return false;
    }
    *command = (struct command){.runs = strtol(at[0], NULL, 10), .root = at[1], .argv = at + 2};
    for (at += 2; *at != NULL && strcmp(*at, ",") != 0; at++) {
    }
    if (*at != NULL) {
        *at++ = NULL;
    }
    *args = at;
    const size_t room = command->runs > 0 ? (size_t)command->runs : 1;
    command->times = calloc(room, sizeof(double));
    command->cpu = calloc(room, sizeof(double));
    return command->runs > 0 && command->times != NULL && command->cpu != NULL;
}

/* Mounts the scripts in a mount namespace of this process's own, which ends with it. */
static bool show_scripts(const char *scripts, const char *root)
{
    char to[4096];
    if (snprintf(to, sizeof(to), "%s/tmp", root) >= (int)sizeof(to)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(scripts, to, NULL, MS_BIND, NULL) == 0;
}

static void measure(struct command *commands, size_t count, int null_fd)
{
    long rounds = 0;
    for (size_t i = 0; i < count; i++) {
        rounds = commands[i].runs > rounds ? commands[i].runs : rounds;
        (void)spawn_once(&commands[i], null_fd, &commands[i].cpu[0]); /* fills the page cache */
    }
    for (long round = 1; round <= rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            struct command *c = &commands[i];
            if (c->done < round * c->runs / rounds) {
                c->times[c->done] = spawn_once(c, null_fd, &c->cpu[c->done]);
                c->done++;
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct command commands[COMMANDS_MAX];
    size_t count = 0;
    char **args = argv + 2;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    while (argc > 2 && *args != NULL && count < COMMANDS_MAX && parse(&args, &commands[count])) {
        count++;
    }
    if (count == 0 || *args != NULL || null_fd < 0) {
        fputs("usage: spawn SCRIPTS N ROOT COMMAND... [, N ROOT COMMAND...]...\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_host(commands[i].root)) {
            if (!show_scripts(argv[1], commands[i].root)) {
                perror("spawn: mount of the scripts");
                return 1;
            }
            break;
        }
    }
    measure(commands, count, null_fd);
    for (size_t i = 0; i < count; i++) {
        struct command *c = &commands[i];
        qsort(c->times, (size_t)c->runs, sizeof(*c->times), compare);
        qsort(c->cpu, (size_t)c->runs, sizeof(*c->cpu), compare);
        printf("%.4f %.4f %.4f\n", c->times[c->runs / 2], c->times[0], c->cpu[c->runs / 2]);
        free(c->times);
        free(c->cpu);
    }
    return 0;
}
