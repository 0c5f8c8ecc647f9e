// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into the driver on plain Linux, this stands for the VMM: opening the run device does
 * not return in the process that booted. It takes one line "FRAME STDIN STDOUT STDERR" (paths) per
 * run from descriptor CONTROL, forks a child in which open returns with that frame and those
 * streams, and writes the child's wait status back. So one boot serves many runs, as one snapshot
 * does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/abi.h"

#define CONTROL 200
#define ANSWER  201

int open(const char *path, int flags, ...);

static int real_open(const char *path, int flags, mode_t mode)
{
    static int (*next)(const char *, int, ...);
    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "open");
    }
    return next(path, flags, mode);
}

static void replace(int fd, const char *path, int flags)
{
    int from = real_open(path, flags, 0644);
    if (from < 0 || dup2(from, fd) != fd) {
        _exit(99);
    }
    close(from);
}

static int enter_child(char *line)
{
    char *save;
    const char *frame = strtok_r(line, " \n", &save);
    const char *in = strtok_r(NULL, " \n", &save);
    const char *out = strtok_r(NULL, " \n", &save);
    const char *err = strtok_r(NULL, " \n", &save);
    if (err == NULL) {
        _exit(98);
    }
    close(CONTROL);
    close(ANSWER);
    replace(0, in, O_RDONLY);
    replace(1, out, O_WRONLY | O_CREAT | O_APPEND);
    replace(2, err, O_WRONLY | O_CREAT | O_APPEND);
    return real_open(frame, O_RDONLY | O_CLOEXEC, 0);
}

/* One byte at a time: a buffer shared with the children would be read twice. */
static size_t read_line(char *line, size_t size)
{
    size_t len = 0;
    while (len + 1 < size && read(CONTROL, line + len, 1) == 1) {
        if (line[len++] == '\n') {
            break;
        }
    }
    line[len] = 0;
    return len;
}

static int serve(void)
{
    static char line[4096];
    while (read_line(line, sizeof(line)) > 0) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            return enter_child(line);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) {
            _exit(97);
        }
        dprintf(ANSWER, "%d\n", status);
    }
    _exit(0);
}

/* As in the guest, all runs have the same process number: OpenSSL takes a new one as a sign of fork
 * and reseeds itself, which must not be what makes the runs differ. */
pid_t getpid(void)
{
    return 1;
}

int kill(pid_t pid, int sig)
{
    return (int)syscall(SYS_kill, pid == 1 ? (pid_t)syscall(SYS_getpid) : pid, sig);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = va_arg(args, mode_t);
    va_end(args);
    return strcmp(path, HV_RUN_DEVICE) == 0 ? serve() : real_open(path, flags, mode);
}
