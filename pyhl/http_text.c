// SPDX-License-Identifier: Apache-2.0
#include "http_text.h"
#include "base64.h"

#include <stdlib.h>
#include <string.h>

bool http_text_set(json_t *object, const void *bytes, size_t size)
{
    json_t *text = json_stringn(bytes, size);
    char *coded;
    bool good;

    if (text != NULL) {
        return json_object_set_new(object, "text", text) == 0;
    }
    coded = malloc((size + 2) / 3 * 4);
    if (coded == NULL) {
        return false;
    }
    text = json_stringn_nocheck(coded, base64_encode(bytes, size, coded));
    good = json_object_set_new(object, "base64", text) == 0;
    free(coded);
    return good;
}

/* How many bytes at the end begin a character that goes on after them. */
static size_t text_begun(const uint8_t *bytes, size_t size)
{
    for (size_t n = 1; n <= 3 && n <= size; n++) {
        const uint8_t byte = bytes[size - n];

        if (byte >= 0xc0) {
            return n < (byte >= 0xf0 ? 4u : byte >= 0xe0 ? 3u : 2u) ? n : 0;
        }
        if (byte < 0x80) {
            return 0;
        }
    }
    return 0;
}

json_t *http_text_put(struct http_text *text, const void *bytes, size_t size, bool last)
{
    uint8_t *whole = malloc(text->size + size + 1);
    json_t *object = whole != NULL ? json_object() : NULL;
    size_t have, begun;

    if (object == NULL) {
        free(whole);
        return NULL;
    }
    memcpy(whole, text->rest, text->size);
    if (size > 0) {
        memcpy(whole + text->size, bytes, size);
    }
    have = text->size + size;
    begun = last ? 0 : text_begun(whole, have);
    have -= begun;
    memcpy(text->rest, whole + have, begun);
    text->size = begun;
    if (have > 0 && !http_text_set(object, whole, have)) {
        json_decref(object);
        object = NULL;
    }
    free(whole);
    return object;
}

bool http_text_take(json_t *object, uint8_t **bytes, size_t *size)
{
    const json_t *text = json_object_get(object, "text");
    const json_t *coded = json_object_get(object, "base64");
    const char *at = json_string_value(text != NULL ? text : coded);
    const size_t length = json_string_length(text != NULL ? text : coded);
    bool good = true;

    *bytes = NULL;
    *size = 0;
    if (text == NULL && coded == NULL) {
        return true;
    }
    if (at == NULL || (text != NULL && coded != NULL)) {
        return false;
    }
    *bytes = malloc(length + 1);
    if (*bytes == NULL) {
        return false;
    }
    if (text != NULL) {
        memcpy(*bytes, at, length);
        *size = length;
    } else {
        *size = base64_decode(&at, *bytes, length);
        good = at[strspn(at, "=")] == 0;
    }
    (void)json_object_del(object, text != NULL ? "text" : "base64");
    return good;
}
