// SPDX-License-Identifier: Apache-2.0
/*
 * evhttp reads the body of a request before anybody is asked who sends it. So a connection may only
 * send small bodies, until a header with a token has come by: that is seen here, on its way in.
 * Whether a request is allowed is decided later, by the request's own headers.
 */
#ifndef PYHL_HTTP_PEEK_H
#define PYHL_HTTP_PEEK_H

#include "http_tokens.h"

#include <event2/http.h>

#define HTTP_BODY_UNKNOWN 65536 /* bytes of a body before a token is known */

struct http_peeks;

/* The connections of a server: `most` bytes are allowed after one of the tokens, which must stay.
 * NULL without memory. */
struct http_peeks *http_peeks_begin(struct evhttp *server, const struct http_tokens *tokens,
                                    size_t most);

/* After evhttp_free(). NULL is allowed. */
void http_peeks_end(struct http_peeks *peeks);

#endif
