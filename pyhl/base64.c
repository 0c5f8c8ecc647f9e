// SPDX-License-Identifier: Apache-2.0
/*
 * The text comes from a guest: what is no digit ends it, and nothing else is believed.
 */
#include "base64.h"

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t base64_decode(const char **text, uint8_t *bytes, size_t max)
{
    uint32_t bits = 0;
    size_t count = 0;
    unsigned have = 0;

    for (; count < max && base64_digit(**text) >= 0; ++*text) {
        bits = bits << 6 | (uint32_t)base64_digit(**text);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[count++] = (uint8_t)(bits >> have);
        }
    }
    return count;
}
