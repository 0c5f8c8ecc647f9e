// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup and what they hand on. setup.c orders them and talks to the user;
 * setup_guest.c has those that run guest code, each in a child, setup_steps.c the others.
 */
#ifndef PYHL_SETUP_H
#define PYHL_SETUP_H

#include "child.h"
#include "copy.h"
#include "files.h"
#include "image.h"
#include "stage.h"

struct setup {
    const char *from;
    uint64_t initrd_max; /* bytes */
    uint64_t memory;     /* asked for; 0: the image's */
    struct stage stage;
    struct image image; /* its initrd boots, wherever it is */
    struct home_config config;
    struct copy copy;       /* of the initrd to the stage, while it boots */
    struct child child;     /* with the VM of the step going on */
    int file;               /* what it writes to, -1: none: the staged snapshot, */
    int output;             /* what a try prints, */
    int nowhere;            /* what nobody wants */
    uint64_t snapshot_disk; /* bytes */
    bool bad_usage;         /* the failure is that of --from or --memory */
    char note[64];          /* what the step just made, for its line */
};

/* setup_steps.c */
int setup_fetch(struct setup *setup, struct vmm_err *err);
int setup_identify(struct setup *setup, struct vmm_err *err);
int setup_copied(struct setup *setup, struct vmm_err *err);
int setup_check(struct setup *setup, struct vmm_err *err);
int setup_install(struct setup *setup, struct vmm_err *err);

/* What boots, for the library: names of open files, so that it is the same at every step. */
struct boot_files {
    int kernel_fd; /* close it */
    char kernel[FILE_FD_PATH], initrd[FILE_FD_PATH];
};
int setup_boot_files(const struct setup *setup, struct boot_files *files, struct vmm_err *err);

/* Opens the snapshot made so far. */
int setup_open_snapshot(const struct setup *setup, struct vmm_snapshot **snap, struct vmm_err *err);

/* setup_guest.c */
int setup_boot(struct setup *setup, struct vmm_err *err);
int setup_preload(struct setup *setup, struct vmm_err *err);
int setup_snapshot(struct setup *setup, struct vmm_err *err);
int setup_workset(struct setup *setup, struct vmm_err *err);
int setup_first_run(struct setup *setup, struct vmm_err *err);
void setup_guest_end(struct setup *setup); /* the child, if there is one, and its files */

#endif
