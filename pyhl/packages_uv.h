// SPDX-License-Identifier: Apache-2.0
/*
 * Runs uv: found on PATH, no shell, an environment without settings that would run code, what it
 * says kept, what it writes bounded.
 */
#ifndef PYHL_PACKAGES_UV_H
#define PYHL_PACKAGES_UV_H

#include "vmm/vmm.h"

#include <limits.h>

/* ENOENT, with a line that says how to get it, when there is none on PATH. */
int uv_find(char path[PATH_MAX], struct vmm_err *err);

struct uv_run {
    const char *path;
    const char *const *args; /* from argv[0] on, NULL-terminated */
    const char *dir;         /* to run in: configuration files in it, and above it, are not read */
    uint64_t max_bytes;      /* of the packages; 0: no limit */
    unsigned verbose;        /* 1 and more: shows the command, 2 and more: what uv says, too */

    char *said; /* free() it: its lines on both outputs, fit for a terminal; not NULL after a 0 */
    int status; /* the exit status */
};

/* 0 once uv has ended by itself. EPERM when uv's configuration makes it build packages, E2BIG when
 * it was ended because it wrote too much, EINTR after a signal that this process catches. A signal
 * that ends this process ends uv, too. */
int uv_run(struct uv_run *run, struct vmm_err *err);

#endif
