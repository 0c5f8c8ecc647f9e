// SPDX-License-Identifier: Apache-2.0
/*
 * How a run ended, for the user.
 */
#ifndef PYHL_OUTCOME_H
#define PYHL_OUTCOME_H

#include "vmm/vmm.h"

/* The limits of the run, which the text may name. */
struct outcome_limits {
    uint64_t memory;     /* that the run might use, bytes */
    const char *timeout; /* what the user calls the limit */
    uint64_t timeout_ns;
    uint64_t cpu_ns;
    uint64_t max_output; /* bytes */
    uint64_t max_calls;
};

#define OUTCOME_TEXT 400

/* Says how the run ended, in words that follow a name and a colon. */
void outcome_text(const struct vmm_outcome *outcome, const struct outcome_limits *limits,
                  char text[OUTCOME_TEXT]);

/* The limit that ended the run, in a word; NULL: none. outcome_name(): what ended it, also where
 * that was no limit. */
const char *outcome_limit(const struct vmm_outcome *outcome);
const char *outcome_name(const struct vmm_outcome *outcome);

/* The exit status of the process; signo is the signal that the process got, for VMM_KILLED. */
int outcome_status(const struct vmm_outcome *outcome, int signo);

/* Whether the exit status says it all, so that no text is needed. */
bool outcome_is_plain(const struct vmm_outcome *outcome);

#endif
