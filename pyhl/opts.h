// SPDX-License-Identifier: Apache-2.0
/*
 * Command-line options as tables. Options and words mix freely; after `--` everything is a word. A
 * command that runs a program has an option that is `last` in its table: its own options end there,
 * or at the first word. Names are never abbreviated, because a later option may begin with what is
 * an abbreviation today. The parser fills a struct of the caller's by offset and never prints.
 */
#ifndef PYHL_OPTS_H
#define PYHL_OPTS_H

#include "vmm/vmm.h"

enum opt_kind {
    OPT_FLAG,    /* bool */
    OPT_TALLY,   /* unsigned: how often it was given; no value */
    OPT_TEXT,    /* const char * */
    OPT_COUNT,   /* uint64_t: 0 or more */
    OPT_SIZE,    /* uint64_t, bytes: 512M, 2G, 4096 */
    OPT_MIB,     /* uint64_t, bytes: the same, but a number alone is MiB */
    OPT_SECONDS, /* uint64_t, nanoseconds: 2, 0.5 */
    OPT_ENV,     /* struct opt_list of KEY=VALUE */
    OPT_LIST,    /* struct opt_list of any texts */
    /* struct opt_list: the option is a letter and is passed on as words: "-O"; "-W", "error" */
    OPT_PASS,
};

struct opt {
    const char *name; /* without dashes; NULL when there is only a letter */
    char letter;      /* 0: none */
    bool last; /* this option, or the first word, ends the options: the rest is the program's */
    enum opt_kind kind;
    size_t offset;    /* of its variable in the caller's struct */
    const char *arg;  /* what help calls its value; NULL for an OPT_PASS without one */
    const char *word; /* of OPT_PASS: "-O" */
    const char *help;
};

#define OPT_END                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/* Strings are argv's, never copied. */
struct opt_list {
    const char **items; /* NULL-terminated once there is one; free() it */
    size_t count;
};

/* The arguments that are not options, in order: argv's strings, NULL-terminated. */
struct opt_words {
    const char **items; /* free() it */
    size_t count;
    bool marked; /* a `--` ended the options */
};

/* Returns 0, 1 when help was asked for, or -errno with *err. argv[0] is skipped. */
int opts_parse(const struct opt *table, int argc, char **argv, void *into, struct opt_words *words,
               struct vmm_err *err);

bool opts_takes_value(const struct opt *opt);

/* Prints the table's options to stdout, for help. */
void opts_help(const struct opt *table);

#endif
