// SPDX-License-Identifier: Apache-2.0
/*
 * The few file operations that installing and running need, with errors that name the file. Nothing
 * here knows what the files are for.
 */
#ifndef PYHL_FILES_H
#define PYHL_FILES_H

#include "vmm/vmm.h"

#include <limits.h>

/* Reads a whole file, pipe or device ("-": standard input), NUL-terminated; free(*text). EISDIR for
 * a directory, EFBIG past max bytes, EINTR when a signal was handled while it waited. */
int file_read(const char *path, size_t max, char **text, size_t *len, struct vmm_err *err);

/* Makes the file, which must not exist, with this text. Not synced. */
int file_write(const char *path, const char *text, size_t len, struct vmm_err *err);

/* Copies a regular file to a new one, sharing its blocks where the file system can. Not synced. */
int file_copy(const char *from, const char *to, struct vmm_err *err);

/* All of len bytes at an offset. */
int file_pwrite(int fd, const void *data, size_t len, off_t offset);

/* Flushes a file or a directory's entries to disk. */
int file_sync(const char *path, struct vmm_err *err);

/* Bytes: the length, and what is allocated on disk; either may be NULL. */
int file_size(const char *path, uint64_t *size, uint64_t *disk, struct vmm_err *err);

/* dir/name into buf; ENAMETOOLONG when it does not fit. */
int file_path(char buf[PATH_MAX], const char *dir, const char *name, struct vmm_err *err);

#endif
