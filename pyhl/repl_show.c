// SPDX-License-Identifier: Apache-2.0
/*
 * Shows records as text. A bundle of a result has its value in several MIME types: the plain text
 * is shown, and an image is named with its size.
 */
#include "repl_show.h"
#include "deadline.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_PNG_WIDTH 16 /* where a PNG has its width, big-endian, and then its height */

int repl_write(int fd, const char *text, size_t len)
{
    ssize_t n = 0;

    if (deadline_watch(NULL) < 0) {
        return -EIO; /* no output is better than one that may hold the process */
    }
    for (size_t done = 0; n >= 0 && done<len; done += n> 0 ? (size_t)n : 0) {
        n = write(fd, text + done, len - done);
    }
    const int code = errno;
    deadline_unwatch();
    return n < 0 ? -code : 0;
}

/* A text as a paragraph of its own: with a newline at its end. */
static int show_text(int fd, const char *text)
{
    const size_t len = strlen(text);
    int rc = repl_write(fd, text, len);

    return rc == 0 && (len == 0 || text[len - 1] != '\n') ? repl_write(fd, "\n", 1) : rc;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Decodes the first bytes of a base64 text. Returns how many there are, at most max. */
static size_t base64_begin(const char *text, uint8_t *bytes, size_t max)
{
    uint32_t bits = 0;
    size_t count = 0;
    unsigned have = 0;

    for (; count < max && base64_digit(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)base64_digit(*text);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[count++] = (uint8_t)(bits >> have);
        }
    }
    return count;
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* "[image/png, 640x480]", or with the size in bytes for images of other types. */
static int show_image(const char *type, const char *data)
{
    uint8_t begin[SHOW_PNG_WIDTH + 8];
    char text[128];
    int len;

    if (strcmp(type, "image/png") == 0 &&
        base64_begin(data, begin, sizeof(begin)) == sizeof(begin)) {
        len = snprintf(text, sizeof(text), "[%s, %ux%u]\n", type,
                       big_endian(begin + SHOW_PNG_WIDTH), big_endian(begin + SHOW_PNG_WIDTH + 4));
    } else {
        len = snprintf(text, sizeof(text), "[%s, %zu bytes]\n", type, strlen(data) / 4 * 3);
    }
    return repl_write(STDOUT_FILENO, text,
                      len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static int show_bundle(const json_t *data)
{
    static const char *const images[] = {"image/png", "image/jpeg", "application/pdf"};
    const char *text = json_string_value(json_object_get(data, "text/plain"));
    int rc = text != NULL ? show_text(STDOUT_FILENO, text) : 0;

    for (size_t i = 0; rc == 0 && i < sizeof(images) / sizeof(images[0]); i++) {
        const char *image = json_string_value(json_object_get(data, images[i]));

        rc = image != NULL ? show_image(images[i], image) : 0;
    }
    return rc;
}

int repl_show(const char *kind, const json_t *record)
{
    if (strcmp(kind, "result") == 0 || strcmp(kind, "display") == 0) {
        return show_bundle(json_object_get(record, "data"));
    }
    if (strcmp(kind, "error") == 0) {
        const char *text = json_string_value(json_object_get(record, "traceback"));

        return text != NULL ? show_text(STDERR_FILENO, text) : 0;
    }
    return 0;
}
