// SPDX-License-Identifier: Apache-2.0
/*
 * A file copied by a thread while its owner goes on reading the original, and at the end the word
 * that both are the same.
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
 * to sync it. *copy must stay where it is and `from` open until copy_end(), which closes `to`; so
 * does a failure here. */
int copy_begin(struct copy *copy, int from, const char *name, int to, struct vmm_err *err);

/* Waits for the copy. EAGAIN when the original has changed since copy_begin(). Does nothing when no
 * copy was begun, or it has ended. */
int copy_end(struct copy *copy, struct vmm_err *err);

#endif
