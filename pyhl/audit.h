// SPDX-License-Identifier: Apache-2.0
/*
 * The log of runs: a line of JSON each. It names owners, and no tokens.
 */
#ifndef PYHL_AUDIT_H
#define PYHL_AUDIT_H

#include "vmm/vmm.h"

#include <stdbool.h>
#include <stdint.h>

/* A run that is over. */
struct audit_run {
    const char *owner;
    const char *session; /* NULL: hermetic */
    const char *kind;    /* what it was: script, cell, open, ... */
    const char *outcome; /* as in "done", or the type of "failed" */
    int status;
    const struct vmm_counters *counters;
    uint64_t waited_ns, took_ns; /* until it began, and until its end */
    uint64_t in, out;            /* bytes for the worker; of output and records */
};

struct audit {
    int fd;         /* -1: there is no log */
    bool closes;    /* it is ours to close */
    uint64_t lost;  /* lines that could not be written */
    bool complains; /* that was said */
};

/* Appends to a file, which is made with mode 0600; "-": standard output; NULL: no log. Returns 0
 * or, with *err, -errno. */
int audit_open(struct audit *audit, const char *path, struct vmm_err *err);
void audit_write(struct audit *audit, const struct audit_run *run);
void audit_close(struct audit *audit);

#endif
