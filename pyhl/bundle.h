// SPDX-License-Identifier: Apache-2.0
/*
 * Files for a VM as one file of the host: an index, which tells of each, and then the data of all.
 * Who has the VM cannot open files, and is given pieces of it.
 */
#ifndef PYHL_BUNDLE_H
#define PYHL_BUNDLE_H

#include "copies_read.h"

#define BUNDLE_PIECE (1u << 20) /* bytes that are asked for at a time, at most */

struct bundle_info {
    uint64_t entries; /* files and directories; 0: there is no bundle */
    uint64_t index;   /* bytes */
};

/* Writes what the reader's list has to an empty file. ESTALE for a file that has changed. */
int bundle_write(struct copies_reader *reader, int fd, struct bundle_info *info,
                 struct vmm_err *err);

struct bundle {
    struct vmm_files_in in; /* for vmm_run() */
    /* Gets `size` bytes at an offset of the file. Returns 0 or -errno. */
    int (*get)(void *arg, uint64_t offset, void *to, size_t size);
    void *arg;
    struct vmm_file *files;
    uint64_t *data; /* where each file's is */
    uint8_t *index, *window;
    uint64_t begin, end; /* of the window */
    uint64_t size;       /* of the whole, as the index has it */
};

/* Takes the index of a bundle apart. get and arg are set. EPROTO for one that is none. Close it
 * after an error, too. */
int bundle_open(struct bundle *bundle, const struct bundle_info *info, struct vmm_err *err);
void bundle_close(struct bundle *bundle);

#endif
