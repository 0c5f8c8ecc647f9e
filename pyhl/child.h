// SPDX-License-Identifier: Apache-2.0
/*
 * A child process for a VM that has to run before this process goes to jail, or in a process that
 * never does. The child makes the VM, jails itself, and reports step by step how far it came. Its
 * results are in files that were open before. The VM itself cannot be handed over: it belongs to
 * the process that made it.
 */
#ifndef PYHL_CHILD_H
#define PYHL_CHILD_H

#include "vmm/vmm.h"

#include <sys/types.h>

struct child {
    pid_t pid;  /* 0: none */
    int report; /* its reports are read from here */
};

/* The result of a step. It comes from a process that ran guest code, and must not be trusted. */
struct child_report {
    struct vmm_err err; /* code 0: the step went well */
    char note[64];
};

/* Starts a child that calls work(arg, report) and ends. Its descriptors are the standard ones,
 * report and those to keep (-1 is none). It dies when this process dies, and of the signals that
 * this process catches. */
int child_start(struct child *child, void (*work)(void *arg, int report), void *arg,
                const int *keep, size_t keep_count, struct vmm_err *err);

/* In a child: closes all descriptors above the standard ones, but for one, and those to keep (-1 is
 * none). Returns 0, or -1 with errno. */
int child_close_others(int one, const int *keep, size_t keep_count);

/* In the child: goes to jail. outputs are what it may write to; vm is that of VMM_JAIL_INSPECT;
 * snapshot_fd is that of VMM_JAIL_SNAPSHOT, or -1. */
int child_jail(struct vmm *vm, const int *outputs, size_t output_count, int snapshot_fd,
               struct vmm_err *err);

/* In the child: reports the end of a step. */
void child_tell(int report, int rc, const struct vmm_err *err, const char *note);

/* Waits for the next report. Returns 0 or the step's error, EIO for a child that died, EINTR for an
 * interrupted wait. The report's note is copied to note, 64 bytes, unless it is NULL. */
int child_step(struct child *child, char *note, struct vmm_err *err);

/* Kills the child, if there is one, and forgets it. */
void child_end(struct child *child);

#endif
