// SPDX-License-Identifier: Apache-2.0
/*
 * evhttp frees a request by itself, but for one whose connection ends while it is answered: that
 * one is ours.
 */
#include "http_int.h"
#include "request.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PIPELINED 65536 /* bytes of further requests that are read during an answer */

/* --- the life of an exchange --- */

static struct evhttp_connection *exchange_connection(const struct http_exchange *x)
{
    return evhttp_request_get_connection(x->req);
}

/* Its answer is complete; what is left of the request is evhttp's. */
static void exchange_over(struct http_exchange *x)
{
    struct http *http = x->listener->http;

    evhttp_connection_set_closecb(exchange_connection(x), NULL, NULL);
    TAILQ_REMOVE(&http->exchanges, x, link);
    http->fresh = http->fresh == x ? NULL : http->fresh;
    free(x);
}

void exchange_gone(struct http_exchange *x)
{
    struct http *http = x->listener->http;

    if (x->events != NULL) {
        x->events->gone(x, x->arg);
    }
    TAILQ_REMOVE(&http->exchanges, x, link);
    http->fresh = http->fresh == x ? NULL : http->fresh;
    free(x);
}

/* evhttp: the connection ends before the answer does. */
static void exchange_closed(struct evhttp_connection *connection, void *arg)
{
    struct http_exchange *x = arg;
    struct evhttp_request *req = x->req;

    (void)connection;
    exchange_gone(x);
    if (evhttp_request_get_connection(req) == NULL) {
        evhttp_request_free(req);
    }
}

/* evhttp: the answer was sent, and the next request may come. */
static void exchange_sent(struct evhttp_request *req, void *arg)
{
    const struct http_listener *listener = arg;
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));

    bufferevent_setwatermark(bev, EV_READ, 0, 0);
    bufferevent_set_timeouts(bev, &listener->http->timeout, &listener->http->timeout);
}

/* While an answer is made nothing is expected from the client but its end, for however long. */
struct http_exchange *exchange_new(struct http_listener *listener, struct evhttp_request *req)
{
    struct http_exchange *x = calloc(1, sizeof(*x));
    struct evhttp_connection *connection = evhttp_request_get_connection(req);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);

    if (x == NULL) {
        evhttp_send_error(req, 503, NULL);
        return NULL;
    }
    x->listener = listener;
    x->req = req;
    TAILQ_INSERT_TAIL(&listener->http->exchanges, x, link);
    bufferevent_setwatermark(bev, EV_READ, 0, HTTP_PIPELINED);
    bufferevent_set_timeouts(bev, NULL, &listener->http->timeout);
    evhttp_request_set_on_complete_cb(req, exchange_sent, listener);
    evhttp_connection_set_closecb(connection, exchange_closed, x);
    return x;
}

/* evhttp looks for the end of a connection once an answer has begun; this does so before. */
void exchange_watch(const struct http_exchange *x)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(exchange_connection(x));
    bufferevent_data_cb read_cb, write_cb;
    bufferevent_event_cb event_cb;
    void *arg;

    bufferevent_getcb(bev, &read_cb, &write_cb, &event_cb, &arg);
    bufferevent_setcb(bev, NULL, write_cb, event_cb, arg);
    (void)bufferevent_enable(bev, EV_READ);
}

const char *exchange_method(const struct http_exchange *x)
{
    switch (evhttp_request_get_command(x->req)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    default:
        return "";
    }
}

/* --- the request --- */

const char *http_owner(const struct http_exchange *x)
{
    return x->owner;
}

const char *http_path(const struct http_exchange *x)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->req);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

    return path != NULL ? path : "";
}

const char *http_rest(const struct http_exchange *x)
{
    return x->rest;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(x->req), name);
}

const uint8_t *http_body(const struct http_exchange *x, size_t *size)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(x->req);
    const uint8_t *bytes = evbuffer_pullup(body, -1);

    *size = bytes != NULL ? evbuffer_get_length(body) : 0;
    return bytes != NULL ? bytes : (const uint8_t *)"";
}

json_t *http_body_json(struct http_exchange *x)
{
    struct request_error error = {.type = NULL};
    size_t size;
    const uint8_t *bytes = http_body(x, &size);
    json_t *value = request_parse(bytes, size, &error);

    if (value == NULL) {
        http_error(x, 400, error.type, error.text);
    }
    return value;
}

/* --- the answer --- */

void http_set_header(struct http_exchange *x, const char *name, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(x->req), name, value);
}

/* Counts an answer, and gives it the headers that all have. */
static void exchange_head(struct http_exchange *x, int status, const char *type)
{
    x->listener->http->counts[(unsigned)status % HTTP_STATUSES]++;
    if (type != NULL) {
        http_set_header(x, "Content-Type", type);
    }
    http_set_header(x, "Cache-Control", "no-store");
    http_set_header(x, "X-Content-Type-Options", "nosniff");
}

void http_answer(struct http_exchange *x, int status, const char *type, const void *bytes,
                 size_t size)
{
    struct evbuffer *body = evbuffer_new();
    struct evhttp_request *req = x->req;

    exchange_head(x, status, type);
    if (body == NULL || evbuffer_add(body, bytes, size) < 0) {
        status = 503;
    }
    exchange_over(x);
    evhttp_send_reply(req, status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

void http_json(struct http_exchange *x, int status, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;

    json_decref(value);
    http_answer(x, text != NULL ? status : 503, "application/json", text != NULL ? text : "",
                text != NULL ? strlen(text) : 0);
    free(text);
}

void http_error(struct http_exchange *x, int status, const char *type, const char *message)
{
    if (status == 429 || status == 503) {
        http_set_header(x, "Retry-After", "1");
    }
    http_json(x, status, json_pack("{s:{s:s, s:s}}", "error", "type", type, "message", message));
}

void http_later(struct http_exchange *x, const struct http_events *events, void *arg)
{
    x->events = events;
    x->arg = arg;
}

/* evhttp: the client has read what was sent. */
static void exchange_drained(struct evhttp_connection *connection, void *arg)
{
    struct http_exchange *x = arg;

    (void)connection;
    if (x->events != NULL && x->events->drained != NULL) {
        x->events->drained(x, x->arg);
    }
}

void http_start(struct http_exchange *x, int status, const char *type)
{
    exchange_head(x, status, type);
    evhttp_send_reply_start(x->req, status, NULL);
}

bool http_send(struct http_exchange *x, const void *bytes, size_t size)
{
    struct evbuffer *piece = evbuffer_new();
    const bool good = piece != NULL && evbuffer_add(piece, bytes, size) == 0;

    if (good && size > 0) {
        evhttp_send_reply_chunk_with_cb(x->req, piece, exchange_drained, x);
    }
    if (piece != NULL) {
        evbuffer_free(piece);
    }
    return good;
}

size_t http_unread(const struct http_exchange *x)
{
    return evbuffer_get_length(
        bufferevent_get_output(evhttp_connection_get_bufferevent(exchange_connection(x))));
}

void http_end(struct http_exchange *x)
{
    struct evhttp_request *req = x->req;

    exchange_over(x);
    evhttp_send_reply_end(req);
}

void http_cut(struct http_exchange *x)
{
    struct evhttp_connection *connection = exchange_connection(x);

    exchange_over(x);
    evhttp_connection_free(connection);
}
