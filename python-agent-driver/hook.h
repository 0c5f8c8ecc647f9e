// SPDX-License-Identifier: Apache-2.0
/* Replacing functions of the interpreter. */
#ifndef HOOK_H
#define HOOK_H

#include <stdint.h>

#define HOOK_BYTES 14

struct hook {
    uint8_t *at;
    uint8_t bytes[2 * HOOK_BYTES]; /* what stood there, and zeroes */
};

/* hook.c: from now on calls of the named function end up in the other. Not while it runs. */
void hook_set(struct hook *hook, const char *name, void (*instead)(void));
/* The function as it was, to be called: its first instructions, copied to a page of their own
 * before the snapshot, and a jump to the rest. Putting them back in a run would cost 4 ms of page
 * tables. */
void *hook_original(const struct hook *hook, const char *name);

#endif
