// SPDX-License-Identifier: Apache-2.0
/*
 * The text comes from a guest: what is no digit ends it, and nothing else is believed.
 */
#include "base64.h"

#include <string.h>

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

size_t base64_encode(const uint8_t *bytes, size_t size, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = text;

    for (size_t at = 0; at < size; at += 3) {
        const size_t n = size - at < 3 ? size - at : 3;
        uint8_t three[3] = {0};

        memcpy(three, bytes + at, n);
        *to++ = digits[three[0] >> 2];
        *to++ = digits[(three[0] & 3) << 4 | three[1] >> 4];
        *to++ = n > 1 ? digits[(three[1] & 15) << 2 | three[2] >> 6] : '=';
        *to++ = n > 2 ? digits[three[2] & 63] : '=';
    }
    return (size_t)(to - text);
}
