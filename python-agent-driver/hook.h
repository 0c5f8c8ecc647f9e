// SPDX-License-Identifier: Apache-2.0
/* Replacing functions of the interpreter; see hook.c. */
#ifndef HOOK_H
#define HOOK_H

#include <stdint.h>

#define HOOK_BYTES 14

struct hook {
    uint8_t *at;
    uint8_t bytes[HOOK_BYTES]; /* what stood there */
};

/* From now on calls of the named function end up in the other. Not while it runs. */
void hook_set(struct hook *hook, const char *name, void (*instead)(void));
/* The function is itself again. */
void hook_unset(const struct hook *hook);

#endif
