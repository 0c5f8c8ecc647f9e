// SPDX-License-Identifier: Apache-2.0
/*
 * The layer that a command line asks for: found in the cache, or made. uv gets the packages, a VM
 * imports them, and what that leaves is the layer.
 */
#ifndef PYHL_LAYER_H
#define PYHL_LAYER_H

#include "layers.h"

struct layer_wish {
    const char *cmd; /* "run", for messages */
    struct layer_base *base;
    const struct package_request *request;
    unsigned verbose;
    char **said; /* gets what uv said, to be shown after an error, or NULL; free() it */
};

/* Opens the layer. *snap is NULL when the home has all packages that are wanted. It takes signals
 * while something is made: EINTR after one. Uses stderr for what takes long, if that is a terminal
 * or verbose is not 0. */
int layer_open(const struct layer_wish *wish, struct vmm_snapshot **snap, struct vmm_err *err);

#endif
