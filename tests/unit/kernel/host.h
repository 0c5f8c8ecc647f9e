// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of kernel modules share. A module is compiled for the host from its own source
 * and linked to its test; what it calls of other modules comes from the files standin_*.c, which
 * use the C library. Addresses of frames are addresses of the host, as the kernel's are its own.
 */
#ifndef UNIT_KERNEL_HOST_H
#define UNIT_KERNEL_HOST_H

#include "kernel.h"
#include "tests/unit/unit.h"

#define NO_LIMIT UINT64_MAX

/* standin_frames.c: frames from the C library, so that ASan sees what is freed or exceeded. */
extern u64 frames_used; /* given out and not freed */
extern u64 frames_left; /* how many more can be had; NO_LIMIT at first */

/* standin_heap.c: the kernel heap, in the same way, counted in blocks. */
extern u64 heap_used, heap_left;

/* host.c, from here on. panics: whether the call does. What it leaves half-done stays so. */
bool panics(void (*call)(void *), void *arg);

/* Random numbers: any 64 bits, and one below n. */
u64 any(void);
u64 below(u64 n);

/* The first seed of a test, UNIT_SEED of the environment or 1. seed_begin() starts the numbers of
 * a seed, which is named when the program ends by a panic or a sanitizer, unless it is 0. */
unsigned seed_first(void);
void seed_begin(unsigned seed);

/* Runs the sequence with that many seeds, until one run fails a CHECK; says which seed that was. */
static inline void each_seed(unsigned seeds, void (*sequence)(void))
{
    for (unsigned seed = seed_first(); seeds > 0; seed++, seeds--) {
        seed_begin(seed);
        sequence();
        if (unit_failures > 0) {
            printf("     with UNIT_SEED=%u\n", seed);
            break;
        }
    }
    seed_begin(0);
}

#endif
