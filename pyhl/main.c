// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl, the command: the table of subcommands, its help, and what a process must set right before
 * any of them runs. Each subcommand has a file of its own name.
 */
#include "cmd.h"
#include "message.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cmd *const commands[] = {
    &cmd_setup, &cmd_run,  &cmd_repl,   &cmd_shell, &cmd_serve,      &cmd_mcp,
    &cmd_boot,  &cmd_info, &cmd_verify, &cmd_prune, &cmd_completion, NULL,
};

static void main_help(FILE *out)
{
    fprintf(out, "usage: pyhl COMMAND [ARGUMENTS...]\n\n"
                 "Runs Python scripts, each in its own micro-VM restored from a snapshot.\n\n");
    for (const struct cmd *const *c = commands; *c != NULL; c++) {
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    }
    fprintf(out,
            "\n`pyhl COMMAND --help` explains a command; `pyhl --version` prints the version.\n"
            "First of all: pyhl setup --from IMAGE, then: pyhl run script.py\n");
}

/* Fills each closed standard descriptor with one that can be neither read nor written. If it stayed
 * closed, the next opened file would get its number, and a script's output would end up there.
 * session_io() recognises the filled ones. */
static void fill_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_PATH) < 0) {
            _exit(CMD_FAILED);
        }
    }
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        main_help(stderr);
        return CMD_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("pyhl %s\n", PYHL_VERSION);
        return CMD_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        main_help(stdout);
        return CMD_OK;
    }
    for (const struct cmd *const *c = commands; *c != NULL; c++) {
        if (strcmp(argv[1], (*c)->name) == 0) {
            return (*c)->run(*c, argc - 1, argv + 1);
        }
    }
    message("pyhl: unknown command '%s'; a script is run by: pyhl run %s\n", argv[1], argv[1]);
    return CMD_USAGE;
}

int main(int argc, char **argv)
{
    int status;

    cmd_table = commands;
    fill_standard_fds();
    /* A reader that is gone, or a file that may not grow, is then an error of write(). */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    status = dispatch(argc, argv);
    if (fflush(stdout) != 0 && errno != EPIPE) {
        message("pyhl: cannot write standard output: %s\n", strerror(errno));
        return status == CMD_OK ? CMD_FAILED : status;
    }
    signals_finish();
    return status;
}
