// SPDX-License-Identifier: Apache-2.0
/*
 * Shows records as text. A bundle of a result has its value in several MIME types: the plain text
 * is shown, and an image is named with its size, and with its file where there is one.
 */
#include "repl_show.h"
#include "base64.h"
#include "deadline.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_PNG_WIDTH 16 /* where a PNG has its width, big-endian, and then its height */
#define SHOW_SIZE      32

static const char *const show_types[IMAGES_TYPES] = {
    [IMAGES_PNG] = "image/png", [IMAGES_JPEG] = "image/jpeg", [IMAGES_PDF] = "application/pdf"};

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

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The sizes of a PNG, of other types the bytes. */
static void image_size(const char *type, const char *data, char text[SHOW_SIZE])
{
    uint8_t begin[SHOW_PNG_WIDTH + 8];
    const char *at = data;

    if (strcmp(type, "image/png") == 0 &&
        base64_decode(&at, begin, sizeof(begin)) == sizeof(begin)) {
        (void)snprintf(text, SHOW_SIZE, "%ux%u", big_endian(begin + SHOW_PNG_WIDTH),
                       big_endian(begin + SHOW_PNG_WIDTH + 4));
    } else {
        (void)snprintf(text, SHOW_SIZE, "%zu bytes", strlen(data) / 4 * 3);
    }
}

/* "[image/png, 640x480]", or with the file that it was written to. */
static int show_image(const struct doors *doors, enum images_type type, const char *data)
{
    char text[PATH_MAX + 128], size[SHOW_SIZE];
    int len, number = 0;

    image_size(show_types[type], data, size);
    if (doors->images != NULL) {
        number = images_put(doors->channel, type, data);
    }
    if (number > 0) {
        len = snprintf(text, sizeof(text), "[%s, %s: %s/image-%d.%s]\n", show_types[type], size,
                       doors->images->path, number, images_ending(type));
    } else {
        len = snprintf(text, sizeof(text), "[%s, %s%s%s]\n", show_types[type], size,
                       number < 0 ? ": not written: " : "", number < 0 ? strerror(-number) : "");
    }
    return repl_write(STDOUT_FILENO, text,
                      len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static int show_bundle(const struct doors *doors, const json_t *data)
{
    const char *text = json_string_value(json_object_get(data, "text/plain"));
    int rc = text != NULL ? show_text(STDOUT_FILENO, text) : 0;

    for (size_t i = 0; rc == 0 && i < IMAGES_TYPES; i++) {
        const char *image = json_string_value(json_object_get(data, show_types[i]));

        rc = image != NULL ? show_image(doors, (enum images_type)i, image) : 0;
    }
    return rc;
}

int repl_show(const struct doors *doors, const char *kind, const json_t *record)
{
    if (strcmp(kind, "result") == 0 || strcmp(kind, "display") == 0) {
        return show_bundle(doors, json_object_get(record, "data"));
    }
    if (strcmp(kind, "error") == 0) {
        const char *text = json_string_value(json_object_get(record, "traceback"));

        return text != NULL ? show_text(STDERR_FILENO, text) : 0;
    }
    return 0;
}
