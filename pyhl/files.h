// SPDX-License-Identifier: Apache-2.0
/*
 * The few operations on files that installing and running need. Each on an open file takes a
 * descriptor and the name that messages call it by; nothing here knows what the files are for.
 */
#ifndef PYHL_FILES_H
#define PYHL_FILES_H

#include "vmm/vmm.h"

#include <limits.h>
#include <sys/types.h>

/* Sets *err to what errno says of the file, and returns its code. */
int file_fail(struct vmm_err *err, const char *path);

/* Reads a whole file, pipe or device, NUL-terminated; free(*text). EISDIR for a directory, EFBIG
 * past max bytes, EINTR when a signal was handled while it waited. */
int file_read(int fd, const char *name, size_t max, char **text, size_t *len, struct vmm_err *err);

/* Copies a regular file from its start to an empty one, sharing its blocks where the file system
 * can. Does not sync it. Errors name `to`. */
int file_copy(int in, int out, const char *to, struct vmm_err *err);

/* Writes all len bytes at an offset. */
int file_pwrite(int fd, const void *data, size_t len, off_t offset);

/* Flushes a file or a directory's entries to disk. */
int file_sync(int fd, const char *name, struct vmm_err *err);

/* A file's length and what is allocated on disk, in bytes; either may be NULL. */
int file_size(int fd, const char *name, uint64_t *size, uint64_t *disk, struct vmm_err *err);

/* The inode number of a file. */
int file_inode(int fd, const char *name, uint64_t *inode, struct vmm_err *err);

/* Removes a directory and all that is in it, also from read-only directories, or a file. Neither
 * need be there. A link is removed, not followed. */
int file_remove_tree(const char *path, struct vmm_err *err);

/* A path by which the library can open the file that fd is open on, whatever its names are by now.
 * Needs /proc. */
#define FILE_FD_PATH 32
void file_fd_path(int fd, char path[FILE_FD_PATH]);

#endif
