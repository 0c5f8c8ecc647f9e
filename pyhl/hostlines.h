// SPDX-License-Identifier: Apache-2.0
/*
 * Lines at the prompt of a session that begin with % and are for pyhl, not for Python: checkpoints,
 * branches and packages. Only what is read as the first line of a cell can be one. What a cell
 * prints is none, so the guest's code cannot make them.
 */
#ifndef PYHL_HOSTLINES_H
#define PYHL_HOSTLINES_H

#include "cmd.h"
#include "doors.h"
#include "line.h"

struct hostlines;

/* max_bytes: of memory for kept states; 0: the default. terminal: the user is told what was
 * installed. doors must live as long. */
int hostlines_open(const struct cmd *cmd, uint64_t max_bytes, const struct doors *doors,
                   bool terminal, struct hostlines **out, struct vmm_err *err);
void hostlines_close(struct hostlines *lines);

/* Whether a first line is for pyhl. */
bool hostlines_is(const char *line);

enum hostlines_did {
    HOSTLINES_DONE,   /* also when it could not be done, and the user was told */
    HOSTLINES_MOVED,  /* the machine is in another state, from which it can run */
    HOSTLINES_FAILED, /* it runs no more, and the user was told */
    /* Packages are wanted: a run with hostlines_look(), hostlines_find(), and if that is true a run
     * with hostlines_files(), hostlines_taken(). */
    HOSTLINES_INSTALL,
};

/* Does what the line says with a machine between two runs. gone: the machine has no state, because
 * its last run has ended it. */
enum hostlines_did hostlines_do(struct hostlines *lines, struct vmm *vm, bool gone,
                                const char *line);

/* For a run of HV_RUN_FILES, which finds out what packages the machine has. */
const struct vmm_files_out *hostlines_look(struct hostlines *lines);
/* Finds the packages. False: there is nothing to take. */
bool hostlines_find(struct hostlines *lines);
/* For a run of HV_RUN_PRELOAD, which takes them; and then whether it has. */
const struct vmm_files_in *hostlines_files(struct hostlines *lines);
void hostlines_taken(struct hostlines *lines, bool taken);

/* Whether a session whose state is lost can go on from another. */
bool hostlines_can_go_back(const struct hostlines *lines);

/* What the prompt begins with: the branch, where it is not the first one. */
const char *hostlines_prompt(struct hostlines *lines);

/* What could stand at the cursor of such a line. */
void hostlines_complete(struct hostlines *lines, const char *line, size_t cursor,
                        struct line_matches *matches);

#endif
