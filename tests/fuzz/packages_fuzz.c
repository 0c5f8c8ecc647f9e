// SPDX-License-Identifier: Apache-2.0
/*
 * What is read of packages (pyhl/packages_dist.c), of uv's words (packages_said.c) and of a file of
 * requirements (packages_request.c). Input: a byte that says which, and the text. Names of modules
 * and of packages are compared with regular expressions.
 */
#include "fuzz.h"
#include "pyhl/packages.h"
#include "pyhl/packages_dist.h"
#include "pyhl/packages_said.h"

#include <ctype.h>
#include <regex.h>

/* Whether an extended regular expression, which is a literal, matches len bytes, which have no NUL.
 * Each is compiled once. */
static bool matches(const char *pattern, const char *text, size_t len)
{
    static struct {
        const char *pattern;
        regex_t regex;
    } known[16];
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)len};
    size_t i = 0;

    while (known[i].pattern != NULL && known[i].pattern != pattern) {
        MUST(++i < sizeof(known) / sizeof(*known));
    }
    if (known[i].pattern == NULL) {
        MUST(regcomp(&known[i].regex, pattern, REG_EXTENDED) == 0);
        known[i].pattern = pattern;
    }
    return regexec(&known[i].regex, text, 1, &whole, REG_STARTEND) == 0;
}

static void check_inside(const char *line, size_t len, const char *text)
{
    MUST(line >= text && line + len <= text + strlen(text));
    MUST(memchr(line, '\n', len) == NULL);
}

static void check_name(const char *text)
{
    const size_t len = strcspn(text, "\n");
    char name[DIST_NAME], again[DIST_NAME];
    const bool ok = dist_name(text, len, name);

    MUST(ok ==
         (len < DIST_NAME && matches("^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", text, len)));
    if (ok) {
        MUST(matches("^[a-z0-9]+(_[a-z0-9]+)*$", name, strlen(name)));
        MUST(dist_name(name, strlen(name), again) && strcmp(name, again) == 0);
    }
}

/* The head of a METADATA: what was read of it reads the same again. */
static void check_metadata(const char *text)
{
    const char *at = text, *line;
    struct dist dist, again;
    char copy[DIST_NAME + DIST_VERSION + 32];
    size_t len;

    if (dist_read(text, &dist)) {
        (void)snprintf(copy, sizeof(copy), "Name: %s\nVersion: %s\n\n", dist.name, dist.version);
        MUST(dist_read(copy, &again) && strcmp(dist.name, again.name) == 0);
        MUST(strcmp(dist.version, again.version) == 0);
        MUST(matches("^[0-9]+(!|[.]|[0-9]|[._-]?[A-Za-z]+[0-9]*|[+][A-Za-z0-9._-]*[A-Za-z0-9])*$",
                     dist.version, strlen(dist.version)));
    }
    while ((line = dist_need(&at, &len)) != NULL) {
        check_inside(line, len, text);
        MUST(matches("^([Rr][Ee][Qq]|[Pp][Rr][Oo])[^:]*:", line, len));
    }
}

static bool is_left_out(const char *name)
{
    return matches("^(test|tests|testing|docs|examples|setup)$", name, strlen(name));
}

/* Each line of a RECORD or top_level.txt that names a module gives it, and no other does. */
static void check_modules(const char *text, bool record)
{
    const char *pattern = record
                              ? "^[A-Za-z][A-Za-z0-9_]*(/__init__[.]py|[.]py|[.]so|[.][^/]*[.]so)$"
                              : "^[A-Za-z][A-Za-z0-9_]*[ \t\v\f\r]*$";
    const char *at = text;
    char module[DIST_MODULE];
    size_t len;

    for (const char *line = text; *line; line += len + (line[len] == '\n')) {
        const size_t name =
            strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        char expected[DIST_MODULE];

        len = strcspn(line, "\n");
        (void)snprintf(expected, sizeof(expected), "%.*s", (int)(name < DIST_MODULE ? name : 0),
                       line);
        if (name >= DIST_MODULE || is_left_out(expected) ||
            !matches(pattern, line, record ? strcspn(line, ",\r\n") : len)) {
            continue;
        }
        MUST(record ? dist_record(&at, module) : dist_top_level(&at, module));
        MUST(strcmp(module, expected) == 0);
    }
    MUST(!(record ? dist_record(&at, module) : dist_top_level(&at, module)));
    at = text;
    for (const char *own; (own = dist_record_own(&at, &len)) != NULL;) {
        check_inside(own, len, text);
        MUST(!matches("^bin/|^[^,\r]*/direct_url[.]json([,\r]|$)", own, len));
    }
}

static void check_requirements(const char *text)
{
    const char *at = text;
    char name[DIST_NAME];

    while (dist_requirement(&at, name)) {
        MUST(*name == 0 || matches("^[a-z0-9]+(_[a-z0-9]+)*$", name, strlen(name)));
    }
    MUST(*at == 0);
}

static void check_said(char *text)
{
    const struct said_image image = {.python = "3.13.5", .glibc = 41};
    const size_t before = strlen(text);
    struct vmm_err err = {0};

    MUST(said_why(text, 1, &image, &err) < 0 && err.code > 0 && err.msg[0]);
    MUST(strchr(err.msg, '\n') == NULL);
    MUST(said_platform(text, 41) < 41);
    said_shorten(text);
    MUST(strlen(text) <= before);
}

/* Reads a file of requirements. false: it was refused. */
static bool read_file(const char *text, size_t size, struct package_request *request)
{
    const char *items[2] = {NULL, NULL};
    struct package_options options = {.files = {.items = items, .count = 1}};
    struct vmm_err err = {0};
    char path[64];
    int rc;

    fuzz_path(fuzz_input_file(text, size), path);
    items[0] = path;
    rc = packages_request(&options, NULL, request, &err);
    MUST(rc == 0 || (rc == -err.code && err.msg[0] && strchr(err.msg, '\n') == NULL));
    return rc == 0;
}

/* The text that a file makes is one of requirements, and makes itself. */
static void check_request(const char *text, size_t size)
{
    struct package_request first, second;
    char *wanted, *put;

    if (read_file(text, size, &first) && first.len > 0) {
        wanted = put = malloc(first.len + 1);
        MUST(wanted != NULL && first.len == strlen(first.text));
        for (const char *line = first.text; *line; line += strcspn(line, "\n") + 1) {
            const size_t len = strcspn(line, "\n") + 1;

            MUST(line[len - 1] == '\n');
            if (*line != '#') {
                memcpy(put, line, len);
                put += len;
            }
        }
        if (read_file(wanted, (size_t)(put - wanted), &second)) {
            MUST(second.len == (size_t)(put - wanted));
            MUST(memcmp(second.text, wanted, second.len) == 0);
        }
        package_request_free(&second);
        free(wanted);
    }
    package_request_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* between red zones */

    MUST(text != NULL);
    if (size > 0) {
        memcpy(text, data + 1, size - 1);
        text[size - 1] = 0;
        switch (data[0] % 4) {
        case 0:
            check_name(text);
            check_metadata(text);
            break;
        case 1:
            check_modules(text, true);
            check_modules(text, false);
            check_requirements(text);
            break;
        case 2:
            check_said(text);
            break;
        case 3:
            check_request(text, size - 1);
            break;
        }
    }
    free(text);
    return 0;
}
