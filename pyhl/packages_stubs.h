// SPDX-License-Identifier: Apache-2.0
/*
 * Packages that uv is to take as installed: folders NAME-VERSION.dist-info with the head of their
 * METADATA and nothing else, put beside what it installs, and taken away after that.
 */
#ifndef PYHL_PACKAGES_STUBS_H
#define PYHL_PACKAGES_STUBS_H

#include "folder.h"
#include "packages.h"

struct stubs {
    char **names; /* of the folders */
    size_t count;
};

/* Puts those of the image, and of dists->more_dir, into the folder. Call stubs_free() after an
 * error, too. */
int stubs_put(struct stubs *stubs, const struct folder *folder, const struct package_dists *dists,
              struct vmm_err *err);

/* Whether a stub of the package is there; its name is in its normal form. */
bool stubs_have(const struct stubs *stubs, const char *name);

/* Whether uv has replaced one. */
bool stubs_replaced(const struct stubs *stubs, const struct folder *folder);

/* Removes them. *replaced tells whether one was gone, which uv replaced. */
int stubs_take(const struct stubs *stubs, const struct folder *folder, bool *replaced,
               struct vmm_err *err);
void stubs_free(struct stubs *stubs);

/* Makes one from the text of a METADATA or PKG-INFO, and adds its name; a package that is there
 * already, or has no name and version, is left out. */
int stubs_add(struct stubs *stubs, const struct folder *folder, const char *metadata,
              struct vmm_err *err);

/* Calls one for each package of the folder, until it returns an error. */
typedef int stub_visitor(void *arg, const struct folder *dist, struct vmm_err *err);
int stubs_each(const struct folder *folder, stub_visitor *visit, void *arg, struct vmm_err *err);

/* Those of a folder's packages, into another folder. */
int stubs_from_folder(struct stubs *stubs, const struct folder *folder, const struct folder *from,
                      struct vmm_err *err);

#endif
