// SPDX-License-Identifier: Apache-2.0
/*
 * A process of its own for a VM whose guest code runs before this process could go to jail, or
 * never may: it makes the VM, jails itself, and says step by step how far it came. What it leaves
 * is in files that were open before. A VM cannot be handed over: it belongs to the process that
 * made it.
 */
#ifndef PYHL_CHILD_H
#define PYHL_CHILD_H

#include "vmm/vmm.h"

#include <sys/types.h>

struct child {
    pid_t pid;  /* 0: none */
    int report; /* what it says is read from here */
};

/* The result of a step. From a process that ran guest code: it is not to be trusted. */
struct child_report {
    struct vmm_err err; /* code 0: it went well */
    char note[64];
};

/* Starts one that calls work(arg, report) and ends. Of descriptors it has the standard ones, report
 * and those to keep (-1 is none). It dies with this process, and of the signals that this process
 * catches. */
int child_start(struct child *child, void (*work)(void *arg, int report), void *arg,
                const int *keep, size_t keep_count, struct vmm_err *err);

/* In the child: to jail, with these to write to; vm as of VMM_JAIL_INSPECT; snapshot_fd as of
 * VMM_JAIL_SNAPSHOT, or -1. */
int child_jail(struct vmm *vm, const int *outputs, size_t output_count, int snapshot_fd,
               struct vmm_err *err);

/* In the child: the step is over. */
void child_tell(int report, int rc, const struct vmm_err *err, const char *note);

/* Waits for the next step: 0 or its error; note, of 64 bytes, may be NULL. A child that died is
 * EIO, an interrupted wait EINTR. */
int child_step(struct child *child, char *note, struct vmm_err *err);

/* Ends it, if there is one, and forgets it. */
void child_end(struct child *child);

#endif
