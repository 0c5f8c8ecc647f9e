// SPDX-License-Identifier: Apache-2.0
/*
 * Writes entries that come one after the other below a directory of the host. Each is checked: a
 * path leads down from the directory, through directories that are no links and on the same file
 * system.
 */
#ifndef PYHL_COPYOUT_H
#define PYHL_COPYOUT_H

#include "copies.h"

#include <limits.h>

#define COPYOUT_TEMP 32 /* of a name for what is not whole yet */

/* A directory that was made, and what is to become of it when its last entry has come. */
struct copyout_dir {
    size_t length; /* of its part of `dir` */
    mode_t mode;
    int64_t mtime_ns;
    bool made; /* here: one that was there keeps its mode and time */
};

struct copyout {
    const struct copy_target *target; /* NULL: none yet */
    uint64_t max_bytes, max_entries;
    uint64_t sizes, written, entries; /* so far */
    char dir[PATH_MAX];               /* the directory made last, relative to the target */
    struct copyout_dir *dirs;         /* those on the way to it; the target's own is the first */
    size_t dir_count, dir_room;
    int file;                /* the file that is being written, or -1 */
    int folder;              /* that it lies in */
    char temp[COPYOUT_TEMP]; /* its name */
    char name[NAME_MAX + 1]; /* that it will have */
    struct vmm_file entry;   /* size, time and mode */
};

/* Makes an entry of a target. path and link have so many bytes, and need not be terminated. Returns
 * 0 or -errno; EDQUOT past a limit, EINVAL for what breaks the rules. */
int copyout_make(struct copyout *c, const struct copy_target *target, const struct vmm_file *entry,
                 size_t path_length, size_t link_length);

/* Data of the file made last. After an error that file is gone. */
int copyout_write(struct copyout *c, uint64_t offset, const void *bytes, size_t size);

/* The file made last, if any, is whole, and gets its name; or it is not, and goes. */
int copyout_finish(struct copyout *c);
void copyout_drop(struct copyout *c);

/* No more entries come: directories get their modes and times. */
int copyout_end(struct copyout *c);

#endif
