// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a run.
 */
#ifndef PYHL_ENV_H
#define PYHL_ENV_H

/* A fixed small set, then the list (NULL, or NULL-terminated "KEY=VALUE"). Of several items with
 * one name the last wins, in the place of the first. The result is NULL-terminated, or NULL without
 * memory. free() it; its strings are the list's. */
const char **env_make(const char *const *list);

#endif
