// SPDX-License-Identifier: Apache-2.0
/*
 * JSON as text (pyhl/jsontext.c), beside jansson: what the checker accepts as JSON, and that what
 * is written is JSON with the same bytes in it. Input: any bytes.
 */
#include "fuzz.h"
#include "pyhl/jsontext.h"

#include <fcntl.h>
#include <jansson.h>

#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* What was written to a file since the last call. */
static char *written(struct json_out *out, size_t *size)
{
    const off_t end = lseek(out->fd, 0, SEEK_CUR);
    char *text = malloc((size_t)end + 1);
    MUST(text != NULL && pread(out->fd, text, (size_t)end, 0) == end);
    MUST(lseek(out->fd, 0, SEEK_SET) == 0 && ftruncate(out->fd, 0) == 0);
    text[end] = '\0';
    *size = (size_t)end;
    return text;
}

/* jansson refuses more: it has to keep numbers and names, and goes deeper. */
static bool is_beyond(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow ||
           json_error_code(error) == json_error_null_byte_in_key ||
           json_error_code(error) == json_error_stack_overflow ||
           strstr(error->text, "invalid Unicode '\\u") != NULL ||
           strstr(error->text, "too big") != NULL;
}

static void check_value(struct json_out *out, const char *text, size_t size)
{
    json_error_t error;
    json_t *tree = json_loadb(text, size, FLAGS, &error), *again;
    const enum json_sort sort = json_check(text, size);
    size_t length;
    char *line;

    if (sort == SORT_NONE) {
        /* A NUL ends jansson's text. */
        MUST(tree == NULL || size > SORT_DEPTH || memchr(text, '\0', size) != NULL);
        json_decref(tree);
        return;
    }
    MUST(tree != NULL || is_beyond(&error));
    json_put_value(out, text, size);
    MUST(json_flush(out) == 0);
    line = written(out, &length);
    MUST(memchr(line, '\n', length) == NULL && memchr(line, '\r', length) == NULL);
    if (tree != NULL) {
        MUST((sort != SORT_OTHER) == json_is_object(tree));
        MUST(sort != SORT_OBJECT || json_object_get(tree, "kind") == NULL);
        MUST(sort != SORT_KIND || json_object_get(tree, "kind") != NULL ||
             memchr(text, '\\', size) != NULL);
        again = json_loadb(line, length, FLAGS, &error);
        MUST(again != NULL && json_equal(tree, again));
        json_decref(again);
    }
    json_decref(tree);
    free(line);
}

/* A string says all bytes, or has U+FFFD for each that it cannot say. */
static void check_string(struct json_out *out, const char *bytes, size_t size)
{
    const bool whole = json_put_string(out, bytes, size);
    json_error_t error;
    size_t length;
    char *text;
    json_t *string;

    MUST(json_flush(out) == 0);
    text = written(out, &length);
    string = json_loadb(text, length, FLAGS, &error);
    MUST(string != NULL && json_is_string(string));
    if (whole) {
        MUST(json_string_length(string) == size);
        MUST(memcmp(json_string_value(string), bytes, size) == 0);
        json_t *same = json_stringn(bytes, size);
        MUST(same != NULL);
        json_decref(same);
    } else {
        json_t *other = json_stringn(bytes, size);
        MUST(other == NULL && strstr(text, "\xef\xbf\xbd") != NULL);
    }
    json_decref(string);
    free(text);
}

static unsigned digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);

    MUST(c != '\0' && at != NULL);
    return (unsigned)(at - digits);
}

static void check_base64(struct json_out *out, const char *bytes, size_t size)
{
    size_t length, done = 0;
    char *text;

    json_put_base64(out, bytes, size);
    MUST(json_flush(out) == 0);
    text = written(out, &length);
    MUST(length == (size + 2) / 3 * 4 + 2 && text[0] == '"' && text[length - 1] == '"');
    for (size_t at = 1; at + 1 < length; at += 4) {
        unsigned bits = 0;
        for (size_t i = 0; i < 4; i++) {
            bits = bits << 6 | (text[at + i] == '=' ? 0 : digit(text[at + i]));
        }
        for (size_t i = 0; i < 3 && text[at + i + 1] != '='; i++) {
            MUST((unsigned char)bytes[done++] == (bits >> (16 - 8 * i) & 0xff));
        }
    }
    MUST(done == size);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_out out = {.fd = -1};
    char *copy = malloc(size > 0 ? size : 1); /* between red zones */

    if (out.fd < 0) {
        out.fd = memfd_create("written", 0);
    }
    MUST(copy != NULL);
    memcpy(copy, data, size);
    check_value(&out, copy, size);
    check_string(&out, copy, size);
    check_base64(&out, copy, size);
    free(copy);
    return 0;
}
