// SPDX-License-Identifier: Apache-2.0
/*
 * A directory that is open, and the files in it, by name alone. So it does not matter that others
 * can rename directories on the way to it, or put a link, a pipe or a device in a file's place.
 */
#ifndef PYHL_FOLDER_H
#define PYHL_FOLDER_H

#include "vmm/vmm.h"

#include <limits.h>

struct folder {
    int fd;              /* -1: not open */
    char path[PATH_MAX]; /* what messages call it */
};
#define FOLDER_NONE ((struct folder){.fd = -1})

/* Follows links, as every program does with a path that its user gave. */
int folder_open(struct folder *folder, const char *path, struct vmm_err *err);

/* Opens the directory of that name in another one. A link is refused. path is for messages. */
int folder_open_in(struct folder *folder, const struct folder *parent, const char *name,
                   const char *path, struct vmm_err *err);

/* Closes a folder. Does nothing when it is not open. */
void folder_close(struct folder *folder);

enum folder_links { FOLDER_NO_LINK, FOLDER_LINK };

/* Each of these returns a descriptor, or -errno with a message that names folder and file.
 * folder_read() opens a regular file to read it, without waiting; EINVAL when it is not one. */
int folder_read(const struct folder *folder, const char *name, enum folder_links links,
                struct vmm_err *err);

/* Makes a file, which must not exist yet, and opens it to read and write. */
int folder_make(const struct folder *folder, const char *name, struct vmm_err *err);

/* Opens a regular file that exists to read and write. */
int folder_rewrite(const struct folder *folder, const char *name, struct vmm_err *err);

/* A file's length and what it takes on disk, in bytes; either may be NULL. */
int folder_size(const struct folder *folder, const char *name, uint64_t *size, uint64_t *disk,
                struct vmm_err *err);

/* Removes a file, which need not be there. */
int folder_remove(const struct folder *folder, const char *name, struct vmm_err *err);

/* Sets *err to what errno says of a file in the folder, and returns its code. */
int folder_fail(const struct folder *folder, const char *name, struct vmm_err *err);

#endif
