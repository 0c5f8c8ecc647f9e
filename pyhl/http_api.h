// SPDX-License-Identifier: Apache-2.0
/*
 * The routes of HTTP that speak PROTOCOL.md's requests and events as JSON, and /health.
 */
#ifndef PYHL_HTTP_API_H
#define PYHL_HTTP_API_H

#include "http.h"
#include "service.h"

struct http_api;

/* Adds the routes. Returns 0 or, with *err, -errno. */
int http_api_begin(struct http *http, struct service *service, struct http_api **out,
                   struct vmm_err *err);

/* After http_close(), and before service_end(). NULL is allowed. */
void http_api_end(struct http_api *api);

/* How the answer to a request that "failed" in this way begins. */
int http_api_status(const char *type);

#endif
