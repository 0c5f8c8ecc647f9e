// SPDX-License-Identifier: Apache-2.0
/*
 * The check of what uv has unpacked: files and directories and nothing else, bounded.
 */
#ifndef PYHL_PACKAGES_TREE_H
#define PYHL_PACKAGES_TREE_H

#include "folder.h"

#define TREE_HASH 129u /* hexadecimal digits of SHA-512, with a NUL */

struct tree_sum {
    uint64_t bytes, entries;
    char hash[TREE_HASH]; /* of all names and contents */
};

/* Walks the folder, without following a link. EINVAL for a link, a device, a pipe, a socket, a file
 * that changes its user, E2BIG for more than max_entries, or more than max_bytes if that is not 0.
 */
int tree_check(const struct folder *folder, uint64_t max_entries, uint64_t max_bytes,
               struct tree_sum *sum, struct vmm_err *err);

#endif
