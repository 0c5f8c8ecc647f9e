// SPDX-License-Identifier: Apache-2.0
/*
 * Finds packages for a live session, in the parent, which is not in jail (parent.h). A guest may
 * have taken over the child that asks. So the words that it sends can name packages and versions,
 * and nothing else: no files, no addresses, no options.
 */
#ifndef PYHL_INSTALL_PARENT_H
#define PYHL_INSTALL_PARENT_H

#include "install.h"
#include "parent.h"

struct install_parent;

/* Serves the child's requests. wish must live as long. name begins messages. ENOMEM, ENOSPC. */
int install_parent_offer(const struct install_wish *wish, const char *name, struct parent *parent,
                         struct install_parent **out, struct vmm_err *err);

/* Removes what is left on disk. NULL is allowed. */
void install_parent_end(struct install_parent *install);

#endif
