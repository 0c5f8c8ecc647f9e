// SPDX-License-Identifier: Apache-2.0
/*
 * Packages for a VM that goes on, which has others beside its image's.
 */
#ifndef PYHL_PACKAGES_MORE_H
#define PYHL_PACKAGES_MORE_H

#include "cache.h"
#include "copies_read.h"
#include "home.h"
#include "install.h"
#include "packages.h"

struct more {
    const struct install_wish *wish;
    bool ready; /* home and work are open */
    struct home home;
    struct cache cache;
    struct cache_work work;
    /* What was found last. */
    struct package_tree tree; /* no entries: nothing is missing */
    char *names;              /* lines "NAME==VERSION" */
    struct copies files;      /* the tree's, at their places in the VM */
    struct copies_reader reader;
};

/* wish must live as long. */
void more_begin(struct more *more, const struct install_wish *wish);

/* Has uv find the packages that `words` name. have: "NAME-VERSION" of those that the VM has beside
 * its image's; NULL: it has those of its home, as before its first run. EEXIST when one of these
 * would be replaced; what packages_resolve() gives. Call more_drop() after an error, too: tree.said
 * is there until then. */
int more_find(struct more *more, const struct opt_list *have, const struct opt_list *words,
              struct vmm_err *err);

/* Forgets what was found, and removes it from the disk. */
int more_drop(struct more *more, struct vmm_err *err);

/* Removes everything from the disk. */
void more_end(struct more *more);

#endif
