// SPDX-License-Identifier: Apache-2.0
/*
 * JSON as text: written piece by piece to a descriptor, with what a guest gave in it, and checked
 * without a tree in memory. A tree of hostile text could take twenty times as much as the text.
 */
#ifndef PYHL_JSONTEXT_H
#define PYHL_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_out {
    int fd;
    bool (*stopped)(void); /* asked when a write was interrupted; NULL: never */
    int code;              /* the first errno of a write; then nothing more is written */
    size_t used;
    char bytes[16384];
};

/* Text that is JSON, or a part of it. */
void json_put(struct json_out *out, const char *text);
void json_put_part(struct json_out *out, const char *text, size_t size);

void json_put_number(struct json_out *out, uint64_t number);

/* A string. A byte that does not belong to a character of UTF-8 becomes U+FFFD. False: there was
 * one. */
bool json_put_string(struct json_out *out, const char *bytes, size_t size);

/* The length of the character of UTF-8 at text, of which `left` bytes are there; 0: there is none.
 */
size_t json_character(const char *text, size_t left);

/* A string of the bytes in base64. */
void json_put_base64(struct json_out *out, const char *bytes, size_t size);

/* A value that json_check() accepts, in one line. */
void json_put_value(struct json_out *out, const char *text, size_t size);

/* Returns 0, or the negative errno of a write that has failed. */
int json_flush(struct json_out *out);

enum json_sort {
    SORT_NONE,   /* not a value of RFC 8259 in UTF-8, or nested deeper than SORT_DEPTH */
    SORT_OTHER,  /* a value, but no object */
    SORT_OBJECT, /* an object */
    SORT_KIND,   /* an object that has, or may have, a member "kind" */
};
#define SORT_DEPTH 500
enum json_sort json_check(const char *text, size_t size);

#endif
