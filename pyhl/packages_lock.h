// SPDX-License-Identifier: Apache-2.0
/*
 * What a checked tree holds: its packages with their hashes, and the modules to import.
 */
#ifndef PYHL_PACKAGES_LOCK_H
#define PYHL_PACKAGES_LOCK_H

#include "folder.h"
#include "packages.h"
#include "packages_tree.h"

/* Sets lock, modules and their lengths. The modules are those of the packages that the request's
 * text names. EINVAL when the folder has a package without a name, a version or a RECORD. */
int lock_read(const struct folder *folder, const struct package_request *request,
              const struct tree_sum *sum, struct package_tree *tree, struct vmm_err *err);

/* Whether the request names the package. */
bool lock_wants(const struct package_request *request, const char *name);

#endif
