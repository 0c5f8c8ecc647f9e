// SPDX-License-Identifier: Apache-2.0
/*
 * The hash itself is libmd's.
 */
#include "digest.h"

#include <sha256.h>
#include <stdint.h>
#include <string.h>

void digest_parts(const struct digest_part *parts, size_t count, char text[DIGEST_TEXT])
{
    SHA256_CTX hash;

    SHA256_Init(&hash);
    for (size_t i = 0; i < count; i++) {
        const uint64_t size = parts[i].size;

        SHA256_Update(&hash, (const uint8_t *)&size, sizeof(size));
        SHA256_Update(&hash, parts[i].bytes, parts[i].size);
    }
    if (SHA256_End(&hash, text) == NULL) {
        text[0] = 0; /* only without a buffer, which it has */
    }
}
