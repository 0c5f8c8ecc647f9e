// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl repl --images: what a session shows as an image becomes a file. The child, which has the VM
 * and is in jail, sends its bytes; the parent names the file and writes it (parent.h).
 */
#ifndef PYHL_IMAGES_H
#define PYHL_IMAGES_H

#include "parent.h"

#include <limits.h>

#define IMAGES_FILES 10000u       /* the most of a session */
#define IMAGES_BYTES (1ull << 30) /* the same */

enum images_type { IMAGES_PNG, IMAGES_JPEG, IMAGES_PDF, IMAGES_TYPES };

struct images {
    char path[PATH_MAX];
    int dir;
    /* Of the parent. */
    int fd; /* of the file that is written; -1: none */
    char name[32];
    unsigned number; /* of the last file */
    unsigned files;
    uint64_t bytes;
};

/* Opens the directory, which is made when it is missing. */
int images_begin(const char *path, struct images *images, struct vmm_err *err);

/* In the child: writes an image from its base64. Returns the number of its file, image-N.TYPE, or
 * -errno: -EDQUOT past the limits. */
int images_put(struct channel *channel, enum images_type type, const char *base64);
const char *images_ending(enum images_type type); /* "png" */

/* In the parent. images_end() removes a file that is not whole. */
int images_offer(struct images *images, struct parent *parent);
void images_end(struct images *images);

#endif
