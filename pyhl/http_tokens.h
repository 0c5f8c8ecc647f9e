// SPDX-License-Identifier: Apache-2.0
/*
 * Who may ask: tokens, each of an owner. Sessions, limits and the log know owners, never tokens.
 */
#ifndef PYHL_HTTP_TOKENS_H
#define PYHL_HTTP_TOKENS_H

#include "owners.h"

#define HTTP_TOKEN_MIN 16u
#define HTTP_TOKEN_MAX 128u

struct http_token {
    char token[HTTP_TOKEN_MAX]; /* the rest is 0, and all of it is compared */
    const char *owner;          /* its name */
};

struct http_tokens {
    struct http_token *list;
    size_t count;
};

/* Adds those of a file, and their owners to the list: a line `TOKEN [name=OWNER] [LIMIT]...` each,
 * with limits as owner_limit_parse() takes them. Two tokens may have one owner; its limits stand in
 * the first line. Returns 0 or, with *err, -errno. */
int http_tokens_read(struct http_tokens *tokens, const char *path, struct owner_list *owners,
                     struct vmm_err *err);

/* Adds one that came from `where`. */
int http_tokens_add(struct http_tokens *tokens, const char *where, const char *token,
                    const char *owner, struct vmm_err *err);

/* The token that is presented, of so many bytes; NULL if it is none. The time that this takes does
 * not depend on the bytes. */
const struct http_token *http_tokens_find(const struct http_tokens *tokens, const char *text,
                                          size_t size);

void http_tokens_free(struct http_tokens *tokens);

#endif
