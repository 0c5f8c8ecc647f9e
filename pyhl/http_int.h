// SPDX-License-Identifier: Apache-2.0
/*
 * What http.c, which listens and decides who may ask, and http_exchange.c, which has an exchange
 * from the request to the end of its answer, know of each other.
 */
#ifndef PYHL_HTTP_INT_H
#define PYHL_HTTP_INT_H

#include "http.h"

#include <event2/http.h>
#include <sys/queue.h>

#define HTTP_TABLES 8u

struct http_listener {
    struct http *http;
    struct evhttp *server;
    struct evconnlistener *listener;
    const char *text;         /* the address as it was given */
    struct http_peeks *peeks; /* NULL: the socket is for this user alone */
    char *path;               /* of the socket's file; NULL: there is none */
    bool local;               /* nobody but this user can connect: no token is asked for */
};

struct http {
    struct http_config config;
    struct timeval timeout;
    struct http_listener *listeners;
    size_t listener_count;
    struct {
        const struct http_route *routes;
        void *arg;
    } tables[HTTP_TABLES];
    size_t table_count;
    TAILQ_HEAD(, http_exchange) exchanges;
    struct http_exchange *fresh; /* the exchange whose route is being asked; NULL: it is over */
    uint64_t counts[HTTP_STATUSES];
};

struct http_exchange {
    TAILQ_ENTRY(http_exchange) link;
    struct http_listener *listener;
    struct evhttp_request *req;
    const char *owner, *rest;
    const struct http_events *events;
    void *arg;
};

/* http_exchange.c: a request that has come; NULL: there is no memory, which has been answered. */
struct http_exchange *exchange_new(struct http_listener *listener, struct evhttp_request *req);

/* Has the end of the connection noticed before the answer begins. */
void exchange_watch(const struct http_exchange *x);

/* The end of an exchange whose answer is not complete; the request is the caller's. */
void exchange_gone(struct http_exchange *x);

/* The method as HTTP writes it; "": it is none that is taken. */
const char *exchange_method(const struct http_exchange *x);

#endif
