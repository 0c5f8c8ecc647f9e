// SPDX-License-Identifier: Apache-2.0
/*
 * The clock page, with which a TSC value is turned into a time. hv/time.c writes it at every
 * resume; hv/time.c and the vDSO in the program read it.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

struct clock_page {
    uint64_t mono_base, wall_base; /* ns at tsc_base */
    uint64_t tsc_base;
    uint64_t mult; /* ns per TSC tick, 32.32 fixed point */
};

static inline uint64_t clock_read(const struct clock_page *c, uint64_t base)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    uint64_t ticks = (lo | (uint64_t)hi << 32) - c->tsc_base;
    return base + (uint64_t)(((unsigned __int128)ticks * c->mult) >> 32);
}

#endif
