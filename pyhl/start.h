// SPDX-License-Identifier: Apache-2.0
/*
 * What the VM of a command line begins from: a home's snapshot, a layer of packages upon it, or a
 * state that was saved.
 */
#ifndef PYHL_START_H
#define PYHL_START_H

#include "cmd.h"
#include "packages.h"

struct start_options {
    const char *dest, *from;
    const struct package_options *packages;
    const char *const *more; /* requirements of a script's metadata; NULL: none */
    bool saves;              /* the state at the end is to be saved */
    unsigned verbose;
};

struct start {
    struct pyhl_home *home;
    struct vmm_snapshot *layer, *state; /* NULL: none */
};

/* Gets the packages, if some are wanted. Call it before the process splits in two (parent.h): it
 * waits for other processes, and there may be no VM yet. Returns CMD_OK or, with a message, the
 * exit status. */
int start_packages(const struct cmd *cmd, const struct start_options *options, struct start *start);

/* Opens the rest. */
int start_open(const struct start_options *options, struct start *start, struct vmm_err *err);

/* What to restore. */
struct vmm_snapshot *start_snapshot(const struct start *start);

/* Closes what is open; a struct of zeroes is. */
void start_close(struct start *start);

#endif
