// SPDX-License-Identifier: Apache-2.0
/*
 * Copies a file in a thread, while the caller goes on reading the original. At the end it tells
 * whether the original has changed meanwhile.
 */
#ifndef PYHL_COPY_H
#define PYHL_COPY_H

#include "vmm/vmm.h"

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

struct copy {
    char name[PATH_MAX]; /* of the original, for messages */
    int from, to;
    struct stat original; /* before the first byte was read */
    pthread_t thread;
    bool running;
    int result; /* of the thread, with error */
    struct vmm_err error;
};

/* Begins to copy the regular file `from`, whose name is for messages, to the empty file `to`, and
 * to sync it. Until copy_end() *copy must stay where it is and `from` open. copy_end() closes `to`;
 * a failure here closes it, too. */
int copy_begin(struct copy *copy, int from, const char *name, int to, struct vmm_err *err);

/* Waits for the copy. EAGAIN when the original has changed since copy_begin(). Does nothing when no
 * copy was begun, or it has ended. */
int copy_end(struct copy *copy, struct vmm_err *err);

#endif
