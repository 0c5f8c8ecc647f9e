// SPDX-License-Identifier: Apache-2.0
/*
 * Reads requirements: options, and files as pip reads them. Whether a requirement is well formed is
 * for uv to say. Only what cannot work here is refused, and what would depend on the directory that
 * uv runs in is made absolute.
 */
#include "files.h"
#include "packages.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_FILE_MAX  (1u << 20) /* bytes of a requirements file */
#define REQUEST_FILES_MAX 64u        /* files that are read; it ends circles, too */
#define REQUEST_LINE_MAX  8192u

struct reader {
    FILE *out; /* the request's text */
    struct package_request *request;
    unsigned files;
    bool wanted; /* something is, beside limits to versions */
};

/* Where a requirement stands, for messages and for relative paths in options. */
struct place {
    const char *file; /* NULL: it is an option's value */
    const char *option;
    unsigned line;
    bool constraint; /* a constraints file's: a limit to versions, and nothing is wanted by it */
};

/* Adds to the message where the requirement stands. */
static int request_at(const struct place *at, struct vmm_err *err)
{
    return at->file == NULL ? vmm_err_context(err, "%s", at->option)
                            : vmm_err_context(err, "%.300s: line %u", at->file, at->line);
}

static bool request_starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Cuts blanks at both ends. */
static char *request_trim(char *text)
{
    size_t len;

    while (isblank((unsigned char)*text)) {
        text++;
    }
    len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        text[--len] = 0;
    }
    return text;
}

static void request_put(const struct reader *reader, const struct place *at, const char *line)
{
    fprintf(reader->out, "%s%s\n", at->constraint ? "#c " : "", line);
}

/* Puts a wheel on this host: as a URL, in which a blank or a `#` means nothing, and as the content
 * that it has now. */
static int request_put_wheel(const struct reader *reader, const struct place *at, const char *name,
                             const char *path, const char *marker, struct vmm_err *err)
{
    char real[PATH_MAX];
    struct stat st;
    size_t len;

    if (realpath(path, real) == NULL || stat(real, &st) < 0) {
        return vmm_err_set(err, errno, "%.300s: %s", path, strerror(errno));
    }
    len = strlen(real);
    if (!S_ISREG(st.st_mode) || len < 4 || strcmp(real + len - 4, ".whl") != 0) {
        return vmm_err_set(err, EINVAL,
                           "'%.300s' is no wheel, and nothing is built here; make one with: pip "
                           "wheel --no-deps",
                           path);
    }
    fprintf(reader->out, "#= %lld %lld.%09ld %llu\n", (long long)st.st_size,
            (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
    fprintf(reader->out, "%s%s%sfile://", at->constraint ? "#c " : "", name, *name ? " @ " : "");
    for (const char *p = real; *p; p++) {
        if (isalnum((unsigned char)*p) || strchr("/-_.~", *p) != NULL) {
            fputc(*p, reader->out);
        } else {
            fprintf(reader->out, "%%%02X", (unsigned char)*p);
        }
    }
    fprintf(reader->out, "%s%s\n", *marker ? " " : "", marker);
    return 0;
}

/* Whether the address ends in a wheel's name, before what follows # or ?. */
static bool request_is_wheel_url(const char *url)
{
    const size_t len = strcspn(url, "#?");

    return len > 4 && strncmp(url + len - 4, ".whl", 4) == 0;
}

/* What stands at an address. `whole` is the requirement as it was written, name what stood before
 * an `@`, and marker begins with a semicolon; both may be empty. */
static int request_address(const struct reader *reader, const struct place *at, const char *whole,
                           const char *name, const char *url, const char *marker,
                           struct vmm_err *err)
{
    const char *scheme = strstr(url, "://");

    if (scheme != NULL && memchr(url, '+', (size_t)(scheme - url)) != NULL) {
        return vmm_err_set(err, EINVAL,
                           "'%.300s' has to be built, and nothing is built here: name a release, "
                           "or a wheel",
                           whole);
    }
    if (request_starts(url, "file:")) {
        return request_put_wheel(reader, at, name, scheme != NULL ? scheme + 3 : url + 5, marker,
                                 err);
    }
    if (scheme == NULL) {
        return request_put_wheel(reader, at, name, url, marker, err);
    }
    if (!request_is_wheel_url(url)) {
        return vmm_err_set(err, EINVAL,
                           "'%.300s' is no wheel (.whl), and nothing is built here: name a "
                           "release, or a wheel",
                           whole);
    }
    request_put(reader, at, whole);
    return 0;
}

/* One requirement: a name, with or without versions, or the address of a wheel. */
static int request_one(const struct reader *reader, const struct place *at, const char *whole,
                       struct vmm_err *err)
{
    char text[REQUEST_LINE_MAX], *marker, *separator, *address = text;
    const char *name = "";
    size_t named;

    strcpy(text, whole);
    marker = strstr(text, " ;");
    if (marker != NULL) {
        *marker++ = 0;
    }
    request_trim(text);
    named = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-[], ");
    separator = text[named] == '@' ? text + named : NULL;
    if (separator != NULL) {
        *separator = 0;
        address = request_trim(separator + 1);
        name = request_trim(text);
    }
    if (separator != NULL || strstr(text, "://") != NULL || *text == '/' || *text == '.' ||
        (strchr(text, '/') != NULL && strchr(text, ';') == NULL) || request_is_wheel_url(text)) {
        return request_address(reader, at, whole, name, address, marker != NULL ? marker : "", err);
    }
    request_put(reader, at, whole);
    return 0;
}

static int request_line(struct reader *reader, const struct place *at, char *text,
                        struct vmm_err *err);

/* Makes each line end as Linux's do. */
static void request_newlines(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from != '\r' || from[1] != '\n') {
            *to++ = *from;
        }
    }
    *to = 0;
}

/* Joins what a backslash continues, and reads each line. */
static int request_lines(struct reader *reader, struct place *at, char *text, struct vmm_err *err)
{
    unsigned lines = 0;
    int rc = 0;

    request_newlines(text);
    while (rc == 0 && text != NULL && *text) {
        char *line = text, *end = strchr(text, '\n');

        at->line = ++lines;
        while (end != NULL && end > line && end[-1] == '\\') {
            end[-1] = end[0] = ' ';
            end = strchr(end, '\n');
            lines++;
        }
        if (end != NULL) {
            *end = 0;
        }
        text = end != NULL ? end + 1 : NULL;
        rc = request_line(reader, at, line, err);
    }
    return rc;
}

/* Reads a file of requirements or constraints. by is the place of the line that names it. */
static int request_file(struct reader *reader, const struct place *by, const char *path,
                        bool constraint, struct vmm_err *err)
{
    struct place at = {.file = path, .constraint = constraint};
    char *text = NULL;
    size_t len = 0;
    int fd, rc;

    if (++reader->files > REQUEST_FILES_MAX) {
        vmm_err_set(err, ELOOP, "more than %u files of requirements", REQUEST_FILES_MAX);
        return request_at(by, err);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    rc = fd < 0 ? file_fail(err, path) : file_read(fd, path, REQUEST_FILE_MAX, &text, &len, err);
    if (fd >= 0) {
        close(fd);
    }
    if (rc < 0 || text == NULL) {
        return request_at(by, err);
    }
    if (strlen(text) != len || request_starts(text, "[project]") ||
        request_starts(text, "[build")) {
        vmm_err_set(err, EINVAL, "%.300s: not a file of requirements (lines such as 'NAME>=1.2')",
                    path);
        rc = request_at(by, err);
    } else {
        rc = request_lines(reader, &at, text, err);
    }
    free(text);
    return rc;
}

/* A path in a file of requirements is relative to the directory of that file. */
static int request_beside(const struct place *at, const char *path, char beside[PATH_MAX],
                          struct vmm_err *err)
{
    const char *slash = at->file != NULL && *path != '/' ? strrchr(at->file, '/') : NULL;
    const int dir = slash != NULL ? (int)(slash - at->file) + 1 : 0;

    if (snprintf(beside, PATH_MAX, "%.*s%s", dir, dir ? at->file : "", path) >= PATH_MAX) {
        return vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", path);
    }
    return 0;
}

static int request_add_links(const struct reader *reader, const struct place *at, const char *path,
                             struct vmm_err *err)
{
    struct package_request *request = reader->request;
    char beside[PATH_MAX], *real = NULL;
    struct stat st;
    char **links;

    if (strstr(path, "://") != NULL) {
        fprintf(reader->out, "--find-links %s\n", path);
        return 0;
    }
    if (request_beside(at, path, beside, err) < 0) {
        return -err->code;
    }
    real = realpath(beside, NULL);
    if (real == NULL || stat(real, &st) < 0) {
        return vmm_err_set(err, errno, "--find-links %.300s: %s", path, strerror(errno));
    }
    links = realloc(request->find_links, (request->find_links_count + 1) * sizeof(*links));
    if (links == NULL || !S_ISDIR(st.st_mode)) {
        request->find_links = links != NULL ? links : request->find_links;
        free(real);
        return links == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                             : vmm_err_set(err, ENOTDIR,
                                           "--find-links %.300s: give a folder with wheels", path);
    }
    links[request->find_links_count++] = real;
    request->find_links = links;
    return 0;
}

enum request_option {
    REQUEST_FILE,
    REQUEST_CONSTRAINT,
    REQUEST_LINKS,
    REQUEST_PASS,
    REQUEST_ALONE
};

/* The options that a line of a file may be. The last two kinds are uv's to read. */
static const struct {
    const char *name;
    enum request_option kind;
} request_options[] = {
    {"--requirements", REQUEST_FILE},
    {"--requirement", REQUEST_FILE},
    {"-r", REQUEST_FILE},
    {"--constraints", REQUEST_CONSTRAINT},
    {"--constraint", REQUEST_CONSTRAINT},
    {"-c", REQUEST_CONSTRAINT},
    {"--find-links", REQUEST_LINKS},
    {"-f", REQUEST_LINKS},
    {"--index-url", REQUEST_PASS},
    {"-i", REQUEST_PASS},
    {"--extra-index-url", REQUEST_PASS},
    {"--no-index", REQUEST_ALONE},
};

/* Finds which option a line is, and its value. Returns its row, or -1. */
static int request_which(char *text, char **value)
{
    for (size_t i = 0; i < sizeof(request_options) / sizeof(*request_options); i++) {
        const char *name = request_options[i].name;
        char *rest = text + strlen(name);

        if (request_starts(text, name) &&
            (name[1] != '-' || *rest == 0 || *rest == '=' || isblank((unsigned char)*rest))) {
            *value = request_trim(*rest == '=' ? rest + 1 : rest);
            return (int)i;
        }
    }
    return -1;
}

/* A line of a file that is an option. */
static int request_option(struct reader *reader, const struct place *at, char *text,
                          struct vmm_err *err)
{
    char beside[PATH_MAX], *value = NULL;
    const int row = request_which(text, &value);
    enum request_option kind;

    if (row < 0 || (*value == 0) != (request_options[row].kind == REQUEST_ALONE)) {
        vmm_err_set(err, EINVAL,
                    "'%.200s' cannot be had here: only requirements, and -r, -c, --find-links, "
                    "--index-url, --extra-index-url with a value, and --no-index",
                    text);
        return request_at(at, err);
    }
    kind = request_options[row].kind;
    if (kind == REQUEST_LINKS) {
        return request_add_links(reader, at, value, err) < 0 ? request_at(at, err) : 0;
    }
    if (kind == REQUEST_PASS || kind == REQUEST_ALONE) {
        fprintf(reader->out, "%s %s\n", request_options[row].name, value);
        return 0;
    }
    if (request_beside(at, value, beside, err) < 0) {
        return request_at(at, err);
    }
    return request_file(reader, at, beside, at->constraint || kind == REQUEST_CONSTRAINT, err);
}

/* Ends a line where its comment begins. */
static char *request_uncomment(char *text)
{
    for (char *p = text; (p = strchr(p, '#')) != NULL; p++) {
        if (p == text || isblank((unsigned char)p[-1])) {
            *p = 0;
            break;
        }
    }
    return request_trim(text);
}

static int request_check(const char *text, struct vmm_err *err)
{
    if (*text == 0) {
        return vmm_err_set(err, EINVAL, "it is empty: give NAME, 'NAME>=1.2' or a wheel");
    }
    if (strlen(text) >= REQUEST_LINE_MAX) {
        return vmm_err_set(err, E2BIG, "a requirement of %zu bytes, at most %u are taken",
                           strlen(text), REQUEST_LINE_MAX - 1);
    }
    if (text[strlen(text) - 1] == '\\') {
        return vmm_err_set(err, EINVAL, "there is nothing after its backslash");
    }
    for (const char *p = text; *p; p++) {
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f) {
            return vmm_err_set(err, EINVAL, "there is a control character in it (0x%02x)",
                               (unsigned char)*p);
        }
    }
    return 0;
}

/* One line of a file, or the value of an option. */
static int request_line(struct reader *reader, const struct place *at, char *text,
                        struct vmm_err *err)
{
    text = request_uncomment(text);
    if (*text == 0 && at->file != NULL) {
        return 0;
    }
    if (request_check(text, err) < 0) {
        return request_at(at, err);
    }
    if (*text == '-' && at->file != NULL) {
        return request_option(reader, at, text, err);
    }
    if (*text == '-') {
        vmm_err_set(err, EINVAL, "'%.200s' is no requirement: give NAME, 'NAME>=1.2' or a wheel",
                    text);
        return request_at(at, err);
    }
    reader->wanted = reader->wanted || !at->constraint;
    return request_one(reader, at, text, err) < 0 ? request_at(at, err) : 0;
}

/* Requirements that each are a word of their own. */
static int request_words(struct reader *reader, const char *const *words, const char *option,
                         struct vmm_err *err)
{
    const struct place at = {.option = option};
    int rc = 0;

    for (; words != NULL && *words != NULL && rc == 0; words++) {
        char *copy = strdup(*words);

        rc = copy == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                          : request_line(reader, &at, copy, err);
        free(copy);
    }
    return rc;
}

static int request_read(struct reader *reader, const struct package_options *options,
                        const char *const *more, struct vmm_err *err)
{
    int rc = request_words(reader, options->with.items, "--with", err);

    for (size_t i = 0; i < options->files.count && rc == 0; i++) {
        rc = request_file(reader, &(struct place){.option = "-r"}, options->files.items[i], false,
                          err);
    }
    if (rc == 0) {
        rc = request_words(reader, more, "dependencies of the script", err);
    }
    for (size_t i = 0; i < options->find_links.count && rc == 0; i++) {
        rc = request_add_links(reader, &(struct place){0}, options->find_links.items[i], err);
    }
    return rc;
}

int packages_request(const struct package_options *options, const char *const *more,
                     struct package_request *request, struct vmm_err *err)
{
    struct reader reader = {.request = request};
    int rc;

    *request = (struct package_request){.upgrade = options->upgrade, .offline = options->offline};
    reader.out = open_memstream(&request->text, &request->len);
    if (reader.out == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (options->exclude_newer != NULL) {
        fprintf(reader.out, "#n %s\n", options->exclude_newer);
    }
    rc = request_read(&reader, options, more, err);
    if (fclose(reader.out) != 0 && rc == 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (!reader.wanted && request->text != NULL) {
        request->len = 0;
        *request->text = 0;
    }
    return rc;
}

void package_request_free(struct package_request *request)
{
    for (size_t i = 0; i < request->find_links_count; i++) {
        free(request->find_links[i]);
    }
    free(request->find_links);
    free(request->text);
    *request = (struct package_request){0};
}

void package_options_free(struct package_options *options)
{
    free(options->with.items);
    free(options->files.items);
    free(options->find_links.items);
}
