// SPDX-License-Identifier: Apache-2.0
/*
 * A directory of the host, as files that a run of turns.c is to find.
 */
#include "tests/session/turns_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTORS 16

static struct vmm_file *files;
static char **names; /* on the host */
static size_t count;
static const char *from, *to;

static int add(const char *name, const struct stat *st, int flag, struct FTW *place)
{
    char *path;
    (void)flag, (void)place;
    files = realloc(files, (count + 1) * sizeof(*files));
    names = realloc(names, (count + 1) * sizeof(*names));
    if (files == NULL || names == NULL || asprintf(&path, "%s%s", to, name + strlen(from)) < 0) {
        return -1;
    }
    names[count] = strdup(name);
    files[count++] = (struct vmm_file){
        .path = path,
        .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
        .mtime_ns = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .mode = st->st_mode,
    };
    return 0;
}

static ssize_t read_file(void *arg, size_t file, uint64_t offset, void *bytes, size_t size)
{
    const int fd = open(names[file], O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : pread(fd, bytes, size, (off_t)offset);
    const int code = errno;
    (void)arg;
    if (fd >= 0) {
        close(fd);
    }
    return n < 0 ? -code : n;
}

const struct vmm_files_in *turns_files(const char *host, const char *guest)
{
    struct vmm_files_in *in = calloc(1, sizeof(*in));
    files = NULL;
    names = NULL;
    count = 0;
    from = host;
    to = guest;
    if (in == NULL || nftw(host, add, DESCRIPTORS, FTW_PHYS) != 0) {
        return NULL;
    }
    in->files = files;
    in->count = count;
    in->read = read_file;
    return in;
}
