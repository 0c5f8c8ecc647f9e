// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the working set of a saved state (vmm.h): which pages a run from that state needs, so that
 * a restore copies them ahead. A child process restores the state, runs what its runs are like, and
 * writes what it saw into the state's file. Without this each such page costs a cold run a fault.
 */
#ifndef PYHL_PROBE_H
#define PYHL_PROBE_H

#include "vmm/vmm.h"

struct probe {
    /* Opens the base of the state. It is called in the child. */
    int (*open)(void *arg, struct vmm_snapshot **base, struct vmm_err *err);
    void *arg;
    int keep;         /* a descriptor that open() needs, or -1 */
    bool cell;        /* runs are cells of a session; else they are started as -c and as a script */
    const char *code; /* a small run, which may take seconds and may fail; its output is dropped */
};

/* fd is open on the file of the state, to read and write. After an error that file is garbage. */
int probe_state(const struct probe *probe, int fd, struct vmm_err *err);

#endif
