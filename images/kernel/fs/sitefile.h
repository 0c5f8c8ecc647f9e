// SPDX-License-Identifier: Apache-2.0
/*
 * Checks an index of system call sites (include/sites.h). The code needs nothing else of the
 * kernel, so that it can be fuzzed on the host.
 */
#ifndef FS_SITEFILE_H
#define FS_SITEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../include/sites.h"

struct sitefile {
    const struct sites_file *files;
    uint32_t file_count;
    const struct sites_site *sites;
    const char *paths;
};

/* True when all of the index is sound. Then a file's sites are sites[first, first + count), in
 * order and disjoint, and paths + path is a string. */
bool sitefile_check(const void *data, uint64_t size, struct sitefile *out);

#endif
