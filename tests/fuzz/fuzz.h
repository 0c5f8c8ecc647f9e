// SPDX-License-Identifier: Apache-2.0
/*
 * What the fuzz targets share: the entry that libFuzzer calls, a condition that must hold, and a
 * file made of bytes in memory. A parser that takes a path gets one in /proc/self/fd.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* When the condition does not hold: a crash, which libFuzzer reports with the input. */
static inline void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "must hold: %s\n", what);
        abort();
    }
}
#define MUST(condition) must((condition) != 0, #condition)

/* A new file with these bytes, open for reading at its start, which no other user may write. */
static inline int fuzz_file(const void *data, size_t size)
{
    int fd = memfd_create("fuzz", 0);
    MUST(fd >= 0 && fchmod(fd, 0600) == 0);
    MUST(size == 0 || pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

/* As fuzz_file(), but the same file for all inputs: making a new one costs more than most
 * parsers do. */
static inline int fuzz_input_file(const void *data, size_t size)
{
    static int fd = -1;
    if (fd < 0) {
        fd = fuzz_file("", 0);
    }
    MUST(size == 0 || pwrite(fd, data, size, 0) == (ssize_t)size);
    MUST(ftruncate(fd, (off_t)size) == 0);
    return fd;
}

static inline void fuzz_path(int fd, char path[64])
{
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
}

/* An input, whose bytes are taken off its front; zeroes come when it has ended. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

static inline void fuzz_take(struct fuzz_input *in, void *to, size_t size)
{
    size_t n = size < in->size ? size : in->size;
    memset(to, 0, size);
    if (n > 0) {
        memcpy(to, in->data, n);
    }
    in->data += n;
    in->size -= n;
}

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    uint8_t byte;
    fuzz_take(in, &byte, 1);
    return byte;
}

#endif
