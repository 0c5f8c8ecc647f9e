// SPDX-License-Identifier: Apache-2.0
#include "http_serve.h"
#include "http.h"
#include "http_api.h"
#include "http_metrics.h"
#include "mcp_http.h"
#include "message.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_SERVE_TRIM_S 2
#define HTTP_SERVE_FREE   (4u << 20) /* bytes that may stay free */

struct http_serve {
    struct http_serve_options options;
    struct http_tokens tokens;
    struct http *http;
    struct http_api *api;
    struct http_metrics metrics;
    struct mcp_http *mcp;
    struct event *term, *interrupt, *trim;
    bool *ended;
};

/* libevent: the server is to end. */
static void http_serve_signal(evutil_socket_t signal, short what, void *arg)
{
    struct http_serve *serve = arg;

    (void)signal;
    (void)what;
    *serve->ended = true;
}

static int http_serve_signals(struct http_serve *serve, struct event_base *base,
                              struct vmm_err *err)
{
    serve->term = evsignal_new(base, SIGTERM, http_serve_signal, serve);
    serve->interrupt = evsignal_new(base, SIGINT, http_serve_signal, serve);
    if (serve->term == NULL || serve->interrupt == NULL || event_add(serve->term, NULL) < 0 ||
        event_add(serve->interrupt, NULL) < 0) {
        return vmm_err_set(err, ENOMEM, "no signals: out of memory, or of descriptors");
    }
    return 0;
}

/* libevent: what large bodies and answers have left goes back to the system, which malloc(3) would
 * keep. */
static void http_serve_trim(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (mallinfo2().fordblks > HTTP_SERVE_FREE) {
        (void)malloc_trim(0);
    }
}

static int http_serve_timer(struct http_serve *serve, struct event_base *base, struct vmm_err *err)
{
    const struct timeval period = {.tv_sec = HTTP_SERVE_TRIM_S};

    serve->trim = event_new(base, -1, EV_PERSIST, http_serve_trim, NULL);
    return serve->trim != NULL && event_add(serve->trim, &period) == 0
               ? 0
               : vmm_err_set(err, ENOMEM, "out of memory");
}

static int http_serve_tokens(struct http_serve *serve, struct owner_list *owners,
                             struct vmm_err *err)
{
    const char *token = getenv(HTTP_SERVE_TOKEN);
    int rc = 0;

    if (serve->options.token_file != NULL) {
        rc = http_tokens_read(&serve->tokens, serve->options.token_file, owners, err);
    }
    if (rc == 0 && token != NULL && token[0] != 0) {
        rc = http_tokens_add(&serve->tokens, HTTP_SERVE_TOKEN, token, "default", err);
    }
    return rc;
}

static int http_serve_open(struct http_serve *serve, struct service *service, struct vmm_err *err)
{
    const struct http_config config = {
        .base = service->base,
        .tokens = &serve->tokens,
        .listen = &serve->options.listen,
        .hosts = &serve->options.hosts,
        .timeout_ns =
            serve->options.timeout_ns != 0 ? serve->options.timeout_ns : HTTP_SERVE_TIMEOUT,
    };
    char where[HTTP_WHERE];
    int rc = http_open(&serve->http, &config, err);

    rc = rc == 0 ? http_api_begin(serve->http, service, &serve->api, err) : rc;
    rc = rc == 0 ? mcp_http_begin(serve->http, service, serve->options.dest,
                                  serve->options.fixtures, &serve->mcp, err)
                 : rc;
    if (rc == 0 && http_metrics_begin(&serve->metrics, serve->http, service) < 0) {
        rc = vmm_err_set(err, ENOSPC, "too many tables of routes");
    }
    for (size_t i = 0; rc == 0 && i < serve->options.listen.count; i++) {
        http_where(serve->http, i, where);
        message("pyhl serve: listening on %s\n", where);
    }
    return rc;
}

int http_serve_begin(struct service *service, const struct http_serve_options *options, bool *ended,
                     struct http_serve **out, struct vmm_err *err)
{
    struct http_serve *serve = calloc(1, sizeof(*serve));
    int rc;

    *out = serve;
    if (serve == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    serve->options = *options;
    serve->ended = ended;
    rc = http_serve_tokens(serve, &service->owners, err);
    rc = rc == 0 ? http_serve_signals(serve, service->base, err) : rc;
    rc = rc == 0 ? http_serve_timer(serve, service->base, err) : rc;
    rc = rc == 0 ? http_serve_open(serve, service, err) : rc;
    if (rc < 0) {
        http_serve_end(serve);
        *out = NULL;
    }
    return rc;
}

static void http_serve_free(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void http_serve_end(struct http_serve *serve)
{
    if (serve == NULL) {
        return;
    }
    if (serve->http != NULL) {
        http_close(serve->http);
    }
    http_api_end(serve->api);
    mcp_http_end(serve->mcp);
    http_serve_free(serve->term);
    http_serve_free(serve->interrupt);
    http_serve_free(serve->trim);
    http_tokens_free(&serve->tokens);
    free(serve);
}
