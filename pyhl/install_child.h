// SPDX-License-Identifier: Apache-2.0
/*
 * Packages for a live session, in the process that holds the VM: asks the parent for them
 * (install_parent.h), and has their files for a run that takes them.
 */
#ifndef PYHL_INSTALL_CHILD_H
#define PYHL_INSTALL_CHILD_H

#include "channel.h"
#include "install.h"

struct install_child;

/* The channel must live as long. ENOMEM. */
int install_child_make(struct channel *channel, struct install_child **out, struct vmm_err *err);

struct install_found {
    size_t entries;            /* 0: nothing is missing */
    bool replaces;             /* the image has another version of one */
    char names[INSTALL_NAMES]; /* lines "NAME==VERSION" */
};

/* For a run of HV_RUN_FILES, which finds out what packages the VM has. */
const struct vmm_files_out *install_child_look(struct install_child *install);

/* After that run: finds packages. words: size bytes, each word with its NUL. *told: the parent has
 * said what was wrong. Call install_child_end() after a 0. */
int install_child_find(struct install_child *install, const char *words, size_t size,
                       struct install_found *found, bool *told, struct vmm_err *err);

/* The files that were found, for vmm_run(). */
const struct vmm_files_in *install_child_files(struct install_child *install);

/* The files are not needed any more. */
void install_child_end(struct install_child *install);

#endif
