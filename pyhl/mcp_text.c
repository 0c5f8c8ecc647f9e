// SPDX-License-Identifier: Apache-2.0
#include "mcp_text.h"
#include "base64.h"
#include "jsontext.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT      "\xef\xbf\xbd"
#define REPLACEMENT_SIZE 3u

bool mcp_is_text(const void *bytes, size_t size)
{
    const char *text = bytes;

    for (size_t at = 0; at < size;) {
        const size_t n = json_character(text + at, size - at);

        if (n == 0 || text[at] == 0) {
            return false;
        }
        at += n;
    }
    return true;
}

json_t *mcp_string(const void *bytes, size_t size)
{
    const char *text = bytes;
    json_t *string;
    char *clean;
    size_t to = 0;

    if (mcp_is_text(bytes, size)) {
        return json_stringn_nocheck(text, size);
    }
    clean = malloc(REPLACEMENT_SIZE * size);
    for (size_t at = 0; clean != NULL && at < size;) {
        const size_t n = json_character(text + at, size - at);

        memcpy(clean + to, n > 0 ? text + at : REPLACEMENT, n > 0 ? n : REPLACEMENT_SIZE);
        to += n > 0 ? n : REPLACEMENT_SIZE;
        at += n > 0 ? n : 1;
    }
    string = clean != NULL ? json_stringn_nocheck(clean, to) : NULL;
    free(clean);
    return string;
}

json_t *mcp_stringf(const char *format, ...)
{
    char text[512];
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    return mcp_string(text, n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

json_t *mcp_base64(const void *bytes, size_t size)
{
    char *text = malloc(4 * (size / 3 + 1));
    json_t *string = NULL;

    if (text != NULL) {
        string = json_stringn_nocheck(text, base64_encode(bytes, size, text));
    }
    free(text);
    return string;
}

uint8_t *mcp_bytes(const json_t *base64, size_t *size)
{
    const char *text = json_string_value(base64);
    const size_t length = json_string_length(base64);
    uint8_t *bytes = text != NULL && length % 4 == 0 ? malloc(length / 4 * 3 + 1) : NULL;
    size_t left;

    if (bytes == NULL) {
        return NULL;
    }
    *size = base64_decode(&text, bytes, length / 4 * 3);
    left = strlen(text); /* what is no digit: the padding */
    if (left > 2 || strspn(text, "=") != left || *size != length / 4 * 3 - left) {
        free(bytes);
        return NULL;
    }
    return bytes;
}
