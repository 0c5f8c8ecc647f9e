// SPDX-License-Identifier: Apache-2.0
/*
 * N+1 runs of one VM with everything a terminal expects: Ctrl-C, exit statuses, a line per
 * iteration. Shared by `pyhl run` and `pyhl boot`.
 */
#ifndef PYHL_SESSION_H
#define PYHL_SESSION_H

#include "cmd.h"

struct session {
    const struct cmd *cmd;
    struct vmm *vm; /* at VMM_READY or restored; rewindable when repeat > 0 */
    struct vmm_run run;
    uint64_t repeat;  /* additional iterations */
    bool renew;       /* their memory is made anew */
    uint64_t memory;  /* guest RAM, for messages */
    unsigned verbose; /* 1: a line per iteration; 2: phases and counts, too */
};

/* Signals, then the jail: from here on nothing can be opened. Before any guest code runs. CMD_OK
 * or, with a message, CMD_FAILED. How long the jail took is stored where jail_ns is not NULL. */
int session_begin(const struct session *session, uint64_t *jail_ns);

/* After session_begin(). The first iteration that fails ends it. Returns the exit status of the
 * process. */
int session_run(const struct session *session);

/* Standard input, output and error, trace lines to standard error. */
struct vmm_io session_io(void);

/* The environment of a run: a fixed small set, on a terminal TERM and what else tells about it,
 * unless plain, then the user's, which wins. NULL-terminated; NULL without memory. free() it. */
const char **session_env(const struct opt_list *user, bool plain);

#endif
