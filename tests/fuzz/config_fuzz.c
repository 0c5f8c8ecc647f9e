// SPDX-License-Identifier: Apache-2.0
/*
 * The readers of image.ini, pyhl.ini and layer.ini. A file is refused with a message that names it,
 * or every value fits its field and is the same after it was written into another such file and
 * read again.
 */
#include "fuzz.h"
#include "pyhl/config.h"

static void check_word(const char *text, size_t room)
{
    MUST(memchr(text, 0, room) != NULL && text[0] != '\0');
    for (; *text != '\0'; text++) {
        MUST((unsigned char)*text > ' ' && strchr("=;#[]", *text) == NULL);
    }
}

static void check_line(const char *text, size_t room)
{
    MUST(memchr(text, 0, room) != NULL && strchr(text, '\n') == NULL);
}

static void check_packages(const struct packages *packages)
{
    size_t lines = 0;
    for (size_t i = 0; i < packages->len; i++) {
        lines += packages->text[i] == '\n';
    }
    MUST(lines == packages->count);
    MUST(packages->len == 0 || strlen(packages->text) == packages->len);
}

static void check_image(const char *text)
{
    struct image_config config;
    struct vmm_err err = {0};
    int rc = config_parse_image(text, "image.ini", &config, &err);
    if (rc == 0) {
        check_word(config.name, sizeof(config.name));
        check_word(config.init, sizeof(config.init));
        MUST(config.init[0] == '/');
        check_line(config.check, sizeof(config.check));
        MUST(memchr(config.check_output, 0, sizeof(config.check_output)) != NULL);
        check_line(config.rehearsal, sizeof(config.rehearsal));
        check_line(config.eval, sizeof(config.eval));
        MUST(config.eval[0] == 0 || config.eval[0] == '/');
    } else {
        MUST(rc == -err.code && strstr(err.msg, "image.ini") != NULL);
    }
    check_packages(&config.packages);
    free(config.packages.text);
}

/* Values that were read must be the same after they are written and read again. */
static void check_again(const struct home_config *config)
{
    struct home_config again;
    struct vmm_err err;
    char *text;
    size_t len;
    MUST(config_format_home(config, &text, &len, &err) == 0 && strlen(text) == len);
    MUST(config_parse_home(text, "pyhl.ini", true, &again, &err) == 0);
    free(text);
    MUST(strcmp(again.version, config->version) == 0 && strcmp(again.image, config->image) == 0);
    MUST(again.memory == config->memory && again.snapshot_size == config->snapshot_size);
    MUST(memcmp(&again.key, &config->key, sizeof(again.key)) == 0);
    MUST(again.packages.count == config->packages.count);
    free(again.packages.text);
}

static void check_home(const char *text)
{
    struct home_config config;
    struct vmm_err err = {0};
    int rc = config_parse_home(text, "pyhl.ini", true, &config, &err);
    if (rc == 0) {
        check_word(config.version, sizeof(config.version));
        check_word(config.image, sizeof(config.image));
        check_again(&config);
    } else {
        MUST(rc == -err.code && err.msg[0] != '\0');
    }
    check_packages(&config.packages);
    free(config.packages.text);
}

static void check_layer(const char *text)
{
    struct layer_config config, again;
    struct vmm_err err = {0};
    char *written;
    size_t len;
    int rc = config_parse_layer(text, "layer.ini", &config, &err);
    if (rc == 0) {
        check_word(config.version, sizeof(config.version));
        MUST(config_format_layer(&config, &written, &len, &err) == 0 && strlen(written) == len);
        MUST(config_parse_layer(written, "layer.ini", &again, &err) == 0);
        free(written);
        MUST(memcmp(&again.content, &config.content, sizeof(again.content)) == 0);
        MUST(again.plain == config.plain && again.packages.count == config.packages.count);
        free(again.packages.text);
    } else {
        MUST(rc == -err.code && err.msg[0] != '\0');
    }
    check_packages(&config.packages);
    free(config.packages.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    MUST(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_image(text);
    check_home(text);
    check_layer(text);
    free(text);
    return 0;
}
