// SPDX-License-Identifier: Apache-2.0
/*
 * MCP (mcp.h) by HTTP: POST /mcp takes a message. Its answer is JSON, or a stream of events when
 * the request asks for progress.
 */
#ifndef PYHL_MCP_HTTP_H
#define PYHL_MCP_HTTP_H

#include "http.h"
#include "service.h"

struct mcp_http;

/* dest finds the home, of which clients are told; fixtures is a file of mcp_fixtures.h, or NULL.
 * Returns 0 or, with *err, -errno. */
int mcp_http_begin(struct http *http, struct service *service, const char *dest,
                   const char *fixtures, struct mcp_http **out, struct vmm_err *err);

/* After http_close(), before service_end(). NULL is allowed. */
void mcp_http_end(struct mcp_http *mcp);

#endif
