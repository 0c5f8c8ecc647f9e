// SPDX-License-Identifier: Apache-2.0
/*
 * Installs a home all or nothing. The home is made in a staging directory beside it, HOME.tmp,
 * under a lock on the file HOME.lock. Publishing syncs that directory and moves it into place with
 * one rename. A process killed at any moment leaves the old home or none, and perhaps a staging
 * directory and a lock file, which the next setup uses and removes.
 *
 * The parent directory is opened once, and all names are looked up in it. No link is followed, and
 * only directories of the user's own are ever replaced or cleared, whoever else may write to the
 * parent.
 */
#ifndef PYHL_STAGE_H
#define PYHL_STAGE_H

#include "folder.h"

struct stage {
    char home[PATH_MAX];  /* where it will be, for messages */
    const char *name;     /* the last part of home */
    struct folder parent; /* in which the home lies */
    struct folder old;    /* what is at the home's place, if there is a directory */
    struct folder dir;    /* the staging directory, once it is made */
    char lock[PATH_MAX];  /* name of the lock file */
    int lock_fd;          /* negative: not locked */
    void (*waiting)(const char *home);
};
#define STAGE_NONE                                                                                 \
    ((struct stage){.parent = FOLDER_NONE, .old = FOLDER_NONE, .dir = FOLDER_NONE, .lock_fd = -1})

enum stage_place {
    STAGE_FREE,    /* nothing there, or an empty directory */
    STAGE_HOME,    /* a home, or what is left of one */
    STAGE_FOREIGN, /* something that pyhl did not make */
};

/* Takes the lock, and waits for it when another setup holds it; then it calls waiting() first,
 * once. Only the user and root can hold the lock. */
int stage_lock(struct stage *stage, const char *home, void (*waiting)(const char *home),
               struct vmm_err *err);

/* What is at the home's place. EPERM for another user's directory. */
int stage_look(struct stage *stage, enum stage_place *place, struct vmm_err *err);

/* Makes an empty staging directory, after removing one that a killed setup left. */
int stage_begin(struct stage *stage, struct vmm_err *err);

/* Makes the staged files read-only, syncs them and moves the staging directory into place, over an
 * older home if there is one. */
int stage_publish(struct stage *stage, struct vmm_err *err);

/* Removes the staging directory, if there is one, and unlocks. */
void stage_end(struct stage *stage);

#endif
