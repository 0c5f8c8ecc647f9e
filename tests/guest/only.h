// SPDX-License-Identifier: Apache-2.0
/*
 * What the programs of tests/guest/only share: all memory taken, and the kernel's count of system
 * calls.
 */
#ifndef TESTS_GUEST_ONLY_H
#define TESTS_GUEST_ONLY_H

#include "t.h"

#include <fcntl.h>
#include <sys/mman.h>

/* Takes all memory, in mappings that are linked through their first words: there is no memory to
 * note them elsewhere. */
static inline char *take(size_t size, char *chain)
{
    for (;;) {
        char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return chain;
        }
        *(char **)(void *)p = chain;
        ((size_t *)(void *)p)[1] = size;
        chain = p;
    }
}

static inline void give_back(char *chain)
{
    while (chain != NULL) {
        char *next = *(char **)(void *)chain;
        munmap(chain, ((size_t *)(void *)chain)[1]);
        chain = next;
    }
}

/* How many system calls came in this way ("rewritten", "trapped"), by the kernel's own count. */
static inline long count_of(const char *which)
{
    char text[200] = "", *at;
    int fd = open("/proc/pyhl/syscalls", O_RDONLY);

    T_MUST("/proc/pyhl/syscalls", fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    at = strstr(text, which);
    T_MUST("its lines", at != NULL);
    return strtol(at + strlen(which), NULL, 10);
}

#endif
