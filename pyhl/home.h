// SPDX-License-Identifier: Apache-2.0
/*
 * A home: the directory that pyhl setup makes and pyhl run restores from. It holds HOME_FILES and
 * nothing else; pyhl.ini is what makes it one.
 */
#ifndef PYHL_HOME_H
#define PYHL_HOME_H

#include "config.h"

#include <limits.h>

#define HOME_LOCAL ".pyhl" /* in the working directory */

#define HOME_INI      "pyhl.ini"
#define HOME_KERNEL   "kernel"
#define HOME_INITRD   "initrd.cpio"
#define HOME_SNAPSHOT "snapshot"

/* All of them, in the order of removal: without its pyhl.ini a directory is no home any more. */
extern const char *const home_files[4];

struct home {
    char dir[PATH_MAX];
    char initrd[PATH_MAX];
    char snapshot[PATH_MAX];
    struct home_config config;
};

/* Where to make one: dest, else $PYHL_HOME, else ./.pyhl. */
const char *home_default(const char *dest);

/* Finds and opens one: dest, else $PYHL_HOME, else the first of ./.pyhl, $XDG_DATA_HOME/pyhl (or
 * ~/.local/share/pyhl). ENOENT with a message that names all places searched. */
int home_open(const char *dest, bool packages, struct home *home, struct vmm_err *err);

/* The directory itself, no search. ENOENT without a pyhl.ini. */
int home_open_at(const char *dir, bool packages, struct home *home, struct vmm_err *err);

/* Opens its snapshot and checks that it belongs to this home. */
int home_snapshot(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err);

/* One of its files. */
int home_file_path(const struct home *home, const char *name, char buf[PATH_MAX],
                   struct vmm_err *err);

#endif
