// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup and what they hand on to each other. setup.c orders them and talks to the
 * user. setup_guest.c has the steps that run guest code, each in a child, setup_packages.c those
 * for packages of the home's own, and setup_steps.c the others.
 */
#ifndef PYHL_SETUP_H
#define PYHL_SETUP_H

#include "cache.h"
#include "child.h"
#include "copy.h"
#include "files.h"
#include "image.h"
#include "packages.h"
#include "stage.h"

struct setup {
    const char *from;
    uint64_t initrd_max; /* bytes */
    uint64_t memory;     /* asked for; 0: the image's */
    struct stage stage;
    struct image image; /* the VM boots from its initrd, wherever that is */
    struct home_config config;
    struct copy copy;               /* copies the initrd to the stage, while the VM boots */
    struct child child;             /* has the VM of the current step */
    int file;                       /* the child writes the staged snapshot here; -1: not open */
    int output;                     /* what a run for a try prints; -1: not open */
    int nowhere;                    /* /dev/null, for output that nobody wants; -1: not open */
    uint64_t snapshot_disk;         /* bytes */
    struct package_request request; /* of the home's own packages; len 0: it has none */
    struct cache cache;             /* where they are got */
    struct cache_work work;
    struct package_tree tree;
    bool bad_usage; /* the failure comes from --from or --memory */
    char note[64];  /* what the step has made, for its line */
};

/* setup_steps.c */
int setup_fetch(struct setup *setup, struct vmm_err *err);
int setup_identify(struct setup *setup, struct vmm_err *err);
int setup_copied(struct setup *setup, struct vmm_err *err);
int setup_check(struct setup *setup, struct vmm_err *err);
int setup_install(struct setup *setup, struct vmm_err *err);

/* What to boot, for the library. The names are those of open files, so that every step sees the
 * same files. */
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
void setup_guest_end(struct setup *setup); /* ends the child, if any, and closes its files */

/* setup_packages.c */
int setup_get_packages(struct setup *setup, struct vmm_err *err);
int setup_import_packages(struct setup *setup, struct vmm_err *err);
void setup_packages_end(struct setup *setup); /* removes and frees what they have left */

#endif
