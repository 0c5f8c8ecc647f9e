// SPDX-License-Identifier: Apache-2.0
/*
 * What packages of a home's own are called and need, for uv: their METADATA, one after the other,
 * in one file, because a home has no folders.
 */
#ifndef PYHL_DISTS_H
#define PYHL_DISTS_H

#include "folder.h"
#include "packages.h"

#define DISTS_MAX (16u << 20) /* bytes of the file */

/* The text for the file; free(*text). work is a folder for use meanwhile. */
int dists_pack(const struct package_tree *tree, const struct folder *work, char **text, size_t *len,
               struct vmm_err *err);

/* Makes a NAME-VERSION.dist-info of each in a folder (package_dists.more_dir). */
int dists_unpack(const char *text, const struct folder *into, struct vmm_err *err);

/* Adds the packages of a lock (package_tree.lock). -ENOMEM. */
int dists_of_lock(const char *lock, struct packages *packages);

#endif
