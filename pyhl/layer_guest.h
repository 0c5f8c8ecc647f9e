// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the state of a layer: a VM gets the files of packages, imports modules, and is written to a
 * file. Guest code runs there, so the VM lives in a jailed child (child.h).
 */
#ifndef PYHL_LAYER_GUEST_H
#define PYHL_LAYER_GUEST_H

#include "vmm/vmm.h"

struct layer_guest {
    const char *cmd;  /* of the messages */
    const char *tree; /* the folder with what comes into PACKAGES_SITE */
    char *const *modules;
    size_t module_count;
    /* In the child: opens the snapshot that the layer is made upon. keep is what open() needs; -1
     * is none. */
    int (*open)(void *arg, struct vmm_snapshot **snap, struct vmm_err *err);
    void *arg;
    int keep;
    uint64_t memory; /* of a VM, bytes */
    bool loud;       /* what the imports print is shown */
};

/* Writes the state to fd, an empty file, with the working set of runs that import the modules.
 * The user is told of a module whose import raises. One whose import takes the VM down, or takes
 * too long, is not imported, and the user is told that. EFBIG when the files do not fit, EINTR
 * after a signal that was caught. */
int layer_guest_make(const struct layer_guest *guest, int fd, struct vmm_err *err);

#endif
