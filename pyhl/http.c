// SPDX-License-Identifier: Apache-2.0
/*
 * Who is listened to, and which function answers.
 */
#include "http_int.h"
#include "http_hosts.h"
#include "http_peek.h"

#include <errno.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HTTP_HEADERS  32768
#define HTTP_PAUSE_US 100000 /* no descriptor is left: so long nobody is accepted */

/* --- who may ask for what --- */

static bool route_fits(const struct http_route *route, const char *path, const char **rest)
{
    const size_t size = strlen(route->path);

    *rest = "";
    if (route->path[size - 1] != '*') {
        return strcmp(path, route->path) == 0;
    }
    *rest = path + size - 1;
    return strncmp(path, route->path, size - 1) == 0 && path[size - 1] != 0;
}

/* The row for a request, and the argument of its function; NULL: there is none. Then `allowed` has
 * the methods for which there would be. */
static const struct http_route *exchange_route(struct http_exchange *x, void **arg,
                                               char allowed[64])
{
    const struct http *http = x->listener->http;
    const char *path = http_path(x), *rest;

    allowed[0] = 0;
    for (size_t i = 0; i < http->table_count; i++) {
        for (const struct http_route *r = http->tables[i].routes; r->method != NULL; r++) {
            if (!route_fits(r, path, &rest)) {
                continue;
            }
            if (strcmp(r->method, exchange_method(x)) == 0) {
                x->rest = rest;
                *arg = http->tables[i].arg;
                return r;
            }
            (void)snprintf(allowed + strlen(allowed), 64 - strlen(allowed), "%s%s",
                           allowed[0] != 0 ? ", " : "", r->method);
        }
    }
    return NULL;
}

/* Whether Host and Origin are ours; if not, that is the answer. A unix socket has no name. */
static bool exchange_is_ours(struct http_exchange *x)
{
    const struct opt_list *hosts = x->listener->http->config.hosts;
    const char *host = http_header(x, "Host"), *origin = http_header(x, "Origin");

    if (!x->listener->local && host != NULL && !http_host_is_ours(host, hosts)) {
        http_error(x, 403, "Forbidden", "the Host is not this server; --host NAME allows it");
        return false;
    }
    if (origin != NULL && !http_origin_is_ours(origin, host, hosts)) {
        http_error(x, 403, "Forbidden", "the Origin is not this server; --host NAME allows it");
        return false;
    }
    return true;
}

/* Finds the owner by the token; without one it is a refusal, which is then the answer. */
static bool exchange_is_allowed(struct http_exchange *x)
{
    static const char bearer[] = "Bearer ";
    const char *text = http_header(x, "Authorization");
    const struct http_token *token;

    if (text != NULL && strncasecmp(text, bearer, strlen(bearer)) == 0) {
        text += strlen(bearer);
    } else {
        text = http_header(x, "X-API-Key");
    }
    if (text == NULL && x->listener->local) {
        x->owner = HTTP_LOCAL;
        return true;
    }
    token = http_tokens_find(x->listener->http->config.tokens, text != NULL ? text : "",
                             text != NULL ? strlen(text) : 0);
    if (token == NULL) {
        http_set_header(x, "WWW-Authenticate", "Bearer");
        http_error(x, 401, "Unauthorized",
                   text != NULL ? "this token is not known"
                                : "a token is needed: Authorization: Bearer TOKEN");
        return false;
    }
    x->owner = token->owner;
    return true;
}

/* evhttp: a request has come, with its body. */
static void http_asked(struct evhttp_request *req, void *arg)
{
    struct http_listener *listener = arg;
    struct http *http = listener->http;
    const struct http_route *route;
    struct http_exchange *x = exchange_new(listener, req);
    char allowed[64];
    void *route_arg;

    if (x == NULL || !exchange_is_ours(x)) {
        return;
    }
    route = exchange_route(x, &route_arg, allowed);
    if ((route == NULL || !route->open) && !exchange_is_allowed(x)) {
        return;
    }
    if (route == NULL && allowed[0] != 0) {
        http_set_header(x, "Allow", allowed);
        http_error(x, 405, "MethodNotAllowed", "this path has other methods");
        return;
    }
    if (route == NULL) {
        http_error(x, 404, "NotFound", "there is no such path");
        return;
    }
    http->fresh = x;
    route->answer(x, route_arg);
    if (http->fresh == x) {
        exchange_watch(x);
    }
    http->fresh = NULL;
}

/* --- listening --- */

/* libevent: accepts again. */
static void http_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)evconnlistener_enable(arg);
}

/* libevent: nobody can be accepted, as a rule because there are too many connections. What it gives
 * as the argument is evhttp's. */
static void http_accept_failed(struct evconnlistener *listener, void *arg)
{
    const struct timeval pause = {.tv_usec = HTTP_PAUSE_US};

    (void)arg;
    (void)evconnlistener_disable(listener);
    if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, http_accept_again,
                        listener, &pause) < 0) {
        (void)evconnlistener_enable(listener);
    }
}

static int http_listen(struct http *http, const char *text, struct vmm_err *err)
{
    struct http_listener *l = &http->listeners[http->listener_count];
    struct listen_address address;
    struct evhttp_bound_socket *bound;
    int fd;

    if (listen_parse(text, &address, err) < 0) {
        return -err->code;
    }
    l->http = http;
    l->text = text;
    l->local = listen_is_private(&address);
    if (!l->local && http->config.tokens->count == 0) {
        return vmm_err_set(err, EINVAL,
                           "--listen %s: who may ask? Say --token-file FILE or PYHL_TOKEN; only a "
                           "unix socket needs neither",
                           text);
    }
    fd = listen_open(text, &address, err);
    if (fd < 0) {
        return fd;
    }
    l->path = l->local ? strdup(address.address.un.sun_path) : NULL;
    l->server = evhttp_new(http->config.base);
    bound = l->server != NULL ? evhttp_accept_socket_with_handle(l->server, fd) : NULL;
    if (bound == NULL) {
        close(fd);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    l->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(l->listener, http_accept_failed);
    evhttp_set_gencb(l->server, http_asked, l);
    evhttp_set_max_headers_size(l->server, HTTP_HEADERS);
    if (l->local) {
        evhttp_set_max_body_size(l->server, HTTP_BODY);
    } else {
        l->peeks = http_peeks_begin(l->server, http->config.tokens, HTTP_BODY);
    }
    evhttp_set_allowed_methods(l->server, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                              EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
    evhttp_set_timeout_tv(l->server, &http->timeout);
    return l->local || l->peeks != NULL ? 0 : vmm_err_set(err, ENOMEM, "out of memory");
}

int http_open(struct http **out, const struct http_config *config, struct vmm_err *err)
{
    struct http *http = calloc(1, sizeof(*http));
    int rc = 0;

    *out = http;
    if (http != NULL) {
        http->config = *config;
        http->timeout.tv_sec = (time_t)(config->timeout_ns / 1000000000);
        http->timeout.tv_usec = (suseconds_t)(config->timeout_ns % 1000000000 / 1000);
        TAILQ_INIT(&http->exchanges);
        http->listeners = calloc(config->listen->count, sizeof(*http->listeners));
    }
    if (http == NULL || http->listeners == NULL) {
        free(http);
        *out = NULL;
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; rc == 0 && i < config->listen->count; i++) {
        rc = http_listen(http, config->listen->items[i], err);
        http->listener_count++;
    }
    if (rc < 0) {
        http_close(http);
        *out = NULL;
    }
    return rc;
}

int http_routes(struct http *http, const struct http_route *routes, void *arg)
{
    if (http->table_count == HTTP_TABLES) {
        return -ENOSPC;
    }
    http->tables[http->table_count].routes = routes;
    http->tables[http->table_count].arg = arg;
    http->table_count++;
    return 0;
}

void http_close(struct http *http)
{
    struct http_exchange *next;

    for (struct http_exchange *x = TAILQ_FIRST(&http->exchanges); x != NULL; x = next) {
        next = TAILQ_NEXT(x, link);
        evhttp_connection_set_closecb(evhttp_request_get_connection(x->req), NULL, NULL);
        exchange_gone(x);
    }
    for (size_t i = 0; i < http->listener_count; i++) {
        if (http->listeners[i].server != NULL) {
            evhttp_free(http->listeners[i].server);
        }
        http_peeks_end(http->listeners[i].peeks);
        if (http->listeners[i].path != NULL) {
            (void)unlink(http->listeners[i].path);
        }
        free(http->listeners[i].path);
    }
    free(http->listeners);
    free(http);
}

void http_where(const struct http *http, size_t which, char where[HTTP_WHERE])
{
    const struct http_listener *l = &http->listeners[which];

    listen_where(evconnlistener_get_fd(l->listener), l->text, where, HTTP_WHERE);
}

uint64_t http_count(const struct http *http, unsigned status)
{
    return http->counts[status];
}
