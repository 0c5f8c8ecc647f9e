// SPDX-License-Identifier: Apache-2.0
/*
 * Stand-in for mm/kmalloc.c: the heap of the C library, which ASan watches.
 */
#include "host.h"

#include <stdlib.h>

u64 heap_used;
u64 heap_left = NO_LIMIT;

void *kmalloc(size_t size)
{
    if (heap_left == 0) {
        return NULL;
    }
    void *p = malloc(size);
    if (p != NULL) {
        memset(p, 0xa5, size);
        heap_used++;
        heap_left -= heap_left == NO_LIMIT ? 0 : 1;
    }
    return p;
}

void *kzalloc(size_t size)
{
    void *p = kmalloc(size);

    return p != NULL ? memset(p, 0, size) : NULL;
}

void *krealloc(void *p, size_t size)
{
    if (p == NULL) {
        return kmalloc(size);
    }
    return heap_left > 0 ? realloc(p, size) : NULL;
}

void kfree(void *p)
{
    heap_used -= p != NULL;
    heap_left += p != NULL && heap_left != NO_LIMIT;
    free(p);
}

char *kstrdup(const char *s)
{
    char *p = kmalloc(strlen(s) + 1);

    return p != NULL ? memcpy(p, s, strlen(s) + 1) : NULL;
}
