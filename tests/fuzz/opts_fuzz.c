// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines and the values in them. Input: arguments, each ending in a newline. Nothing may be
 * lost: an accepted command line consists of options, their values and words. A refusal comes with
 * a message.
 */
#include "fuzz.h"
#include "pyhl/opts.h"
#include "pyhl/value.h"

#include <getopt.h>

#define ARGS_MAX 24

struct values {
    struct opt_list env;
    const char *text;
    uint64_t count, size, seconds;
    bool flag;
    unsigned letter;
};

#define ROW(kind_, member) .kind = kind_, .offset = offsetof(struct values, member)

static const struct opt table[] = {
    {.letter = 'c', .last = true, ROW(OPT_TEXT, text), .arg = "CODE", .help = ""},
    {.name = "repeat", ROW(OPT_COUNT, count), .arg = "N", .help = ""},
    {.name = "memory", ROW(OPT_SIZE, size), .arg = "SIZE", .help = ""},
    {.name = "timeout", ROW(OPT_SECONDS, seconds), .arg = "S", .help = ""},
    {.name = "env", ROW(OPT_ENV, env), .arg = "KEY=VALUE", .help = ""},
    {.name = "deterministic", ROW(OPT_FLAG, flag), .help = ""},
    {.letter = 'v', ROW(OPT_TALLY, letter), .help = ""},
    OPT_END,
};

static void check_values(const char *text)
{
    struct vmm_err err = {0};
    uint64_t value;
    if (value_size("size", text, &value, &err) == 0) {
        MUST(value > 0 && text[0] >= '0' && text[0] <= '9');
    } else {
        MUST(err.code != 0 && err.msg[0] != '\0');
    }
    err.code = 0;
    if (value_seconds("seconds", text, &value, &err) == 0) {
        MUST(value > 0);
    } else {
        MUST(err.code != 0);
    }
    err.code = 0;
    if (value_count("count", text, &value, &err) == 0) {
        char back[32];
        (void)snprintf(back, sizeof(back), "%llu", (unsigned long long)value);
        MUST(strcmp(back, text + strspn(text, "0")) == 0 || value == 0);
    } else {
        MUST(err.code != 0);
    }
}

static int split(char *text, char **argv)
{
    int argc = 0;
    argv[argc++] = text + strlen(text); /* the command's name, which is skipped */
    for (char *line = strtok(text, "\n"); line != NULL && argc < ARGS_MAX;
         line = strtok(NULL, "\n")) {
        argv[argc++] = line;
    }
    argv[argc] = NULL;
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[ARGS_MAX + 1];
    struct values values = {0};
    struct opt_words words = {0};
    struct vmm_err err = {0};
    char *text = malloc(size + 1);
    MUST(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_values(text);
    int argc = split(text, argv);
    optind = 0; /* makes glibc's getopt start again, even if the last parse ended inside "-abc" */
    (void)getopt_long(1, argv, "", NULL, NULL);
    int rc = opts_parse(table, argc, argv, &values, &words, &err);
    MUST(rc == 0 || rc == 1 || (rc == -err.code && err.msg[0] != '\0'));
    if (rc == 0) {
        MUST(words.count < (size_t)argc && words.items[words.count] == NULL);
        MUST(values.env.count < (size_t)argc);
        MUST(values.text == NULL || words.count < (size_t)argc - 1);
    }
    free(words.items);
    free(values.env.items);
    free(text);
    return 0;
}
