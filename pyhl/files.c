// SPDX-License-Identifier: Apache-2.0
/*
 * File operations: whole reads, whole writes, copies that are clones where the file system can
 * clone.
 */
#include "files.h"

#include <errno.h>
#include <fts.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST (64u << 10)
#define COPY_CHUNK (1u << 20)

int file_fail(struct vmm_err *err, const char *path)
{
    return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
}

/* Reads fd to its end into a buffer that grows; size is a first guess. */
static int read_all(int fd, const char *path, size_t size, size_t max, char **text, size_t *len,
                    struct vmm_err *err)
{
    char *buf = malloc(size + 1);

    *len = 0;
    while (buf != NULL) {
        ssize_t n = read(fd, buf + *len, size - *len);

        if (n < 0) {
            free(buf);
            return file_fail(err, path);
        }
        if (n == 0) {
            buf[*len] = 0;
            *text = buf;
            return 0;
        }
        *len += (size_t)n;
        if (*len > max) {
            free(buf);
            return vmm_err_set(err, EFBIG, "%s: more than %zu MiB", path, max >> 20);
        }
        if (*len == size) {
            char *more = realloc(buf, (size *= 2) + 1);

            if (more == NULL) {
                free(buf);
            }
            buf = more;
        }
    }
    return vmm_err_set(err, ENOMEM, "%s: out of memory", path);
}

int file_read(int fd, const char *name, size_t max, char **text, size_t *len, struct vmm_err *err)
{
    size_t guess = READ_FIRST;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return file_fail(err, name);
    }
    if (S_ISDIR(st.st_mode)) {
        return vmm_err_set(err, EISDIR, "%s: %s", name, strerror(EISDIR));
    }
    /* One byte more than a regular file has: its end is seen without growing the buffer. */
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size <= max) {
        guess = (size_t)st.st_size + 1;
    }
    return read_all(fd, name, guess, max, text, len, err);
}

int file_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        p += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

/* Copies in the kernel; -EOPNOTSUPP when this pair of files needs read and write. */
static int copy_in_kernel(int in, int out)
{
    off_t from = 0, to = 0, done = 0;

    if (ioctl(out, FICLONE, in) == 0) {
        return 0;
    }
    for (;;) {
        ssize_t n = copy_file_range(in, &from, out, &to, SSIZE_MAX & ~0xfff, 0);

        if (n == 0) {
            return 0;
        }
        if (n < 0) {
            return done == 0 && errno != ENOSPC && errno != EIO ? -EOPNOTSUPP : -errno;
        }
        done += n;
    }
}

static int copy_by_hand(int in, int out)
{
    char *buf = malloc(COPY_CHUNK);
    off_t done = 0;
    ssize_t n = -1;
    int rc = buf != NULL ? 0 : -ENOMEM;

    while (rc == 0 && (n = pread(in, buf, COPY_CHUNK, done)) > 0) {
        rc = file_pwrite(out, buf, (size_t)n, done);
        done += n;
    }
    if (rc == 0 && n < 0) {
        rc = -errno;
    }
    free(buf);
    return rc;
}

int file_copy(int in, int out, const char *to, struct vmm_err *err)
{
    int rc = copy_in_kernel(in, out);

    if (rc == -EOPNOTSUPP) {
        rc = copy_by_hand(in, out);
    }
    return rc < 0 ? vmm_err_set(err, -rc, "%s: %s", to, strerror(-rc)) : 0;
}

int file_sync(int fd, const char *name, struct vmm_err *err)
{
    return fsync(fd) < 0 ? file_fail(err, name) : 0;
}

int file_size(int fd, const char *name, uint64_t *size, uint64_t *disk, struct vmm_err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return file_fail(err, name);
    }
    if (size != NULL) {
        *size = (uint64_t)st.st_size;
    }
    if (disk != NULL) {
        *disk = (uint64_t)st.st_blocks * 512;
    }
    return 0;
}

int file_inode(int fd, const char *name, uint64_t *inode, struct vmm_err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return file_fail(err, name);
    }
    *inode = (uint64_t)st.st_ino;
    return 0;
}

void file_fd_path(int fd, char path[FILE_FD_PATH])
{
    snprintf(path, FILE_FD_PATH, "/proc/self/fd/%d", fd);
}

int file_remove_tree(const char *path, struct vmm_err *err)
{
    char *const top[] = {(char *)(uintptr_t)path, NULL};
    FTS *fts = fts_open(top, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *found;
    int rc = 0;

    if (fts == NULL) {
        return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
    }
    while ((found = fts_read(fts)) != NULL) {
        const bool folder = found->fts_info == FTS_DP || found->fts_info == FTS_DNR;

        if (found->fts_info == FTS_D) {
            (void)chmod(found->fts_path, 0700); /* a wheel may have folders that are read-only */
        } else if ((folder ? rmdir : unlink)(found->fts_path) < 0 && errno != ENOENT) {
            rc = file_fail(err, found->fts_path);
        }
    }
    (void)fts_close(fts);
    return rc;
}
