// SPDX-License-Identifier: Apache-2.0
/*
 * uv has no codes for its reasons, so they are told by words of its sentences. Where the words are
 * others, in another version of uv, the line is a general one, and uv's own lines follow it anyway.
 */
#include "packages_said.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID_HEAD      24u /* lines that are kept of a long text, from its beginning and its end */
#define SAID_TAIL      8u
#define SAID_LEFT_OUT  "...\n"
#define SAID_MALFORMED "a requirement is malformed: give NAME, 'NAME>=1.2' or a wheel"
#define SAID_PLATFORM  "x86_64-manylinux_2_"

/* Copies what stands between quotes after the words `after`; empty when nothing does. */
static void said_quoted(const char *said, const char *after, char *out, size_t room)
{
    const char *at = strstr(said, after), *begin = at != NULL ? strchr(at, '`') : NULL;
    const size_t len = begin != NULL ? strcspn(begin + 1, "`\n") : 0;

    snprintf(out, room, "%.*s", (int)(len < room ? len : room - 1), len > 0 ? begin + 1 : "");
}

/* The word before the words `before`: the name, or the name and version, of a package. */
static void said_word(const char *said, const char *before, char *out, size_t room)
{
    const char *end = strstr(said, before), *begin = end;

    while (begin != NULL && begin > said && strchr(" \n", begin[-1]) == NULL) {
        begin--;
    }
    snprintf(out, room, "%.*s", end != NULL ? (int)(end - begin) : 0, end != NULL ? begin : "");
}

enum said_kind { SAID_PLAIN, SAID_QUOTED, SAID_WORD };

/* What uv's words mean, the first that fits. */
static const struct {
    const char *words;
    enum said_kind kind; /* how the package is found */
    int code;
    const char *line; /* {package}, and of the image {python} and {glibc} */
} said_table[] = {
    {"File too large", SAID_PLAIN, E2BIG, "the packages are too large for the VM's memory"},
    {"No space left on device", SAID_PLAIN, ENOSPC, "no space left on this host for the packages"},
    {"No interpreter found", SAID_PLAIN, ENOENT,
     "uv needs a Python of this host to start, of any version: install python3"},
    {"Failed to parse", SAID_PLAIN, EINVAL, SAID_MALFORMED},
    {"Couldn't parse requirement", SAID_PLAIN, EINVAL, SAID_MALFORMED},
    {"or the start of a requirement", SAID_PLAIN, EINVAL, SAID_MALFORMED},
    {"error sending request", SAID_PLAIN, EHOSTUNREACH,
     "the package index cannot be reached; without network, use --find-links DIR with --offline"},
    {"hash mismatch", SAID_PLAIN, EBADMSG, "a package's hash is not the one that was given"},
    {"Hash mismatch", SAID_PLAIN, EBADMSG, "a package's hash is not the one that was given"},
    {"Wheels are available for `", SAID_QUOTED, EINVAL,
     "'{package}' has no wheel for this image: Linux on x86-64 with glibc 2.{glibc}"},
    {"but we only found wheels for `", SAID_QUOTED, EINVAL,
     "'{package}' has no wheel for this image's Python, which is {python}"},
    {"no wheels with a matching platform tag", SAID_PLAIN, EINVAL,
     "a package has no wheel for this image: Linux on x86-64 with glibc 2.{glibc}"},
    {"no wheels with a matching Python", SAID_PLAIN, EINVAL,
     "a package has no wheel for this image's Python, which is {python}"},
    {"Wheels are required for `", SAID_QUOTED, EINVAL,
     "'{package}' has no wheel, only its source, which is not built here"},
    {"Git operation failed", SAID_PLAIN, EINVAL,
     "a package asks for another one by the address of its source, which is not built here"},
    {"Building source distributions for `", SAID_QUOTED, EINVAL,
     "'{package}' has no wheel, only its source, which is not built here"},
    {"was included as a URL dependency", SAID_PLAIN, EINVAL,
     "a package asks for another one by an address, which only --with and -r may"},
    {" requires Python ", SAID_WORD, EINVAL,
     "'{package}' is for another Python; the image has {python}"},
    {" was not found in the cache", SAID_WORD, EINVAL,
     "there is no '{package}' in the --find-links folders or uv's cache"},
    {" was not found in the ", SAID_WORD, EINVAL, "there is no package '{package}'"},
    {"there is no version of ", SAID_PLAIN, EINVAL, "no package has a version that was asked for"},
    {"requirements are unsatisfiable", SAID_PLAIN, EINVAL,
     "the packages do not go together: no versions of them fit all that is asked for"},
};

/* Puts the values into a line of the table. */
static void said_fill(const char *from, const char *package, const struct said_image *image,
                      char *out, size_t room)
{
    char glibc[16];
    const struct {
        const char *name, *value;
    } values[] = {{"{package}", package}, {"{python}", image->python}, {"{glibc}", glibc}};
    size_t n = 0;

    snprintf(glibc, sizeof(glibc), "%u", image->glibc);
    while (*from && n + 1 < room) {
        const char *value = NULL;

        for (size_t i = 0; i < sizeof(values) / sizeof(*values) && value == NULL; i++) {
            if (strncmp(from, values[i].name, strlen(values[i].name)) == 0) {
                from += strlen(values[i].name);
                value = values[i].value;
            }
        }
        if (value == NULL) {
            out[n++] = *from++;
        } else {
            n += (size_t)snprintf(out + n, room - n, "%s", value);
        }
    }
    out[n < room ? n : room - 1] = 0;
}

int said_why(const char *said, int status, const struct said_image *image, struct vmm_err *err)
{
    char package[101] = "", line[300];

    for (size_t i = 0; i < sizeof(said_table) / sizeof(*said_table); i++) {
        const char *words = said_table[i].words;

        if (strstr(said, words) == NULL) {
            continue;
        }
        if (said_table[i].kind == SAID_QUOTED) {
            said_quoted(said, words, package, sizeof(package));
        } else if (said_table[i].kind == SAID_WORD) {
            said_word(said, words, package, sizeof(package));
        }
        said_fill(said_table[i].line, package, image, line, sizeof(line));
        return vmm_err_set(err, said_table[i].code, "%s", line);
    }
    return vmm_err_set(err, EIO, "uv failed with status %d", status);
}

unsigned said_platform(const char *said, unsigned below)
{
    unsigned best = 0;

    if (strstr(said, "--python-platform") == NULL) {
        return 0;
    }
    while ((said = strstr(said, SAID_PLATFORM)) != NULL) {
        const unsigned long minor = strtoul(said += sizeof(SAID_PLATFORM) - 1, NULL, 10);

        if (minor < below && minor > best) {
            best = (unsigned)minor;
        }
    }
    return best;
}

/* The beginning of the next line. */
static const char *said_next(const char *text)
{
    const char *newline = strchr(text, '\n');

    return newline != NULL ? newline + 1 : text + strlen(text);
}

void said_shorten(char *said)
{
    static const char left_out[] = SAID_LEFT_OUT;
    const size_t left = sizeof(left_out) - 1;
    const char *head = said, *tail = said, *end = said;
    unsigned lines = 0;

    while (*end) {
        head = lines < SAID_HEAD ? said_next(head) : head;
        tail = lines >= SAID_TAIL ? said_next(tail) : tail;
        end = said_next(end);
        lines++;
    }
    if (lines > SAID_HEAD + SAID_TAIL && (size_t)(tail - head) > left) {
        char *to = said + (head - said);

        memmove(to + left, tail, strlen(tail) + 1);
        memcpy(to, left_out, left);
    }
}
