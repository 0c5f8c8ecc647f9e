// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl, the command: the table of subcommands, its help, and what a process must set right before
 * any of them runs. Each subcommand has a file of its own name.
 */
#include "cmd.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cmd *const cmd_table[] = {
    &cmd_setup, &cmd_run, &cmd_boot, &cmd_info, &cmd_verify, &cmd_completion, NULL,
};

static void help(FILE *out)
{
    fprintf(out, "usage: pyhl COMMAND [ARGUMENTS...]\n\n"
                 "Runs Python scripts, each in its own micro-VM restored from a snapshot.\n\n");
    for (const struct cmd *const *c = cmd_table; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(out,
            "\n`pyhl COMMAND --help` explains a command; `pyhl --version` prints the version.\n"
            "First of all: pyhl setup --from IMAGE, then: pyhl run script.py\n");
}

void cmd_help(const struct cmd *cmd)
{
    const char *line = cmd->synopsis;

    for (const char *lead = "usage:"; *line; lead = "      ") {
        int len = (int)strcspn(line, "\n");

        printf("%s pyhl %.*s\n", lead, len, line);
        line += len + (line[len] == '\n');
    }
    printf("\n%s.\n\n", cmd->summary);
    opts_help(cmd->opts);
    if (cmd->notes)
        printf("\n%s\n", cmd->notes);
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
    int r = opts_parse(cmd->opts, argc, argv, into, words, &err);

    if (r == 0)
        return true;
    if (r > 0) {
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

    if (!cmd_parse(cmd, argc, argv, into, &words, status))
        return false;
    const bool good = words.count == 0;
    if (!good)
        *status = cmd_usage(cmd, "'%s' is not expected here; %s", words.items[0], instead);
    free(words.items);
    return good;
}

int cmd_close_inherited(const struct cmd *cmd)
{
    struct vmm_err err;

    if (close_range(STDERR_FILENO + 1, ~0u, 0) == 0)
        return CMD_OK;
    (void)vmm_err_set(&err, errno, "close_range: %s (it needs Linux 5.9)", strerror(errno));
    return cmd_fail(cmd, &err);
}

/* A standard descriptor that is closed would be given to the next file opened, and a script's
 * output would end up there. Such a place is filled with one that can be neither read nor written,
 * by which session_io() knows it. */
static void fill_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_PATH) < 0)
            _exit(CMD_FAILED);
}

static bool interrupted;

void cmd_interrupted(void)
{
    interrupted = true;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return CMD_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("pyhl %s\n", PYHL_VERSION);
        return CMD_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return CMD_OK;
    }
    for (const struct cmd *const *c = cmd_table; *c; c++)
        if (strcmp(argv[1], (*c)->name) == 0)
            return (*c)->run(*c, argc - 1, argv + 1);
    message("pyhl: unknown command '%s'; a script is run by: pyhl run %s\n", argv[1], argv[1]);
    return CMD_USAGE;
}

int main(int argc, char **argv)
{
    int status;

    fill_standard_fds();
    /* A reader that is gone and a file that may not grow are errors of the write. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    status = dispatch(argc, argv);
    if (fflush(stdout) != 0 && errno != EPIPE) {
        message("pyhl: cannot write standard output: %s\n", strerror(errno));
        return status == CMD_OK ? CMD_FAILED : status;
    }
    if (interrupted) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT); /* blocked by the caller, it does nothing, and the status says the same */
    }
    return status;
}
