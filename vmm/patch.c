// SPDX-License-Identifier: Apache-2.0
/*
 * Patches: most pages in which a checkpoint differs from its base differ in a few places, for
 * example in the reference counts of some objects. Of such a page only those places are kept, as
 * lines of 64 bytes. That is a seventh of the memory of a session's checkpoint, and takes less time
 * than a page does, because memory for the page has to come from the host.
 *
 * A patch is a word with a bit for each line that it has, and the lines, by ascending address. The
 * patches of a delta lie one after the other.
 */
#include "snapshot_int.h"

#include <string.h>
#include <sys/mman.h>

#define LINE_WORDS (PATCH_LINE / sizeof(uint64_t))

static bool patch_line_same(const uint64_t *a, const uint64_t *b)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < LINE_WORDS; i++) {
        differ |= a[i] ^ b[i];
    }
    return differ == 0;
}

uint64_t patch_lines(const uint8_t *have, const uint8_t *base)
{
    static const uint64_t zero[HV_PAGE_SIZE / sizeof(uint64_t)];
    const uint64_t *a = (const uint64_t *)(const void *)have;
    const uint64_t *b = base != NULL ? (const uint64_t *)(const void *)base : zero;
    uint64_t lines = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < HV_PAGE_SIZE / PATCH_LINE; i++, a += LINE_WORDS, b += LINE_WORDS) {
        if (!patch_line_same(a, b)) {
            lines |= 1ull << i;
            if (++count > PATCH_LINES) {
                return PATCH_NONE;
            }
        }
    }
    return lines;
}

uint64_t patch_size(uint64_t lines)
{
    return sizeof(lines) + (uint64_t)__builtin_popcountll(lines) * PATCH_LINE;
}

uint8_t *patch_put(uint8_t *at, uint64_t lines, const uint8_t *have)
{
    memcpy(at, &lines, sizeof(lines));
    at += sizeof(lines);
    for (; lines != 0; lines &= lines - 1, at += PATCH_LINE) {
        memcpy(at, have + (size_t)__builtin_ctzll(lines) * PATCH_LINE, PATCH_LINE);
    }
    return at;
}

void patch_apply(const uint8_t *patch, uint8_t *to)
{
    uint64_t lines;
    memcpy(&lines, patch, sizeof(lines));
    patch += sizeof(lines);
    for (; lines != 0; lines &= lines - 1, patch += PATCH_LINE) {
        memcpy(to + (size_t)__builtin_ctzll(lines) * PATCH_LINE, patch, PATCH_LINE);
    }
}

int patches_reserve(struct snap_patches *patches, uint64_t size)
{
    patches->size = size;
    patches->bytes = size > 0 ? os_zeroes(size) : NULL;
    if (size > 0 && patches->bytes == NULL) {
        return -ENOMEM;
    }
    return size > 0 && madvise(patches->bytes, size, MADV_DONTDUMP) < 0 ? -errno : 0;
}

void patches_free(struct snap_patches *patches)
{
    os_unmap(patches->bytes, patches->size);
    *patches = (struct snap_patches){0};
}
