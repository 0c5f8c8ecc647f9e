// SPDX-License-Identifier: Apache-2.0
/*
 * What `pyhl boot` boots and runs, from what its user wrote: an image's directory, or a kernel and
 * an initrd; a program, code, or nothing of both, and then image.ini says which program it is.
 */
#ifndef PYHL_PROGRAM_H
#define PYHL_PROGRAM_H

#include "config.h"
#include "opts.h"

#include <limits.h>

struct program {
    char kernel[PATH_MAX], initrd[PATH_MAX];
    const char **argv; /* NULL-terminated; free() it */
    uint64_t memory;   /* what image.ini states; 0: it states none, or was not read */
    struct image_config config;
};

/* words: KERNEL or DIR, then the program with its arguments, or the arguments of the code. initrd
 * and code are NULL when they were not given. The strings of argv are those of words, of code and
 * of *program itself. EINVAL when they do not go together, or image.ini does not say what is
 * needed. Call program_free() after an error, too. */
int program_find(const struct opt_words *words, const char *initrd, const char *code,
                 struct program *program, struct vmm_err *err);
void program_free(struct program *program);

#endif
