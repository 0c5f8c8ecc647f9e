// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a VM N+1 times with everything that a user at a terminal expects: Ctrl-C, exit statuses, a
 * line per iteration. Shared by `pyhl run` and `pyhl boot`.
 */
#ifndef PYHL_SESSION_H
#define PYHL_SESSION_H

#include "cmd.h"
#include "doors.h"
#include "result.h"

struct session {
    const struct cmd *cmd;
    struct vmm *vm; /* at VMM_READY or restored; rewindable when repeat > 0 */
    struct vmm_run run;
    uint64_t repeat;       /* additional iterations */
    bool renew;            /* iterations begin with vmm_renew() */
    bool quiet;            /* nothing is said of a run that was stopped or killed */
    struct result *result; /* what runs give is kept there, and written as JSON; NULL: not */
    struct doors doors;    /* tools, and files in and out */
    bool edits;            /* the process edits lines on a terminal between runs */
    bool branches;         /* it makes checkpoints between runs */
    int history_fd;        /* one more descriptor to write to; 0 and less: none */
    uint64_t memory;       /* guest RAM, for messages */
    unsigned verbose;      /* 1: a line per iteration; 2: phases and counts, too */
};

/* Catches signals, then goes to jail: from here on nothing can be opened. Call it before any guest
 * code runs. Returns CMD_OK or, with a message, CMD_FAILED. Stores how long the jail took in
 * *jail_ns unless that is NULL. */
int session_begin(const struct session *session, uint64_t *jail_ns);

/* Runs all iterations, after session_begin(). The first one that fails ends the loop. Returns the
 * exit status of the process. */
int session_run(const struct session *session);

/* Whether a person types what the session does: standard input and output are terminals. */
bool session_typed(void);

/* The process's standard input, output and error; trace lines go to standard error. */
struct vmm_io session_io(void);

/* The environment of a run: a fixed small set, then TERM and other variables about the terminal if
 * there is one, unless plain, then the user's, which wins. NULL-terminated; NULL without memory.
 * free() it. */
const char **session_env(const struct opt_list *user, bool plain);

#endif
