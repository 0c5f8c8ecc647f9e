// SPDX-License-Identifier: Apache-2.0
/*
 * The read-eval-print loop over a session: a VM that runs one cell after the other.
 */
#ifndef PYHL_REPL_LOOP_H
#define PYHL_REPL_LOOP_H

#include "cmd.h"
#include "doors.h"

struct repl;

struct repl_config {
    const struct cmd *cmd;
    bool history;      /* typed lines are kept for later sessions */
    const char *first; /* the first cell; NULL: none */
    size_t first_len;
    struct doors doors; /* tools, and files in and out */
    uint64_t memory;    /* of the guest, for messages; bytes */
    uint64_t max_kept;  /* bytes of memory for states that are kept; 0: the default */
};

/* Makes the loop, with standard input as it is: a terminal, or cells without a prompt. *io gets the
 * function that takes the session's records. */
int repl_open(const struct repl_config *config, struct repl **out, struct vmm_io *io,
              struct vmm_err *err);

/* The descriptor of the history, for the jail; -1: none. */
int repl_history_fd(const struct repl *repl);

/* Reads and runs cells until the input ends, the session does, or a signal ends the process. *run
 * says what holds for each cell: environment, directory, limits. Returns the exit status. */
int repl_run(struct repl *repl, struct vmm *vm, const struct vmm_run *run);

void repl_close(struct repl *repl);

#endif
