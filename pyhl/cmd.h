// SPDX-License-Identifier: Apache-2.0
/*
 * What the subcommands share: exit statuses, the command table's row, messages. A subcommand is one
 * file with one `const struct cmd`; main.c holds the table. Errors travel as 0 or -errno with a
 * struct vmm_err and are printed in one place, cmd_fail(); only main() exits.
 */
#ifndef PYHL_CMD_H
#define PYHL_CMD_H

#include "opts.h"
#include "pyhl.h"
#include "vmm/vmm.h"

enum cmd_exit {
    CMD_OK = 0,
    CMD_USAGE = 2,      /* a bad command line */
    CMD_TIMEOUT = 124,  /* --timeout */
    CMD_FAILED = 125,   /* pyhl or the VM failed, not the script */
    CMD_SIGNALED = 128, /* plus the signal that ended the script */
    CMD_CPU = 152,      /* --cpu: as for a program that used up its CPU time, 128 + SIGXCPU */
    CMD_OUTPUT = 153,   /* --output-limit: as for one that wrote past a limit, 128 + SIGXFSZ */
    CMD_CALLS = 154,    /* more calls of tools than allowed */
};

struct cmd {
    const char *name;
    const char *summary;  /* one line, for `pyhl --help` */
    const char *synopsis; /* lines, without "pyhl " */
    const char *notes;    /* what --help says after the options */
    const struct opt *opts;
    int (*run)(const struct cmd *cmd, int argc, char **argv);
};

extern const struct cmd cmd_setup;
extern const struct cmd cmd_run;
extern const struct cmd cmd_repl;
extern const struct cmd cmd_serve;
extern const struct cmd cmd_shell;
extern const struct cmd cmd_mcp;
extern const struct cmd cmd_boot;
extern const struct cmd cmd_info;
extern const struct cmd cmd_verify;
extern const struct cmd cmd_prune;
extern const struct cmd cmd_completion;
extern const struct cmd *const *cmd_table; /* all subcommands, NULL-terminated; main() sets it */

/* Parses a command's arguments into `into` and words. Returns false when the command is over,
 * because help was asked for or the arguments are wrong. The user has then been told, and *status
 * is the exit status. */
bool cmd_parse(const struct cmd *cmd, int argc, char **argv, void *into, struct opt_words *words,
               int *status);

/* The same for a command that takes no words. `instead` ends the message about a word. */
bool cmd_parse_options(const struct cmd *cmd, int argc, char **argv, void *into,
                       const char *instead, int *status);

/* One line on stderr, "pyhl NAME: ...". cmd_usage() returns CMD_USAGE, cmd_fail() CMD_FAILED. */
int cmd_usage(const struct cmd *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cmd_fail(const struct cmd *cmd, const struct vmm_err *err);

/* Closes all descriptors but the standard ones, so that a process with a VM keeps nothing of its
 * parent's. Call it before the process opens files of its own, and when no argument can name a
 * descriptor any more, as a script's name /dev/fd/63 does. Returns CMD_OK or, with a message,
 * CMD_FAILED. */
int cmd_close_inherited(const struct cmd *cmd);

#endif
