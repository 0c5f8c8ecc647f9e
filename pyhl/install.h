// SPDX-License-Identifier: Apache-2.0
/*
 * %pip install in a session: what the two processes (parent.h) say to each other. The parent has uv
 * find the packages, and gives their files; the child, which has the VM and is in jail, puts them
 * into it.
 */
#ifndef PYHL_INSTALL_H
#define PYHL_INSTALL_H

#include "packages.h"

#include <stdint.h>

#define INSTALL_MOST  256u        /* installs of a session */
#define INSTALL_WORDS 4096u       /* bytes of all words of an install, with their NULs */
#define INSTALL_HAVE  (32u << 10) /* of the names of packages that the VM has, with their NULs */
#define INSTALL_NAMES (16u << 10) /* of the names of those that were found */

#define INSTALL_ADVICE "%rewind to a checkpoint without it, or begin a session by --with"

/* What the parent may do, from the command line. */
struct install_wish {
    const char *cmd;    /* "repl", for messages */
    const char *home;   /* its path; NULL: as home_open() finds it */
    const char *advice; /* what to do where one that the VM has would be replaced */
    const struct package_options *packages;
};

enum install_message {
    /* Finds packages. The bytes are the "NAME-VERSION" of those that the VM has beside its image's,
     * number[0] bytes, and the words; each has its NUL. The answer: number[0] how many files and
     * directories, 0: nothing is missing; [1] 1: other versions of the image's packages are among
     * them. The bytes are their names and versions. After an error, -errno, the user has been
     * told. */
    INSTALL_FIND = 0x500,
    /* The entries from number[0] on, as many as there is room for: number[0] how many. */
    INSTALL_LIST,
    /* Reads a file: number[0] which, [1] offset, [2] bytes. */
    INSTALL_READ,
    /* The files are not needed any more. */
    INSTALL_END,
};

/* An entry of INSTALL_LIST. Its path follows, with a NUL, and the next entry. */
struct install_entry {
    uint64_t size;
    int64_t mtime_ns;
    uint32_t mode;
    uint32_t path_size; /* with the NUL */
};

#endif
