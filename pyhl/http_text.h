// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes in JSON: a member `text` where they are UTF-8, else a member `base64`.
 */
#ifndef PYHL_HTTP_TEXT_H
#define PYHL_HTTP_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stream whose pieces may end inside a character: the begin of the one that is not complete. */
struct http_text {
    uint8_t rest[3];
    size_t size;
};

/* Adds the member to an object. Returns false without memory. */
bool http_text_set(json_t *object, const void *bytes, size_t size);

/* An object with the member for the next piece of a stream, and empty if there is nothing yet. What
 * is not complete waits, unless this is the last piece. NULL without memory. */
json_t *http_text_put(struct http_text *text, const void *bytes, size_t size, bool last);

/* Takes the member off an object: its bytes, which free() frees. With neither there are none.
 * Returns false if it has both, or one that is wrong. */
bool http_text_take(json_t *object, uint8_t **bytes, size_t *size);

#endif
