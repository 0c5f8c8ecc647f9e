// SPDX-License-Identifier: Apache-2.0
/*
 * The states of one session that are kept under names. A checkpoint is a state to go back to. A
 * branch is a line of states of its own: the machine is in one of them, and the others are kept as
 * they were left. A checkpoint and a branch cannot have the same name.
 */
#ifndef PYHL_BRANCHES_H
#define PYHL_BRANCHES_H

#include "vmm/vmm.h"

#define BRANCHES_MAX   64u          /* states that are kept */
#define BRANCHES_BYTES (4ull << 30) /* of memory for them, where nothing else is said */
#define BRANCHES_NAME  64u          /* characters, at most */
#define BRANCHES_FIRST "main"       /* the branch that a session begins in */

struct branches;

struct branch {
    char name[BRANCHES_NAME + 1];
    struct vmm_snapshot *snap; /* NULL: of the branch that the machine is in */
    bool is_branch;
    uint64_t made_ns; /* report_now(), when it was kept */
};

/* max_bytes: of memory for kept states; 0: BRANCHES_BYTES. */
int branches_open(uint64_t max_bytes, struct branches **out, struct vmm_err *err);
void branches_close(struct branches *branches);

/* EINVAL for a text that is no name. */
int branches_name_check(const char *name, struct vmm_err *err);

/* The functions below return 0 or -errno. EINVAL for a name that is none, ENOENT for one that is
 * not there, EEXIST for one that is taken, ENOSPC past a limit, and the errors of vmm_checkpoint():
 * then the machine is as it was. */

/* Keeps the machine's state, in the place of a checkpoint of that name. */
int branches_keep(struct branches *branches, struct vmm *vm, const char *name, struct vmm_err *err);
/* Puts the machine back to a checkpoint; NULL: to the newest. *lost: the machine runs no more. */
int branches_rewind(struct branches *branches, struct vmm *vm, const char *name, bool *lost,
                    struct vmm_err *err);
/* Makes a branch from the machine's state, and goes on in it; NULL: it gets a name. The branch that
 * the machine was in stays as it is. */
int branches_fork(struct branches *branches, struct vmm *vm, const char *name, bool *lost,
                  struct vmm_err *err);
/* Goes on in another branch. The one that the machine was in is kept as it is now. If the machine
 * has no state (gone), that branch is no more. */
int branches_switch(struct branches *branches, struct vmm *vm, const char *name, bool gone,
                    bool *lost, struct vmm_err *err);
/* Forgets a kept state. */
int branches_drop(struct branches *branches, const char *name, struct vmm_err *err);

/* The branch that the machine is in. */
const char *branches_here(const struct branches *branches);
/* The states in the order in which they were kept, the branch that the machine is in among them;
 * NULL after the last. */
const struct branch *branches_get(const struct branches *branches, size_t i);
/* Whether there is a state to go back to. */
bool branches_any(const struct branches *branches);

#endif
