// SPDX-License-Identifier: Apache-2.0
/*
 * Options by table, on top of getopt_long. Words are collected in order (the '-' mode of getopt),
 * so the result does not depend on POSIXLY_CORRECT. getopt_long accepts abbreviations; they are
 * refused here.
 */
#include "opts.h"
#include "value.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTS_MAX  64
#define OPTS_LONG 256 /* getopt's code of table row n is OPTS_LONG + n */
#define OPTS_HELP (OPTS_LONG + OPTS_MAX)

static int append(struct opt_list *list, const char *item, struct vmm_err *err)
{
    const char **items = realloc(list->items, (list->count + 2) * sizeof(*items));

    if (items == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    items[list->count++] = item;
    items[list->count] = NULL;
    list->items = items;
    return 0;
}

static int add_env(const char *text, struct opt_list *list, struct vmm_err *err)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        return vmm_err_set(err, EINVAL, "--env '%s': give it as KEY=VALUE", text);
    }
    return append(list, text, err);
}

static const struct opt *find(const struct opt *table, int code);

/* Is a word such as -uBO or -Werror made of passed-on options alone? */
static bool is_all_passed(const struct opt *table, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct opt *opt = find(table, *letter);

        if (opt == NULL || opt->kind != OPT_PASS) {
            return false;
        }
        if (opt->arg != NULL) {
            return true;
        }
    }
    return true;
}

/* Adds an option of the script's interpreter to the list, as the user wrote it where that is
 * possible. `word` is the argument in which the option stands. `text` is its value, which may be a
 * part of `word`. */
static int pass_on(const struct opt *table, const struct opt *opt, const char *word,
                   const char *text, struct opt_list *list, struct vmm_err *err)
{
    const bool whole = is_all_passed(table, word);
    const bool apart = text != NULL && (!whole || text < word || text > word + strlen(word));

    if (!whole && append(list, opt->word, err) < 0) {
        return -err->code;
    }
    if (whole && (!list->count || list->items[list->count - 1] != word) &&
        append(list, word, err) < 0) {
        return -err->code;
    }
    return apart ? append(list, text, err) : 0;
}

static int set_value(const struct opt *opt, const char *what, const char *text, void *into,
                     struct vmm_err *err)
{
    void *variable = (char *)into + opt->offset;

    switch (opt->kind) {
    case OPT_FLAG:
        *(bool *)variable = true;
        return 0;
    case OPT_TALLY:
        ++*(unsigned *)variable;
        return 0;
    case OPT_TEXT:
        *(const char **)variable = text;
        return 0;
    case OPT_COUNT:
        return value_count(what, text, variable, err);
    case OPT_SIZE:
        return value_size(what, text, variable, err);
    case OPT_MIB:
        return value_mib(what, text, variable, err);
    case OPT_SECONDS:
        return value_seconds(what, text, variable, err);
    case OPT_ENV:
        return add_env(text, variable, err);
    case OPT_LIST:
        return append(variable, text, err);
    case OPT_PASS:
        break; /* pass_on() */
    }
    return vmm_err_set(err, EINVAL, "%s: unknown kind of option", what);
}

bool opts_takes_value(const struct opt *opt)
{
    return opt->kind != OPT_FLAG && opt->kind != OPT_TALLY &&
           (opt->kind != OPT_PASS || opt->arg != NULL);
}

/* The option as a user writes it. */
static const char *spelling(const struct opt *opt, char buf[64])
{
    if (opt->name != NULL) {
        snprintf(buf, 64, "--%s", opt->name);
    } else {
        snprintf(buf, 64, "-%c", opt->letter);
    }
    return buf;
}

/* Does the command run a program, whose arguments follow? */
static bool runs_program(const struct opt *table)
{
    for (; table->name != NULL || table->letter; table++) {
        if (table->last) {
            return true;
        }
    }
    return false;
}

static int unknown_option(const struct opt *table, const char *text, struct vmm_err *err)
{
    if (runs_program(table)) {
        return vmm_err_set(err, EINVAL,
                           "unknown option '%s': --help lists the options; those of the script "
                           "stand after it",
                           text);
    }
    return vmm_err_set(
        err, EINVAL,
        "unknown option '%s': pyhl's own options may stand anywhere before '--', those "
        "of the program go after it (... -- %s); --help lists the options",
        text, text);
}

/* getopt_long takes any unique beginning of a name; the whole name is asked for here. */
static bool is_abbreviated(const struct opt *opt, char **argv)
{
    const char *given = argv[optind - 1];
    size_t len;

    if (opts_takes_value(opt) && given == optarg) {
        given = argv[optind - 2];
    }
    if (strncmp(given, "--", 2) != 0) {
        return false; /* a letter */
    }
    len = strcspn(given + 2, "=");
    return strlen(opt->name) != len;
}

struct getopt_tables {
    char letters[2 * OPTS_MAX + 8];
    struct option names[OPTS_MAX + 2];
};

static void make_tables(const struct opt *table, struct getopt_tables *out)
{
    char *letter = out->letters;
    struct option *name = out->names;

    letter = stpcpy(letter, "-:h");
    for (int i = 0; i < OPTS_MAX && (table[i].name != NULL || table[i].letter); i++) {
        int takes = opts_takes_value(&table[i]) ? required_argument : no_argument;

        if (table[i].letter) {
            *letter++ = table[i].letter;
            if (opts_takes_value(&table[i])) {
                *letter++ = ':';
            }
        }
        if (table[i].name != NULL) {
            *name++ = (struct option){table[i].name, takes, NULL, OPTS_LONG + i};
        }
    }
    *letter = 0;
    *name++ = (struct option){"help", no_argument, NULL, OPTS_HELP};
    *name = (struct option){0};
}

static const struct opt *find(const struct opt *table, int code)
{
    if (code >= OPTS_LONG) {
        return &table[code - OPTS_LONG];
    }
    for (; table->name != NULL || table->letter; table++) {
        if (table->letter == code) {
            return table;
        }
    }
    return NULL;
}

/* `word` is the argument in which it stands. */
static int take_option(const struct opt *table, const struct opt *opt, char **argv,
                       const char *word, void *into, struct vmm_err *err)
{
    char what[64];

    if (opt->kind == OPT_PASS) {
        return pass_on(table, opt, word, optarg, (struct opt_list *)((char *)into + opt->offset),
                       err);
    }
    if (opt->name != NULL && is_abbreviated(opt, argv)) {
        return unknown_option(table,
                              optarg != NULL && argv[optind - 1] == optarg ? argv[optind - 2]
                                                                           : argv[optind - 1],
                              err);
    }
    spelling(opt, what);
    return set_value(opt, what, optarg, into, err);
}

int opts_parse(const struct opt *table, int argc, char **argv, void *into, struct opt_words *words,
               struct vmm_err *err)
{
    struct getopt_tables tables;
    const bool program = runs_program(table);
    const char *word = NULL;
    bool ended = false;
    int code = 0;

    make_tables(table, &tables);
    *words = (struct opt_words){.items = calloc((size_t)argc + 1, sizeof(*words->items))};
    if (words->items == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    optind = 1;
    opterr = 0;
    while (!ended && (word = argv[optind],
                      code = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        const struct opt *opt = NULL;
        char letter[3] = {'-', (char)optopt, 0};

        if (code == 1) {
            words->items[words->count++] = optarg;
            ended = program;
            continue;
        }
        if (code == 'h' || code == OPTS_HELP) {
            return 1;
        }
        if (code == '?' && optopt >= OPTS_LONG) {
            return vmm_err_set(err, EINVAL, "%s takes no value", argv[optind - 1]);
        }
        if (code == '?') {
            return unknown_option(table, optopt ? letter : argv[optind - 1], err);
        }
        if (code == ':') {
            return vmm_err_set(err, EINVAL, "%s needs a value", argv[optind - 1]);
        }
        opt = find(table, code);
        if (take_option(table, opt, argv, word, into, err) < 0) {
            return -err->code;
        }
        ended = opt->last;
    }
    words->marked = code == -1 && optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    for (; optind < argc; optind++) {
        words->items[words->count++] = argv[optind];
    }
    return 0;
}

void opts_help(const struct opt *table)
{
    for (; table->name != NULL || table->letter; table++) {
        char what[64];
        const char *name = spelling(table, what), *arg = table->arg != NULL ? table->arg : "";
        int pad = 22 - (int)strlen(name) - (int)strlen(arg);

        printf("  %s %s%*s %s\n", name, arg, pad > 0 ? pad : 0, "", table->help);
    }
    printf("  %-23s %s\n", "-h, --help", "show this");
}
