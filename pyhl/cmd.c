// SPDX-License-Identifier: Apache-2.0
/*
 * What the subcommands share: parsing by their tables, help, messages.
 */
#include "cmd.h"
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cmd *const *cmd_table;

static void cmd_help(const struct cmd *cmd)
{
    const char *line = cmd->synopsis;

    for (const char *lead = "usage:"; *line; lead = "      ") {
        int len = (int)strcspn(line, "\n");

        printf("%s pyhl %.*s\n", lead, len, line);
        line += len + (line[len] == '\n');
    }
    printf("\n%s.\n\n", cmd->summary);
    opts_help(cmd->opts);
    if (cmd->notes != NULL) {
        printf("\n%s\n", cmd->notes);
    }
}

int cmd_usage(const struct cmd *cmd, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    message("pyhl %s: %s\n", cmd->name, text);
    return CMD_USAGE;
}

int cmd_fail(const struct cmd *cmd, const struct vmm_err *err)
{
    message("pyhl %s: %s\n", cmd->name, err->msg);
    return CMD_FAILED;
}

bool cmd_parse(const struct cmd *cmd, int argc, char **argv, void *into, struct opt_words *words,
               int *status)
{
    struct vmm_err err = {0};
    int rc = opts_parse(cmd->opts, argc, argv, into, words, &err);

    if (rc == 0) {
        return true;
    }
    if (rc > 0) {
        cmd_help(cmd);
        *status = CMD_OK;
    } else {
        *status = cmd_usage(cmd, "%s", err.msg);
    }
    return false;
}

bool cmd_parse_options(const struct cmd *cmd, int argc, char **argv, void *into,
                       const char *instead, int *status)
{
    struct opt_words words;

    if (!cmd_parse(cmd, argc, argv, into, &words, status)) {
        return false;
    }
    const bool good = words.count == 0;
    if (!good) {
        *status = cmd_usage(cmd, "'%s' is not expected here; %s", words.items[0], instead);
    }
    free(words.items);
    return good;
}

int cmd_close_inherited(const struct cmd *cmd)
{
    struct vmm_err err;

    if (close_range(STDERR_FILENO + 1, ~0u, 0) == 0) {
        return CMD_OK;
    }
    (void)vmm_err_set(&err, errno, "close_range: %s (it needs Linux 5.9)", strerror(errno));
    return cmd_fail(cmd, &err);
}
