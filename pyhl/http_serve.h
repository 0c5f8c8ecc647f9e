// SPDX-License-Identifier: Apache-2.0
/*
 * The way into a service by HTTP: its listening sockets, tokens and routes, and the signals that
 * end a server which has no other end.
 */
#ifndef PYHL_HTTP_SERVE_H
#define PYHL_HTTP_SERVE_H

#include "opts.h"
#include "service.h"

/* As the user has said. */
struct http_serve_options {
    struct opt_list listen; /* addresses (listen.h); none: no HTTP */
    struct opt_list hosts;  /* further names in Host and Origin */
    const char *token_file; /* NULL: none */
    const char *dest;       /* the home, for MCP */
    const char *fixtures;   /* more tools of MCP, for tests; NULL: none */
    uint64_t timeout_ns;    /* of connections; 0: HTTP_SERVE_TIMEOUT */
};

#define HTTP_SERVE_TIMEOUT 60000000000ull
#define HTTP_SERVE_TOKEN   "PYHL_TOKEN" /* the variable */

struct http_serve;

/* Listens, and says where, a line for each address. SIGTERM and SIGINT now set *ended. Returns 0
 * or, with *err, -errno. */
int http_serve_begin(struct service *service, const struct http_serve_options *options, bool *ended,
                     struct http_serve **out, struct vmm_err *err);

/* Before service_end(). NULL is allowed. */
void http_serve_end(struct http_serve *serve);

#endif
