// SPDX-License-Identifier: Apache-2.0
/*
 * What a call of a tool has given so far: items of text, images and other data in the order in
 * which they came, and the same in parts, for programs. Output and records come from a guest, who
 * may send anything.
 */
#ifndef PYHL_MCP_CONTENT_H
#define PYHL_MCP_CONTENT_H

#include "flow.h"

#include <jansson.h>

struct mcp_content {
    json_t *items;
    struct flow text; /* of an item that goes on; its out bytes alone are used, as those below */
    struct flow out, err; /* all of the standard output, and of the standard error */
    json_t *result;       /* the value of the last expression, as text; NULL: none */
    json_t *error;        /* the exception; NULL: none */
    json_t *limit;        /* what has ended the run; NULL: nothing has */
    size_t resources;
    bool after_value; /* the text ends with a value, which is a line */
    bool failed;      /* the code has failed, or the call */
    bool broken;      /* there was no memory for a part of it */
};

void mcp_content_begin(struct mcp_content *content);
void mcp_content_end(struct mcp_content *content);

void mcp_content_output(struct mcp_content *content, bool err, const void *bytes, size_t size);
void mcp_content_record(struct mcp_content *content, const char *kind, const void *bytes,
                        size_t size);

/* A run has ended: the members of its "done". Returns whether its session, if it has one, goes on.
 */
bool mcp_content_done(struct mcp_content *content, const json_t *members);

/* Text of the server's own, in lines of its own. */
void mcp_content_say(struct mcp_content *content, const char *text);

/* Takes an item. */
void mcp_content_item(struct mcp_content *content, json_t *item);

/* Bytes of a file: text, an image, or a resource of the name that the path has. */
void mcp_content_file(struct mcp_content *content, const char *path, const void *bytes,
                      size_t size);

/* The parts of a run, for programs. */
json_t *mcp_content_parts(const struct mcp_content *content, const char *session);

/* The result of a call. It takes parts, which may be NULL. NULL: there was no memory for it. */
json_t *mcp_content_answer(struct mcp_content *content, json_t *parts);

#endif
