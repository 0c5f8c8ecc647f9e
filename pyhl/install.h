// SPDX-License-Identifier: Apache-2.0
/*
 * %pip install in a session: what the two processes (parent.h) say to each other. The parent has uv
 * find the packages, and gives their files; the child, which has the VM and is in jail, puts them
 * into it.
 *
 * Which packages the VM has depends on the state that it is in, and a rewind changes that. So each
 * install makes a set of packages with a number, which the child keeps with the state. Set 0 is
 * what the session began with.
 */
#ifndef PYHL_INSTALL_H
#define PYHL_INSTALL_H

#include "packages.h"

#include <stdint.h>

#define INSTALL_SETS  256u        /* the most that a session makes */
#define INSTALL_WORDS 4096u       /* bytes of all words of an install, with their NULs */
#define INSTALL_NAMES (16u << 10) /* of the names of what was found */

/* What the parent may do, from the command line. */
struct install_wish {
    const char *home; /* its path; NULL: as home_open() finds it */
    const struct package_options *packages;
};

enum install_message {
    /* Finds packages: number[0] the set that the VM has. The bytes are the words, each with its
     * NUL. The answer: number[0] how many files and directories, 0: nothing is missing; [1] the set
     * with them; [2] 1: other versions of the image's packages are among them. The bytes are their
     * names and versions. After an error, -errno, the user has been told. */
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
