// SPDX-License-Identifier: Apache-2.0
/*
 * One installation by uv into a folder: its arguments, its platform, its index.
 */
#ifndef PYHL_PACKAGES_INSTALL_H
#define PYHL_PACKAGES_INSTALL_H

#include "packages.h"
#include "packages_said.h"

struct install {
    const struct package_request *request;
    uint64_t max_bytes;
    const char *work; /* the folder with requirements.txt, to run in */
    bool constraints; /* there is a constraints.txt, too */
    char uv[PATH_MAX];
    char python[16]; /* the image's version, "3.13.5" */
    unsigned glibc;  /* the image's, 2.GLIBC */
    char *said;      /* free() it: uv's lines after an error, or NULL */

    unsigned platform; /* what uv was found to know; 0: not known yet */
};

/* Sets uv, python and glibc. ENOENT without uv, EINVAL for an image without Python. */
int install_find(struct install *install, const struct packages *versions, struct vmm_err *err);

/* target is a folder in the work folder, pins a further file of constraints in it, or NULL. */
int install_run(struct install *install, const char *target, const char *pins, struct vmm_err *err);

#endif
