// SPDX-License-Identifier: Apache-2.0
/*
 * Finds packages for a session of a server, in a process of its own: uv takes seconds, and the
 * server goes on meanwhile. The process has none of the server's descriptors.
 */
#ifndef PYHL_FINDER_H
#define PYHL_FINDER_H

#include "bundle.h"
#include "install.h"

struct event_base;
struct finder;

struct finder_found {
    struct vmm_err err; /* code 0: they were found. EINTR: finder_stop(); ETIMEDOUT */
    struct bundle_info info;
    bool replaces;             /* other versions of the image's packages are among them */
    char names[INSTALL_NAMES]; /* lines "NAME==VERSION" */
};

struct finder_task {
    const struct install_wish *wish;
    struct opt_list words, have; /* as more_find() takes them */
    bool fresh;                  /* nothing has run in the VM: have is not looked at */
    uint64_t timeout_ns;         /* 0: no limit */
    /* Called by the loop: with what it says for the user, and at the end. fd is the bundle, whose
     * owner the function is, or -1. */
    void (*said)(void *arg, const void *bytes, size_t size);
    void (*over)(void *arg, const struct finder_found *found, int fd);
    void *arg;
};

/* Returns 0 or, with *err, -errno. The words are not needed any more. */
int finder_start(struct event_base *base, const struct finder_task *task, struct finder **out,
                 struct vmm_err *err);

/* Has it end soon, by EINTR. */
void finder_stop(struct finder *finder);

/* Kills the process if there is one still; nothing is called any more. NULL is allowed. Not to be
 * called by said(). */
void finder_free(struct finder *finder);

#endif
