// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a run: a fixed set, and what is added to it.
 */
#include "env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const env_fixed[] = {
    "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME=/root",
    "LANG=C.UTF-8",
};
#define ENV_FIXED (sizeof(env_fixed) / sizeof(env_fixed[0]))

static bool env_same_name(const char *a, const char *b)
{
    return strncmp(a, b, strcspn(a, "=") + 1) == 0;
}

/* Adds an item, in the place of one with the same name. Returns how many items there are then. */
static size_t env_put(const char **env, size_t count, const char *item)
{
    size_t at = 0;

    while (at < count && !env_same_name(env[at], item)) {
        at++;
    }
    env[at] = item;
    return at == count ? count + 1 : count;
}

const char **env_make(const char *const *list)
{
    size_t more = 0, count = 0;
    const char **env;

    while (list != NULL && list[more] != NULL) {
        more++;
    }
    env = calloc(ENV_FIXED + more + 1, sizeof(*env));
    if (env == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < ENV_FIXED; i++) {
        count = env_put(env, count, env_fixed[i]);
    }
    for (size_t i = 0; i < more; i++) {
        count = env_put(env, count, list[i]);
    }
    return env;
}
