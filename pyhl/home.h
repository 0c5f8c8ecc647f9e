// SPDX-License-Identifier: Apache-2.0
/*
 * A home: the directory that pyhl setup makes and pyhl run restores from. It holds HOME_FILES, the
 * last two only where it has packages of its own, and nothing else. A directory with a pyhl.ini is
 * a home.
 *
 * A home decides what every script's Python is. So it is used only when its directory and its files
 * belong to the user or root and nobody else can write them. A home that nobody named, but that was
 * found in the working directory, must also have been made there by setup: an unpacked archive or a
 * checkout may bring a .pyhl of its own.
 */
#ifndef PYHL_HOME_H
#define PYHL_HOME_H

#include "config.h"
#include "folder.h"

#define HOME_LOCAL ".pyhl" /* in the working directory */

#define HOME_INI      "pyhl.ini"
#define HOME_KERNEL   "kernel"
#define HOME_INITRD   "initrd.cpio"
#define HOME_SNAPSHOT "snapshot"
#define HOME_IMAGE    "image.ini" /* so that a home is an image, too: for another setup */
#define HOME_LAYER    "layer"     /* of a home with packages of its own: a checkpoint with them */
#define HOME_DISTS    "dists"     /* and their metadata (dists.h) */

/* All files of a home, in the order of removal: without its pyhl.ini a directory is not a home any
 * more. */
#define HOME_FILES 7
extern const char *const home_files[HOME_FILES];

struct home {
    struct folder dir;
    struct home_config config;
};

/* Where to make a home: dest, else $PYHL_HOME, else ./.pyhl. */
const char *home_default(const char *dest);

/* Finds and opens a home: dest, else $PYHL_HOME, else the first of ./.pyhl, $XDG_DATA_HOME/pyhl (or
 * ~/.local/share/pyhl). ENOENT with a message that names all places searched, EPERM for a home that
 * is not trusted. Close it after an error, too. */
int home_open(const char *dest, bool packages, struct home *home, struct vmm_err *err);

/* Opens the home in this directory, without a search. ENOENT without a pyhl.ini. */
int home_open_at(const char *dir, bool packages, struct home *home, struct vmm_err *err);

/* Opens one of a home's files to read it. EPERM when others can change it. */
int home_file(const struct home *home, const char *name, struct vmm_err *err);

/* Opens what runs begin from, the home's snapshot or its layer upon that, and checks that it
 * belongs to this home. */
int home_snapshot(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err);

/* Closes the directory and frees config.packages; the snapshot stays open. May be called twice. */
void home_close(struct home *home);

#endif
