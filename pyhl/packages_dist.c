// SPDX-License-Identifier: Apache-2.0
#include "packages_dist.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Cuts the next line off. Returns it with its length, without the newline; NULL at the end. */
static const char *dist_line(const char **text, size_t *len)
{
    const char *line = *text;

    if (*line == 0) {
        return NULL;
    }
    *len = strcspn(line, "\n");
    *text = line + *len + (line[*len] == '\n');
    if (*len > 0 && line[*len - 1] == '\r') {
        --*len;
    }
    return line;
}

static bool dist_is(const char *line, size_t len, const char *field)
{
    const size_t n = strlen(field);

    return len > n && strncasecmp(line, field, n) == 0 && line[n] == ':';
}

/* The value of a line "Field: value". */
static const char *dist_value(const char *line, size_t *len)
{
    const char *value = strchr(line, ':') + 1;

    *len -= (size_t)(value - line);
    while (*len > 0 && isspace((unsigned char)*value)) {
        value++;
        --*len;
    }
    while (*len > 0 && isspace((unsigned char)value[*len - 1])) {
        --*len;
    }
    return value;
}

bool dist_name(const char *name, size_t len, char out[DIST_NAME])
{
    size_t n = 0;

    *out = 0;
    if (len == 0 || len >= DIST_NAME || !isalnum((unsigned char)name[0]) ||
        !isalnum((unsigned char)name[len - 1])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const bool separator = name[i] == '-' || name[i] == '_' || name[i] == '.';

        if (!separator && !isalnum((unsigned char)name[i])) {
            *out = 0;
            return false;
        }
        if (!separator || out[n - 1] != '_') {
            out[n++] = separator ? '_' : (char)tolower((unsigned char)name[i]);
        }
    }
    out[n] = 0;
    return true;
}

static size_t dist_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* The length of a part of a version that is one of the words, with digits after it; 0: there is
 * none. */
static size_t dist_part(const char *text, const char *const *words)
{
    const size_t lead = *text && strchr(".-_", *text) != NULL ? 1 : 0;

    for (; *words != NULL; words++) {
        const size_t n = strlen(*words);

        if (strncasecmp(text + lead, *words, n) == 0 && !isalpha((unsigned char)text[lead + n])) {
            return lead + n + dist_digits(text + lead + n);
        }
    }
    return 0;
}

/* How much of the text is a version of PEP 440; 0: none of it. */
static size_t dist_version(const char *text)
{
    static const char *const pre[] = {"alpha", "beta", "preview", "pre", "rc", "a", "b", "c", NULL};
    static const char *const post[] = {"post", "rev", "r", NULL};
    static const char *const dev[] = {"dev", NULL};
    size_t n = dist_digits(text), part;

    if (n > 0 && text[n] == '!' && dist_digits(text + n + 1) > 0) {
        n += 1 + dist_digits(text + n + 1);
    }
    while (n > 0 && text[n] == '.' && (part = dist_digits(text + n + 1)) > 0) {
        n += 1 + part;
    }
    if (n == 0) {
        return 0;
    }
    n += dist_part(text + n, pre);
    n += dist_part(text + n, post);
    n += dist_part(text + n, dev);
    if (text[n] != '+' || !isalnum((unsigned char)text[n + 1])) {
        return n;
    }
    for (n++; isalnum((unsigned char)text[n]) ||
              (text[n] && strchr("._-", text[n]) != NULL && isalnum((unsigned char)text[n + 1]));) {
        n++;
    }
    return n;
}

bool dist_read(const char *text, struct dist *out)
{
    char version[DIST_VERSION];
    const char *line;
    size_t len;

    *out = (struct dist){0};
    while ((line = dist_line(&text, &len)) != NULL && len > 0) {
        const bool is_name = dist_is(line, len, "Name");
        const char *value;

        if (!is_name && !dist_is(line, len, "Version")) {
            continue;
        }
        value = dist_value(line, &len);
        if (is_name && !dist_name(value, len, out->name)) {
            return false;
        }
        if (!is_name) {
            if (len == 0 || len >= sizeof(version)) {
                return false;
            }
            memcpy(version, value, len);
            version[len] = 0;
            version[dist_version(version)] = 0;
            memcpy(out->version, version, sizeof(version));
        }
    }
    return out->name[0] && out->version[0];
}

const char *dist_need(const char **text, size_t *len)
{
    static const char *const fields[] = {"Requires-Dist", "Requires-Python", "Provides-Extra"};
    const char *line;

    while ((line = dist_line(text, len)) != NULL && *len > 0) {
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
            if (dist_is(line, *len, fields[i])) {
                return line;
            }
        }
    }
    return NULL;
}

/* Where the name of a wheel begins in a line that is an address; NULL: it is none. */
static const char *dist_wheel(const char *line, size_t len)
{
    const char *scheme = memmem(line, len, "://", 3), *slash;
    size_t left = scheme != NULL ? len - (size_t)(scheme - line) : 0;

    if (scheme == NULL || memchr(line, '@', len - left) != NULL) {
        return NULL;
    }
    for (size_t i = 0; i < left; i++) {
        left = strchr("#? ", scheme[i]) != NULL ? i : left;
    }
    slash = memrchr(scheme, '/', left);
    return slash + 1;
}

bool dist_requirement(const char **text, char name[DIST_NAME])
{
    size_t len, n;
    const char *line = dist_line(text, &len), *begin;

    *name = 0;
    if (line == NULL) {
        return false;
    }
    begin = dist_wheel(line, len);
    n = begin != NULL ? strcspn(begin, "-\n") : strcspn(line, " \t@[;<>=!~,(\n");
    if (len > 0 && *line != '#' && *line != '-') {
        (void)dist_name(begin != NULL ? begin : line, n, name);
    }
    return true;
}

/* Whether the name is one to import at once. */
static bool dist_module(const char *name, size_t len, char module[DIST_MODULE])
{
    static const char *const left_out[] = {"test", "tests", "testing", "docs", "examples", "setup"};

    if (len == 0 || len >= DIST_MODULE || isdigit((unsigned char)*name) || *name == '_') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
        module[i] = name[i];
    }
    module[len] = 0;
    for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out); i++) {
        if (strcmp(module, left_out[i]) == 0) {
            return false;
        }
    }
    return true;
}

bool dist_top_level(const char **text, char module[DIST_MODULE])
{
    const char *line;
    size_t len;

    while ((line = dist_line(text, &len)) != NULL) {
        while (len > 0 && isspace((unsigned char)line[len - 1])) {
            len--;
        }
        if (dist_module(line, len, module)) {
            return true;
        }
    }
    return false;
}

bool dist_record(const char **text, char module[DIST_MODULE])
{
    static const char init[] = "/__init__.py";
    const char *line;
    size_t len;

    while ((line = dist_line(text, &len)) != NULL) {
        const size_t path = strcspn(line, ",\r\n"), name = strcspn(line, "/.,\r\n");
        const size_t left = path - name;
        const char *rest = line + name;
        const bool package = left == sizeof(init) - 1 && strncmp(rest, init, left) == 0;
        const bool file = *rest == '.' && memchr(rest, '/', left) == NULL &&
                          ((left == 3 && strncmp(rest, ".py", left) == 0) ||
                           (left >= 3 && strncmp(rest + left - 3, ".so", 3) == 0));

        if ((package || file) && dist_module(line, name, module)) {
            return true;
        }
    }
    return false;
}

const char *dist_record_own(const char **text, size_t *len)
{
    static const char *const added[] = {"/direct_url.json", "/uv_cache.json", "/uv_build.json"};
    const char *line;

    while ((line = dist_line(text, len)) != NULL) {
        const size_t path = strcspn(line, ",\r\n");
        bool own = strncmp(line, "bin/", 4) != 0;

        for (size_t i = 0; i < sizeof(added) / sizeof(*added); i++) {
            const size_t n = strlen(added[i]);

            own = own && (path < n || strncmp(line + path - n, added[i], n) != 0);
        }
        if (own) {
            return line;
        }
    }
    return NULL;
}
