// SPDX-License-Identifier: Apache-2.0
/*
 * Installing a home all or nothing. Everything is made in a staging directory beside it, HOME.tmp,
 * under a lock on the directory that holds both; publishing syncs it and moves it into place with
 * one rename. A process killed at any moment leaves the old home or none, and perhaps a staging
 * directory that the next setup removes.
 */
#ifndef PYHL_STAGE_H
#define PYHL_STAGE_H

#include "vmm/vmm.h"

#include <limits.h>

struct stage {
    char home[PATH_MAX];   /* where it will be */
    char dir[PATH_MAX];    /* the staging directory */
    char parent[PATH_MAX]; /* of both */
    int lock_fd;           /* the parent, locked; -1: not */
    bool made;             /* dir exists and is ours */
};

enum stage_place {
    STAGE_FREE,    /* nothing there, or an empty directory */
    STAGE_HOME,    /* a home, or what is left of one */
    STAGE_FOREIGN, /* something that pyhl did not make */
};

/* Waits for the lock; calls waiting() first, once, when another setup holds it. */
int stage_lock(struct stage *stage, const char *home, void (*waiting)(const char *home),
               struct vmm_err *err);

/* What is at the home's place. */
int stage_look(const struct stage *stage, enum stage_place *place, struct vmm_err *err);

/* Makes an empty staging directory, after removing one that a killed setup left. */
int stage_begin(struct stage *stage, struct vmm_err *err);

/* Syncs every file and moves the staging directory into place, over an older home if there is one.
 */
int stage_publish(struct stage *stage, struct vmm_err *err);

/* Removes what is staged, if anything, and unlocks. */
void stage_end(struct stage *stage);

#endif
