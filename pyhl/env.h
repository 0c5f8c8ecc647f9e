// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a run.
 */
#ifndef PYHL_ENV_H
#define PYHL_ENV_H

/* A fixed small set, then what is in the list (NULL, or NULL-terminated "KEY=VALUE"); the last of a
 * name wins, in the place of the first. NULL-terminated; NULL without memory. free() it; the
 * strings are the list's. */
const char **env_make(const char *const *list);

#endif
