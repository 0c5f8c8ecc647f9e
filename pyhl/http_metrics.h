// SPDX-License-Identifier: Apache-2.0
/*
 * GET /metrics: what there is and what was, in the text that Prometheus reads.
 */
#ifndef PYHL_HTTP_METRICS_H
#define PYHL_HTTP_METRICS_H

#include "http.h"
#include "service.h"

struct http_metrics {
    const struct http *http;
    const struct service *service;
};

/* Adds the route; *metrics must stay. Returns 0 or -errno. */
int http_metrics_begin(struct http_metrics *metrics, struct http *http,
                       const struct service *service);

#endif
