// SPDX-License-Identifier: Apache-2.0
/*
 * Which packages a VM has beside its image's: its own files say it, because a rewind may have taken
 * some away, and a saved state or a layer may have brought others.
 */
#ifndef PYHL_PACKAGES_HAVE_H
#define PYHL_PACKAGES_HAVE_H

#include "install.h"
#include "vmm/vmm.h"

struct packages_have {
    char text[INSTALL_HAVE]; /* size bytes: each package's "NAME-VERSION" with its NUL */
    size_t size;
    struct vmm_files_out look;
    bool too_many; /* there are more */
};

/* For a run of HV_RUN_FILES, which finds it out. have stays where it is until the run is over. */
const struct vmm_files_out *packages_have_look(struct packages_have *have);

/* After that run: E2BIG when there are too many. */
int packages_have_check(const struct packages_have *have, struct vmm_err *err);

#endif
