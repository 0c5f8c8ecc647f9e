// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl completion: what a shell needs to complete pyhl's command lines, made from the tables that
 * the parser itself uses.
 */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char s[64];
};

/* The option as it is typed: --name where it has one, else -x. */
static struct word option_word(const struct opt *o)
{
    struct word word;

    if (o->name != NULL) {
        snprintf(word.s, sizeof(word.s), "--%s", o->name);
    } else {
        snprintf(word.s, sizeof(word.s), "-%c", o->letter);
    }
    return word;
}

static void print_options(const struct opt *opts)
{
    for (const struct opt *o = opts; o->name != NULL || o->letter; o++) {
        printf("%s ", option_word(o).s);
    }
    printf("--help");
}

/* Options whose value is a file or a directory of this host. */
static bool takes_path(const struct opt *o)
{
    return (o->kind == OPT_TEXT || o->kind == OPT_LIST) &&
           (strcmp(o->arg, "DIR") == 0 || strcmp(o->arg, "FILE") == 0 ||
            strcmp(o->arg, "CPIO") == 0 || strcmp(o->arg, "IMAGE") == 0 ||
            strncmp(o->arg, "HOST", 4) == 0);
}

/* Prints case patterns for options whose value is not a path: for these the shell offers
 * nothing. */
static void print_values(const struct cmd *const *commands)
{
    printf("    case $previous in\n");
    for (; *commands != NULL; commands++) {
        for (const struct opt *o = (*commands)->opts; o->name != NULL || o->letter; o++) {
            if (opts_takes_value(o) && !takes_path(o)) {
                printf("    %s) return ;;\n", option_word(o).s);
            }
        }
    }
    printf("    esac\n");
}

static void print_bash(const struct cmd *const *commands)
{
    printf("# bash completion for pyhl, made by: pyhl completion bash\n"
           "_pyhl() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local options=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "        COMPREPLY=($(compgen -W '");
    for (const struct cmd *const *c = commands; *c != NULL; c++) {
        printf("%s ", (*c)->name);
    }
    printf("--help --version' -- \"$word\"))\n"
           "        return\n"
           "    fi\n");
    print_values(commands);
    printf("    case ${COMP_WORDS[1]} in\n");
    for (const struct cmd *const *c = commands; *c != NULL; c++) {
        printf("    %s) options='", (*c)->name);
        print_options((*c)->opts);
        printf("' ;;\n");
    }
    printf("    esac\n"
           "    case $word in\n"
           "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
           "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
           "    esac\n"
           "}\n"
           "complete -o filenames -F _pyhl pyhl\n");
}

static int completion_main(const struct cmd *cmd, int argc, char **argv)
{
    struct opt_words words;
    int status = CMD_OK;

    if (!cmd_parse(cmd, argc, argv, NULL, &words, &status)) {
        return status;
    }
    if (words.count == 1 && strcmp(words.items[0], "bash") == 0) {
        print_bash(cmd_table);
    } else {
        status = cmd_usage(cmd, "'%s': the shell to complete for is: bash",
                           words.count ? words.items[words.count - 1] : "");
    }
    free(words.items);
    return status;
}

static const struct opt completion_opts[] = {OPT_END};

const struct cmd cmd_completion = {
    .name = "completion",
    .summary = "Prints what a shell needs to complete pyhl's command lines",
    .synopsis = "completion bash",
    .notes =
        "For this shell: source <(pyhl completion bash). `make install` puts it where bash looks.",
    .opts = completion_opts,
    .run = completion_main,
};
