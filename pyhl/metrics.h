// SPDX-License-Identifier: Apache-2.0
/*
 * What is counted of a service's runs, for Prometheus.
 */
#ifndef PYHL_METRICS_H
#define PYHL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define METRICS_OUTCOMES 32u
#define METRICS_BOUNDS   16u

struct metrics {
    struct {
        const char *name; /* of the program, not copied; NULL: free */
        uint64_t count;
    } outcomes[METRICS_OUTCOMES];
    uint64_t within[METRICS_BOUNDS + 1]; /* runs by their time; the last: beyond all bounds */
    uint64_t took_ns;                    /* all together */
    uint64_t rejected;                   /* requests that were refused as Busy */
};

void metrics_run(struct metrics *metrics, const char *outcome, uint64_t took_ns);

/* The bounds of within[], in seconds. */
extern const double metrics_bounds[METRICS_BOUNDS];

#endif
