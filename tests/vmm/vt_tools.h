// SPDX-License-Identifier: Apache-2.0
/*
 * A set of functions, and runs that have it. The guest's case "tools" makes calls by a script: see
 * tests/vmm/guest/tools.c.
 */
#ifndef VT_TOOLS_H
#define VT_TOOLS_H

#include "vt.h"

/* What the function "echo" was called with. */
struct vt_tools_seen {
    int calls;
    uint64_t last_id;
};

/* echo, fail, broken, large, largest, thread, and open, which is left open. */
struct vmm_tools *vt_tools(void);
/* arg: a struct vt_tools_seen, or what "largest" takes. */
struct vmm_outcome vt_tools_run(struct vmm *vm, const struct vmm_tools *tools, void *arg,
                                const char *name, const char *script);

#endif
