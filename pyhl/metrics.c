// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include <string.h>

const double metrics_bounds[METRICS_BOUNDS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                               0.25,   0.5,   1,      2.5,   5,    10,    30,   60};

void metrics_run(struct metrics *metrics, const char *outcome, uint64_t took_ns)
{
    const double seconds = (double)took_ns / 1e9;
    size_t i = 0;

    while (i < METRICS_BOUNDS && seconds > metrics_bounds[i]) {
        i++;
    }
    metrics->within[i]++;
    metrics->took_ns += took_ns;
    for (i = 0; i < METRICS_OUTCOMES; i++) {
        if (metrics->outcomes[i].name == NULL || strcmp(metrics->outcomes[i].name, outcome) == 0) {
            metrics->outcomes[i].name = outcome;
            metrics->outcomes[i].count++;
            return;
        }
    }
}
