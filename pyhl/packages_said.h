// SPDX-License-Identifier: Apache-2.0
/*
 * Tells from what uv said why it failed, in one line about this image.
 */
#ifndef PYHL_PACKAGES_SAID_H
#define PYHL_PACKAGES_SAID_H

#include "vmm/vmm.h"

/* The image that the packages were for. */
struct said_image {
    const char *python; /* "3.13.5" */
    unsigned glibc;     /* the minor version */
};

/* Sets *err to the reason, and returns its code. */
int said_why(const char *said, int status, const struct said_image *image, struct vmm_err *err);

/* When the text is that uv does not know a platform x86_64-manylinux_2_`below`: the greatest number
 * below that one that it knows. 0: the text is about something else. */
unsigned said_platform(const char *said, unsigned below);

/* Leaves lines out of the middle of a long text: uv's reasoning may fill many screens. */
void said_shorten(char *said);

#endif
