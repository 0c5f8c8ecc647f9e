// SPDX-License-Identifier: Apache-2.0
/*
 * Reads image.ini, pyhl.ini and layer.ini, through inih. Every known key is a row of a table: its
 * name and how its value is taken. Every run reads pyhl.ini, so it skips the packages, which are
 * most of the file.
 */
#include "config.h"
#include "value.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field_kind {
    FIELD_TEXT,   /* a plain name */
    FIELD_PATH,   /* a plain name that begins with / */
    FIELD_LINE,   /* any text on one line */
    FIELD_WORDS,  /* the same, beginning with / */
    FIELD_OUTPUT, /* any text, with \n, \t and \\ written as here */
    FIELD_SIZE,
    FIELD_COUNT,
    FIELD_KEY,
};

struct field {
    const char *key;
    enum field_kind kind;
    bool optional;
    size_t offset;
    size_t size; /* of the buffer of a text */
};

#define TEXT(type, kind_, member)                                                                  \
    .kind = kind_, .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

static const struct field image_fields[] = {
    {.key = "name", TEXT(struct image_config, FIELD_TEXT, name)},
    {.key = "init", TEXT(struct image_config, FIELD_PATH, init)},
    {.key = "check", TEXT(struct image_config, FIELD_LINE, check), .optional = true},
    {.key = "check_output",
     TEXT(struct image_config, FIELD_OUTPUT, check_output),
     .optional = true},
    {.key = "rehearsal", TEXT(struct image_config, FIELD_LINE, rehearsal), .optional = true},
    {.key = "eval", TEXT(struct image_config, FIELD_WORDS, eval), .optional = true},
    {.key = "memory", TEXT(struct image_config, FIELD_SIZE, memory), .optional = true},
    {.key = "memory_min", TEXT(struct image_config, FIELD_SIZE, memory_min), .optional = true},
    {0},
};

static const struct field home_fields[] = {
    {.key = "version", TEXT(struct home_config, FIELD_TEXT, version)},
    {.key = "image", TEXT(struct home_config, FIELD_TEXT, image)},
    {.key = "memory", TEXT(struct home_config, FIELD_SIZE, memory)},
    {.key = "key", TEXT(struct home_config, FIELD_KEY, key)},
    {.key = "kernel_size", TEXT(struct home_config, FIELD_COUNT, kernel_size)},
    {.key = "initrd_size", TEXT(struct home_config, FIELD_COUNT, initrd_size)},
    {.key = "snapshot_size", TEXT(struct home_config, FIELD_COUNT, snapshot_size)},
    {.key = "layer_size", TEXT(struct home_config, FIELD_COUNT, layer_size), .optional = true},
    {.key = "snapshot_inode",
     TEXT(struct home_config, FIELD_COUNT, snapshot_inode),
     .optional = true},
    {0},
};

static const struct field layer_fields[] = {
    {.key = "version", TEXT(struct layer_config, FIELD_TEXT, version)},
    {.key = "key", TEXT(struct layer_config, FIELD_KEY, key)},
    {.key = "content", TEXT(struct layer_config, FIELD_KEY, content)},
    {.key = "files_size", TEXT(struct layer_config, FIELD_COUNT, files_size)},
    {.key = "plain", TEXT(struct layer_config, FIELD_COUNT, plain), .optional = true},
    {0},
};

struct parse {
    const char *section;
    const struct field *fields;
    void *config;
    struct packages *packages; /* NULL: packages are skipped */
    bool only_known;           /* other keys are refused */
    unsigned seen;             /* bit n: fields[n] */
    uint64_t format;
    struct vmm_err *err;
};

/* Whether a text is a plain name. Names are shown and written into other files, so they have no
 * control characters and no ini syntax. */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 127 || strchr("=;#[]", *text) != NULL) {
            return false;
        }
    }
    return true;
}

static int take_text(const struct field *field, const char *value, char *buf, struct vmm_err *err)
{
    size_t len = strlen(value);

    if (len == 0 || len >= field->size || !is_plain(value)) {
        return vmm_err_set(err, EBADMSG, "%s '%s' is not a plain name", field->key, value);
    }
    if (field->kind == FIELD_PATH && value[0] != '/') {
        return vmm_err_set(err, EBADMSG, "%s '%s' is not an absolute path", field->key, value);
    }
    memcpy(buf, value, len + 1);
    return 0;
}

static int take_line(const struct field *field, const char *value, char *buf, struct vmm_err *err)
{
    size_t len = strlen(value);

    if (len == 0 || len >= field->size) {
        return vmm_err_set(err, EBADMSG, "%s has %zu bytes; give 1 to %zu", field->key, len,
                           field->size - 1);
    }
    if (field->kind == FIELD_WORDS && value[0] != '/') {
        return vmm_err_set(err, EBADMSG, "%s '%s' does not begin with an absolute path", field->key,
                           value);
    }
    memcpy(buf, value, len + 1);
    return 0;
}

static int take_output(const struct field *field, const char *value, char *buf, struct vmm_err *err)
{
    const char *from = buf;
    int rc = take_line(field, value, buf, err);

    while (rc == 0 && *from != 0) {
        char c = *from++;

        if (c == '\\') {
            c = *from++;
            if (c != 'n' && c != 't' && c != '\\') {
                return vmm_err_set(err, EBADMSG, "%s '%s': a \\ begins \\n, \\t or \\\\",
                                   field->key, value);
            }
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        *buf++ = c;
    }
    *buf = 0;
    return rc;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_key(const char *value, struct vmm_key *key, struct vmm_err *err)
{
    if (strlen(value) != 2 * sizeof(key->bytes)) {
        return vmm_err_set(err, EBADMSG, "key '%s' is not 32 hexadecimal digits", value);
    }
    for (size_t i = 0; i < sizeof(key->bytes); i++) {
        int high = hex_digit(value[2 * i]), low = hex_digit(value[2 * i + 1]);

        if (high < 0 || low < 0) {
            return vmm_err_set(err, EBADMSG, "key '%s' is not 32 hexadecimal digits", value);
        }
        key->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int take(const struct field *field, const char *value, void *config, struct vmm_err *err)
{
    void *variable = (char *)config + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_PATH:
        return take_text(field, value, variable, err);
    case FIELD_LINE:
    case FIELD_WORDS:
        return take_line(field, value, variable, err);
    case FIELD_OUTPUT:
        return take_output(field, value, variable, err);
    case FIELD_SIZE:
        return value_size(field->key, value, variable, err);
    case FIELD_COUNT:
        return value_count(field->key, value, variable, err);
    case FIELD_KEY:
        return take_key(value, variable, err);
    }
    return vmm_err_set(err, EINVAL, "%s: unknown kind of field", field->key);
}

static int add_package(struct packages *packages, const char *name, const char *version,
                       struct vmm_err *err)
{
    size_t room = strlen(name) + strlen(version) + sizeof(" = \n");
    char *text;

    if (!*name || !is_plain(name) || !is_plain(version)) {
        return 0; /* a package is kept only when name and version are one word each */
    }
    text = realloc(packages->text, packages->len + room);
    if (text == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    packages->text = text;
    packages->len += (size_t)sprintf(text + packages->len, "%s = %s\n", name, version);
    packages->count++;
    return 0;
}

static int unknown_key(const struct parse *parse, const char *name)
{
    char known[256] = "";

    for (unsigned i = 0; parse->fields[i].key != NULL; i++) {
        size_t len = strlen(known);

        snprintf(known + len, sizeof(known) - len, "%s%s", i == 0 ? "" : ", ",
                 parse->fields[i].key);
    }
    return vmm_err_set(parse->err, EBADMSG, "unknown key '%s' in [%s], which has %s", name,
                       parse->section, known);
}

/* inih's handler: returns 1 when the line is taken, 0 to fail. */
static int on_line(void *arg, const char *section, const char *name, const char *value)
{
    struct parse *parse = arg;

    if (parse->err->code) {
        return 0;
    }
    if (strcmp(section, "packages") == 0) {
        return parse->packages == NULL ||
               add_package(parse->packages, name, value, parse->err) == 0;
    }
    if (strcmp(section, parse->section) != 0) {
        return 1;
    }
    if (strcmp(name, "format") == 0) {
        return value_count(name, value, &parse->format, parse->err) == 0;
    }
    for (unsigned i = 0; parse->fields[i].key != NULL; i++) {
        if (strcmp(name, parse->fields[i].key) == 0) {
            if (parse->seen & 1u << i) {
                vmm_err_set(parse->err, EBADMSG,
                            "%s is given twice (a line that begins with a space goes on with the "
                            "one before)",
                            name);
                return 0;
            }
            parse->seen |= 1u << i;
            return take(&parse->fields[i], value, parse->config, parse->err) == 0;
        }
    }
    return !parse->only_known || unknown_key(parse, name) == 0;
}

/* Whether a character is a control character, other than a tab or the CR of a DOS line end. */
static bool is_control(const char *c)
{
    return ((unsigned char)*c < ' ' && *c != '\t' && !(c[0] == '\r' && c[1] == '\n')) || *c == 127;
}

/* Refuses text that a message must not show, and lines that inih would split because they are too
 * long. */
static int check_lines(const char *text, const char *path, struct vmm_err *err)
{
    const size_t most = INI_MAX_LINE - 2; /* with newline and NUL it fills inih's buffer */

    for (unsigned line = 1; *text != 0; line++) {
        size_t len = strcspn(text, "\n");

        for (size_t i = 0; i < len; i++) {
            if (is_control(text + i)) {
                return vmm_err_set(err, EBADMSG, "%s: line %u has a control character", path, line);
            }
        }
        if (len > most) {
            return vmm_err_set(err, EBADMSG, "%s: line %u has %zu bytes, at most %zu are taken",
                               path, line, len, most);
        }
        text += len + (text[len] == '\n');
    }
    return 0;
}

static int parse_ini(const char *text, const char *path, struct parse *parse, struct vmm_err *err)
{
    struct vmm_err why = {0};
    int line;

    parse->err = &why;
    line = ini_parse_string(text, on_line, parse);
    parse->err = NULL;
    if (why.code) {
        return vmm_err_set(err, EBADMSG, "%s: line %d: %s", path, line, why.msg);
    }
    if (line != 0) {
        return vmm_err_set(err, EBADMSG, "%s: line %d is not understood", path, line);
    }
    if (parse->format > CONFIG_FORMAT) {
        return vmm_err_set(err, EPROTO, "%s: format %llu, this pyhl knows %u", path,
                           (unsigned long long)parse->format, CONFIG_FORMAT);
    }
    for (unsigned i = 0; parse->fields[i].key != NULL; i++) {
        if (!(parse->seen & 1u << i) && !parse->fields[i].optional) {
            return vmm_err_set(err, EBADMSG, "%s: no '%s' in [%s]", path, parse->fields[i].key,
                               parse->section);
        }
    }
    return 0;
}

int config_parse_image(const char *text, const char *path, struct image_config *config,
                       struct vmm_err *err)
{
    struct parse parse = {
        .section = "image",
        .fields = image_fields,
        .config = config,
        .packages = &config->packages,
        .only_known = true,
        .format = CONFIG_FORMAT,
    };
    int rc;

    *config = (struct image_config){0};
    rc = check_lines(text, path, err);
    return rc == 0 ? parse_ini(text, path, &parse, err) : rc;
}

int config_parse_home(const char *text, const char *path, bool packages, struct home_config *config,
                      struct vmm_err *err)
{
    struct parse parse = {
        .section = "pyhl",
        .fields = home_fields,
        .config = config,
        .packages = packages ? &config->packages : NULL,
    };
    int rc;

    *config = (struct home_config){0};
    rc = parse_ini(text, path, &parse, err);
    if (rc == 0 && parse.format != CONFIG_FORMAT) {
        rc = vmm_err_set(err, EPROTO, "%s: no format %u", path, CONFIG_FORMAT);
    }
    return rc;
}

int config_parse_layer(const char *text, const char *path, struct layer_config *config,
                       struct vmm_err *err)
{
    struct parse parse = {
        .section = "layer",
        .fields = layer_fields,
        .config = config,
        .packages = &config->packages,
    };
    int rc;

    *config = (struct layer_config){0};
    rc = parse_ini(text, path, &parse, err);
    if (rc == 0 && parse.format != CONFIG_FORMAT) {
        rc = vmm_err_set(err, EPROTO, "%s: no format %u", path, CONFIG_FORMAT);
    }
    return rc;
}

int config_format_layer(const struct layer_config *config, char **text, size_t *len,
                        struct vmm_err *err)
{
    char key[33], content[33];
    int n;

    vmm_key_text(&config->key, key);
    vmm_key_text(&config->content, content);
    n = asprintf(text,
                 "[layer]\nformat = %u\nversion = %s\nkey = %s\ncontent = %s\n"
                 "files_size = %llu\nplain = %llu\n\n[packages]\n%s",
                 CONFIG_FORMAT, config->version, key, content,
                 (unsigned long long)config->files_size, (unsigned long long)config->plain,
                 config->packages.text != NULL ? config->packages.text : "");
    if (n < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    *len = (size_t)n;
    return 0;
}

int config_format_home(const struct home_config *config, char **text, size_t *len,
                       struct vmm_err *err)
{
    typedef unsigned long long ull;
    char key[33];
    int n;

    vmm_key_text(&config->key, key);
    n = asprintf(text,
                 "; Made by pyhl setup. The key names what kernel, image and host the snapshot "
                 "belongs to.\n"
                 "[pyhl]\nformat = %u\nversion = %s\nimage = %s\nmemory = %llu\nkey = %s\n"
                 "kernel_size = %llu\ninitrd_size = %llu\nsnapshot_size = %llu\n"
                 "snapshot_inode = %llu\nlayer_size = %llu\n\n[packages]\n%s",
                 CONFIG_FORMAT, config->version, config->image, (ull)config->memory, key,
                 (ull)config->kernel_size, (ull)config->initrd_size, (ull)config->snapshot_size,
                 (ull)config->snapshot_inode, (ull)config->layer_size,
                 config->packages.text ? config->packages.text : "");
    if (n < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    *len = (size_t)n;
    return 0;
}
