// SPDX-License-Identifier: Apache-2.0
/* turns_files.c: a directory of the host, as files that a run of turns.c is to find. */
#ifndef TURNS_FILES_H
#define TURNS_FILES_H

#include "vmm/vmm.h"

/* The directory and all below it, at this path of the guest; NULL: it cannot be read. They are the
 * process's until it ends. */
const struct vmm_files_in *turns_files(const char *host, const char *guest);

#endif
