// SPDX-License-Identifier: Apache-2.0
/*
 * evhttp tells nobody that a connection has ended before it has asked for something. What is kept
 * for one is found again by the address of its bufferevent, when a later connection gets that
 * address: there are as many as there were connections at a time.
 */
#include "http_peek.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PEEK_BYTES 32768 /* of what has come and was not read yet: as much as all headers */

struct peek {
    const struct bufferevent *bev; /* the key */
    struct http_peeks *peeks;
    struct evbuffer_cb_entry *entry;
};

struct http_peeks {
    const struct http_tokens *tokens;
    size_t most;
    void *tree; /* of struct peek, for tsearch(3) */
};

static int peek_compare(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const struct peek *)a)->bev;
    const uintptr_t y = (uintptr_t)((const struct peek *)b)->bev;

    return x < y ? -1 : x > y;
}

/* Whether a line is a header with a token; it ends with its newline. */
static bool peek_line(const struct http_tokens *tokens, const char *line, size_t size)
{
    static const char *const names[] = {"Authorization:", "X-API-Key:"};
    static const char bearer[] = "Bearer ";

    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) {
        size--;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t at = strlen(names[i]);

        if (size < at || strncasecmp(line, names[i], at) != 0) {
            continue;
        }
        while (at < size && line[at] == ' ') {
            at++;
        }
        if (i == 0 && size - at > strlen(bearer) &&
            strncasecmp(line + at, bearer, strlen(bearer)) == 0) {
            at += strlen(bearer);
        }
        return http_tokens_find(tokens, line + at, size - at) != NULL;
    }
    return false;
}

static bool peek_text(const struct http_tokens *tokens, const char *text, size_t size)
{
    const char *end;

    while ((end = memchr(text, '\n', size)) != NULL) {
        if (peek_line(tokens, text, (size_t)(end + 1 - text))) {
            return true;
        }
        size -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    return false;
}

/* libevent: bytes have come, which evhttp is about to read. */
static void peek_added(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct peek *peek = arg;
    char text[PEEK_BYTES];
    const ev_ssize_t size = info->n_added > 0 ? evbuffer_copyout(input, text, sizeof(text)) : 0;
    bufferevent_data_cb read_cb, write_cb;
    bufferevent_event_cb event_cb;
    void *connection;

    if (size <= 0 || !peek_text(peek->peeks->tokens, text, (size_t)size)) {
        return;
    }
    /* The argument of evhttp's own functions is the connection, whatever they are by now. */
    bufferevent_getcb((struct bufferevent *)(uintptr_t)peek->bev, &read_cb, &write_cb, &event_cb,
                      &connection);
    evhttp_connection_set_max_body_size(connection, (ev_ssize_t)peek->peeks->most);
    (void)evbuffer_remove_cb_entry(input, peek->entry);
}

/* evhttp: a connection begins. */
static struct bufferevent *peek_begin(struct event_base *base, void *arg)
{
    struct http_peeks *peeks = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
    struct peek *fresh = calloc(1, sizeof(*fresh)), *peek = fresh;
    struct peek **found = NULL;

    if (bev != NULL && fresh != NULL) {
        *fresh = (struct peek){.bev = bev, .peeks = peeks};
        found = tsearch(fresh, &peeks->tree, peek_compare);
    }
    if (found != NULL) {
        peek = *found;
        peek->entry = evbuffer_add_cb(bufferevent_get_input(bev), peek_added, peek);
    }
    if (found == NULL || peek != fresh) {
        free(fresh);
    }
    return bev; /* without memory its bodies stay small */
}

struct http_peeks *http_peeks_begin(struct evhttp *server, const struct http_tokens *tokens,
                                    size_t most)
{
    struct http_peeks *peeks = calloc(1, sizeof(*peeks));

    if (peeks != NULL) {
        peeks->tokens = tokens;
        peeks->most = most;
        evhttp_set_max_body_size(server, HTTP_BODY_UNKNOWN);
        evhttp_set_bevcb(server, peek_begin, peeks);
    }
    return peeks;
}

void http_peeks_end(struct http_peeks *peeks)
{
    if (peeks != NULL) {
        tdestroy(peeks->tree, free);
    }
    free(peeks);
}
