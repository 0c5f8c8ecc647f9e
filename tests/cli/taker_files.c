// SPDX-License-Identifier: Apache-2.0
/*
 * What the taker does to files: one word an action, VERB=PATH or VERB=PATH=MORE.
 */
#include "tests/cli/taker_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int act_write(const char *path, const char *more)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    return fd < 0 || write(fd, more, strlen(more)) != (ssize_t)strlen(more) || close(fd) < 0 ? -1
                                                                                             : 0;
}

static int act_read(const char *path, const char *more)
{
    char text[256];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    (void)more;
    if (n >= 0) {
        printf("%s: %.*s\n", path, (int)n, text);
        close(fd);
    }
    return n < 0 ? -1 : 0;
}

static int act_stat(const char *path, const char *more)
{
    char text[4096] = "";
    struct stat st;

    (void)more;
    if (lstat(path, &st) < 0) {
        return -1;
    }
    (void)!readlink(path, text, sizeof(text) - 1);
    printf("%s: %o %lld %lld.%09ld %s\n", path, st.st_mode, (long long)st.st_size,
           (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, text);
    return 0;
}

static int act_blocks(const char *path, const char *more)
{
    struct stat st;

    (void)more;
    if (stat(path, &st) < 0) {
        return -1;
    }
    printf("%s: %lld blocks\n", path, (long long)st.st_blocks);
    return 0;
}

static int act_dir(const char *path, const char *more)
{
    return mkdir(path, *more ? (mode_t)strtoul(more, NULL, 8) : 0755);
}

static int act_mode(const char *path, const char *more)
{
    return chmod(path, (mode_t)strtoul(more, NULL, 8));
}

static int act_link(const char *path, const char *more)
{
    return symlink(more, path);
}

static int act_hard(const char *path, const char *more)
{
    return link(more, path);
}

static int act_fifo(const char *path, const char *more)
{
    (void)more;
    return mkfifo(path, 0644);
}

static int act_device(const char *path, const char *more)
{
    (void)more;
    return mknod(path, S_IFCHR | 0666, makedev(1, 3));
}

static int act_time(const char *path, const char *more)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = atol(more), .tv_nsec = 987654321}};

    return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

/* A file of this size, with a byte at its end; the rest is a hole. */
static int act_sparse(const char *path, const char *more)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0644);

    return fd < 0 || pwrite(fd, "x", 1, atoll(more) - 1) != 1 || close(fd) < 0 ? -1 : 0;
}

/* So many MiB of data. */
static int act_fill(const char *path, const char *more)
{
    static char block[1 << 16];
    int fd = open(path, O_CREAT | O_WRONLY, 0644);

    for (int i = 0; fd >= 0 && i < 16 * atoi(more); i++) {
        memset(block, 'a' + i / 16 % 26, sizeof(block));
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block)) {
            return -1;
        }
    }
    return fd < 0 ? -1 : close(fd);
}

/* So many empty files. */
static int act_many(const char *path, const char *more)
{
    char name[512];

    for (int i = 0; i < atoi(more); i++) {
        int fd;

        snprintf(name, sizeof(name), "%s/%d", path, i);
        fd = open(name, O_CREAT | O_WRONLY, 0644);
        if (fd < 0) {
            return -1;
        }
        close(fd);
    }
    return 0;
}

static int act_die(const char *path, const char *more)
{
    (void)path;
    (void)more;
    abort();
}

static int act_exit(const char *path, const char *more)
{
    (void)more;
    fflush(stdout);
    _exit(atoi(path));
}

static const struct {
    const char *verb;
    int (*act)(const char *path, const char *more);
} actions[] = {
    {"write", act_write}, {"read", act_read}, {"stat", act_stat},     {"blocks", act_blocks},
    {"dir", act_dir},     {"mode", act_mode}, {"link", act_link},     {"hard", act_hard},
    {"fifo", act_fifo},   {"time", act_time}, {"device", act_device}, {"sparse", act_sparse},
    {"fill", act_fill},   {"many", act_many}, {"die", act_die},       {"exit", act_exit},
};

int files_enter(const char *path)
{
    char copy[4096];

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = copy; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = 0;
        (void)mkdir(copy, 0755);
    }
    (void)mkdir(copy, 0755);
    if (chdir(copy) < 0) {
        printf("%s: %s\n", copy, strerror(errno));
        return -1;
    }
    return 0;
}

int files_act(char *word)
{
    char *path = strchr(word, '='), *more = NULL;
    int rc = -1;

    errno = EINVAL;
    if (path != NULL) {
        *path++ = 0;
        more = strchr(path, '=');
    }
    if (more != NULL) {
        *more++ = 0;
    }
    for (size_t i = 0; path != NULL && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(word, actions[i].verb) == 0) {
            rc = actions[i].act(path, more != NULL ? more : "");
        }
    }
    if (rc < 0) {
        printf("%s %s: %s\n", word, path != NULL ? path : "", strerror(errno));
    }
    return rc;
}
