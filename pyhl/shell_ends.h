// SPDX-License-Identifier: Apache-2.0
/*
 * The user's ends of `pyhl shell`: a terminal, which passes on each key while the shell has it, or
 * three streams. They do not block meanwhile.
 */
#ifndef PYHL_SHELL_ENDS_H
#define PYHL_SHELL_ENDS_H

#include "flow.h"
#include "vmm/vmm.h"

#include <termios.h>

struct shell_ends {
    bool terminal;
    struct termios modes; /* as they were */
    int flags[3];         /* as they were; -1: unchanged */
    struct flow flows[2]; /* what is to be written to stdout and stderr */
};

/* Returns 0 or, with *err, -errno; then nothing is changed. */
int shell_ends_open(struct shell_ends *ends, struct vmm_err *err);
void shell_ends_close(struct shell_ends *ends);

/* Keys reach the shell as they are typed. */
void shell_ends_raw(const struct shell_ends *ends);

/* Writes what can be written. Returns 0 or -errno, as -EPIPE. */
int shell_ends_write(struct shell_ends *ends);
size_t shell_ends_unwritten(const struct shell_ends *ends);

/* Of the terminal. */
void shell_ends_size(unsigned *rows, unsigned *columns);

#endif
