// SPDX-License-Identifier: Apache-2.0
/*
 * A server of HTTP/1.1 on libevent's evhttp: listening sockets, who may ask, which function answers
 * a path, and answers in one piece or as a stream. It knows nothing of what is answered. All of it
 * runs in the thread of its event_base.
 */
#ifndef PYHL_HTTP_H
#define PYHL_HTTP_H

#include "http_tokens.h"
#include "listen.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY (64u << 20) /* bytes of a request's body, at most */

/* The owner of what comes over a unix socket without a token. */
#define HTTP_LOCAL "local"

struct http;          /* the server */
struct http_exchange; /* a request and its answer */

/* One row of a table that ends with a method of NULL. */
struct http_route {
    const char *method; /* as HTTP writes it */
    const char *path;   /* one that ends in `*` stands for every longer one that begins so */
    bool open;          /* it asks for no token */
    /* Answers now or later. The exchange is over after http_answer(), http_json(), http_error(),
     * http_end(), http_cut(), or http_events.gone. */
    void (*answer)(struct http_exchange *x, void *arg);
};

struct http_config {
    struct event_base *base;
    const struct http_tokens *tokens;
    const struct opt_list *listen; /* as listen.h takes them */
    const struct opt_list *hosts;  /* further values of Host and Origin that are ours */
    uint64_t timeout_ns;           /* how long a connection may neither bring nor take anything */
};

/* What becomes of an exchange that is answered later. */
struct http_events {
    /* The client has gone away, or the server ends. The exchange is no more after that. */
    void (*gone)(struct http_exchange *x, void *arg);
    /* The client has read all that was sent. May be NULL. */
    void (*drained)(struct http_exchange *x, void *arg);
};

/* Listens. Returns 0 or, with *err, -errno. */
int http_open(struct http **out, const struct http_config *config, struct vmm_err *err);
/* Adds a table, which must stay; arg is its functions'. */
int http_routes(struct http *http, const struct http_route *routes, void *arg);
#define HTTP_WHERE 160u
/* Where the socket of an address listens: `http://HOST:PORT`, or as it was given. */
void http_where(const struct http *http, size_t which, char where[HTTP_WHERE]);
/* Ends all exchanges, and all connections; a unix socket's file is removed. */
void http_close(struct http *http);

/* --- the request; all of it is valid as long as the exchange is --- */

const char *http_owner(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);
/* What `*` of the route stands for. */
const char *http_rest(const struct http_exchange *x);
const char *http_header(const struct http_exchange *x, const char *name); /* NULL: there is none */
const uint8_t *http_body(const struct http_exchange *x, size_t *size);
/* The body as a JSON object, which json_decref() frees; NULL: it is none, which has been answered.
 */
json_t *http_body_json(struct http_exchange *x);

/* --- the answer --- */

/* A header of the answer, before it begins. */
void http_set_header(struct http_exchange *x, const char *name, const char *value);
/* A whole answer. */
void http_answer(struct http_exchange *x, int status, const char *type, const void *bytes,
                 size_t size);
/* The same in JSON; the value is taken. */
void http_json(struct http_exchange *x, int status, json_t *value);
/* {"error": {"type", "message"}}. One of 429 and 503 says when to try again. */
void http_error(struct http_exchange *x, int status, const char *type, const char *message);

/* The answer comes later, or in pieces. events must stay. */
void http_later(struct http_exchange *x, const struct http_events *events, void *arg);
void http_start(struct http_exchange *x, int status, const char *type);
/* Returns false if there was no memory for it. */
bool http_send(struct http_exchange *x, const void *bytes, size_t size);
/* How much was sent, and not read by the client; with what the kernel holds it is more. */
size_t http_unread(const struct http_exchange *x);
void http_end(struct http_exchange *x);
/* Closes the connection, so that the client sees that the answer is not complete. */
void http_cut(struct http_exchange *x);

/* --- counts, for metrics --- */

#define HTTP_STATUSES 600u

/* How many answers there were with a status; those that evhttp gives itself are not counted. */
uint64_t http_count(const struct http *http, unsigned status);

#endif
