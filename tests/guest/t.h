// SPDX-License-Identifier: Apache-2.0
/*
 * Checks for the programs in tests/guest. A check that holds prints `ok NAME` on stdout. One that
 * fails prints where, what and why on stderr, and the program ends with status 1. T_CHECK, T_EQ,
 * T_STR and T_ERR go on after a failure (one boot shows every failure); T_MUST is for conditions on
 * which later checks build. It is silent when it holds and ends the program at once when not, so it
 * may be used in threads and loops. Nothing that differs from run to run may appear on stdout: the
 * runner compares it byte for byte between Linux and the guest.
 */
#ifndef TESTS_GUEST_T_H
#define TESTS_GUEST_T_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define T_CHECK(name, cond) t_check((name), (cond) ? true : false, #cond, __FILE__, __LINE__)
#define T_EQ(name, got, want)                                                                      \
    t_eq((name), (long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define T_STR(name, got, want) t_str((name), (got), (want), #got, __FILE__, __LINE__)
#define T_ERR(name, call, err)                                                                     \
    (errno = 0, t_err((name), (long)(call), (err), #call, __FILE__, __LINE__))
#define T_MUST(name, cond)                                                                         \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            t_check((name), false, #cond, __FILE__, __LINE__);                                     \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
#define T_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int t_failures;

/* One write(2) per line, so that lines survive a crash and never interleave. */
__attribute__((format(printf, 2, 3))) static inline void t_line(int fd, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > (int)sizeof(text) - 1) {
        n = (int)sizeof(text) - 1;
    }
    if (write(fd, text, (size_t)n) != n) {
        _exit(3);
    }
}

static inline bool t_check(const char *name, bool good, const char *what, const char *file,
                           int line)
{
    int error = errno;

    if (good) {
        t_line(1, "ok %s\n", name);
    } else {
        __atomic_fetch_add(&t_failures, 1, __ATOMIC_RELAXED);
        t_line(2, "FAILED %s: %s:%d: %s (errno %d)\n", name, file, line, what, error);
    }
    errno = error;
    return good;
}

static inline bool t_eq(const char *name, long long got, long long want, const char *what,
                        const char *file, int line)
{
    if (got == want) {
        return t_check(name, true, what, file, line);
    }
    t_line(2, "%s: got %lld (0x%llx), expected %lld (0x%llx)\n", what, got, (unsigned long long)got,
           want, (unsigned long long)want);
    return t_check(name, false, what, file, line);
}

static inline bool t_str(const char *name, const char *got, const char *want, const char *what,
                         const char *file, int line)
{
    bool good = got != NULL && strcmp(got, want) == 0;

    if (!good) {
        t_line(2, "%s: got \"%s\", expected \"%s\"\n", what, got != NULL ? got : "(null)", want);
    }
    return t_check(name, good, what, file, line);
}

/* The call must have returned -1 and set errno to `err`. */
static inline bool t_err(const char *name, long got, int err, const char *what, const char *file,
                         int line)
{
    int error = errno;

    if (got != -1 || error != err) {
        t_line(2, "%s: got %ld, errno %d; expected -1, errno %d\n", what, got, error, err);
        errno = error;
        return t_check(name, false, what, file, line);
    }
    return t_check(name, true, what, file, line);
}

/* Makes a fresh directory for this program's files and enters it. */
static inline void t_scratch(void)
{
    const char *base = getenv("TMPDIR");
    char path[256];

    snprintf(path, sizeof(path), "%s/gtXXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(path) == NULL || chdir(path) != 0) {
        t_line(2, "FAILED scratch directory %s: errno %d\n", path, errno);
        _exit(1);
    }
}

static inline int64_t t_nanoseconds(clockid_t clock)
{
    struct timespec ts = {0};

    if (clock_gettime(clock, &ts) != 0) {
        t_line(2, "FAILED clock_gettime(%d): errno %d\n", (int)clock, errno);
        _exit(1);
    }
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline void t_sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) != 0 && errno == EINTR) {
    }
}

/* The exit status of main(). */
static inline int t_done(void)
{
    return t_failures == 0 ? 0 : 1;
}

/* Runs a part in a process of its own. */
static inline void t_apart(void (*part)(void))
{
    pid_t pid = fork();
    int status = -1;

    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        part();
        _exit(t_done());
    }
    T_MUST("the part ended well", waitpid(pid, &status, 0) == pid && status == 0);
}

#endif
