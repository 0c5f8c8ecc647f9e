// SPDX-License-Identifier: Apache-2.0
/*
 * SHA-256 of several texts together, as hexadecimal digits: the names of what lies in the cache
 * folder. Some of these texts come from scripts that nobody trusts. So it is a hash of which no two
 * texts with one value can be made.
 */
#ifndef PYHL_DIGEST_H
#define PYHL_DIGEST_H

#include <stddef.h>

#define DIGEST_TEXT 65 /* with its NUL */

struct digest_part {
    const void *bytes;
    size_t size;
};

/* The length of each part counts, too: "ab", "c" and "a", "bc" have different values. */
void digest_parts(const struct digest_part *parts, size_t count, char text[DIGEST_TEXT]);

#endif
