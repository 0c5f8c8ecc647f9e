// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target for the kernel's checks of an index of system call sites: an index that passes can be
 * used without further checks.
 */
#include "fs/sitefile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static unsigned check_site(const struct sites_site *s, uint64_t file_size, uint64_t from)
{
    unsigned sum = 0;

    must(s->offset >= from && s->offset + (uint64_t)s->len <= file_size);
    must(s->len >= 5 && s->len <= sizeof(s->bytes) && s->pre + 2 <= s->len);
    must(s->pre <= 8 && s->len - s->pre - 2 + 5 <= 16);
    for (unsigned n = 0; n < s->len; n++) {
        sum += s->bytes[n];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The index begins on a boundary, as in the CPIO, and ends where the allocation ends, for
     * ASan. */
    uint8_t *copy = malloc(size ? size : 1);
    struct sitefile f;
    static volatile size_t sum;

    memcpy(copy, data, size);
    if (sitefile_check(copy, size, &f)) {
        for (uint32_t n = 0; n < f.file_count; n++) {
            const struct sites_file *file = &f.files[n];
            uint64_t from = 0;
            sum = sum + strlen(f.paths + file->path);
            for (uint32_t k = 0; k < file->count; k++) {
                const struct sites_site *s = &f.sites[file->first + k];
                sum = sum + check_site(s, file->size, from);
                from = s->offset + (uint64_t)s->len;
            }
        }
    }
    free(copy);
    return 0;
}
