// SPDX-License-Identifier: Apache-2.0
/*
 * Reads and writes the files of the host, in the parent, which is not in jail (parent.h). What it
 * writes was made by code that nobody trusts, and a guest may have taken over the child: whatever
 * the child asks, only regular files, directories and symbolic links come to be, only below the
 * target, with no more than permission bits, within the limits. A file has its name once it is
 * whole.
 */
#ifndef PYHL_COPIES_PARENT_H
#define PYHL_COPIES_PARENT_H

#include "copies.h"
#include "parent.h"

struct copies_parent;

/* Serves the child's requests. The list must live as long. name begins messages. ENOMEM, ENOSPC. */
int copies_parent_offer(const struct copies *copies, const char *name, struct parent *parent,
                        struct copies_parent **out, struct vmm_err *err);

/* Removes what is not whole. NULL is allowed. */
void copies_parent_end(struct copies_parent *copies);

#endif
