// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the files of a list for the process with the VM, piece by piece, in the parent (parent.h).
 */
#ifndef PYHL_COPIES_READ_H
#define PYHL_COPIES_READ_H

#include "copies.h"

#include <stdbool.h>

struct copies_reader {
    const struct copies *list;
    int fd; /* of the file that was read last; -1: none */
    size_t file;
};

/* Opens a file of the list, unless it is open. Returns its descriptor, which stays the reader's, or
 * -errno: -EINVAL for what is no file of the list, -ESTALE for one that is not as it was. */
int copies_reader_open(struct copies_reader *reader, uint64_t file);

/* Returns how many bytes it has read, or -errno. */
ssize_t copies_reader_read(struct copies_reader *reader, uint64_t file, uint64_t offset, void *to,
                           size_t size);

void copies_reader_close(struct copies_reader *reader);

#endif
