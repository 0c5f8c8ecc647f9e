// SPDX-License-Identifier: Apache-2.0
/*
 * The Model Context Protocol: a message of JSON-RPC comes, and messages go. It speaks the revision
 * 2026-07-28, in which each request stands for itself, and those from 2024-11-05 on that begin with
 * "initialize". It knows no transport: a peer is whoever a transport takes messages from.
 */
#ifndef PYHL_MCP_H
#define PYHL_MCP_H

#include "mcp_tools.h"

#define MCP_MESSAGE (16u << 20) /* bytes of a message, at most */

/* Codes of errors. */
enum mcp_code {
    MCP_NO_ERROR = 0,
    MCP_PARSE = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_NO_METHOD = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL = -32603,
    MCP_HEADERS = -32020,    /* they contradict the message */
    MCP_CAPABILITY = -32021, /* the client has not declared one that is needed */
    MCP_VERSION = -32022,    /* a revision that the server does not speak */
};

enum mcp_revision {
    MCP_2024_11_05,
    MCP_2025_03_26,
    MCP_2025_06_18,
    MCP_2025_11_25,
    MCP_2026_07_28,
    MCP_REVISIONS,
};

struct mcp_peer;

struct mcp_peer_ops {
    /* A notification that belongs to a request under way. */
    void (*notify)(struct mcp_peer *peer, const json_t *message);
    /* The answer to a request, or what was wrong with a message. */
    void (*answer)(struct mcp_peer *peer, const json_t *message, enum mcp_code code);
};

struct mcp_peer {
    const struct mcp_peer_ops *ops;
    struct mcp_tools *tools;
    const char *owner;          /* of its sessions; it must outlive the peer */
    enum mcp_revision revision; /* of messages that name none */
    bool modern;                /* the last message was of a revision that has no handshake */
    bool failed;                /* there was no memory for an answer */
    TAILQ_HEAD(mcp_requests, mcp_request) requests; /* under way */
};

/* What a transport says of a message beside it; all of it may be NULL. */
struct mcp_headers {
    bool used; /* the transport has headers, and those that a revision wants must be there */
    const char *version, *method, *name;
};

void mcp_peer_begin(struct mcp_peer *peer, struct mcp_tools *tools, const struct mcp_peer_ops *ops,
                    const char *owner);

/* Takes a message. What becomes of it are calls of ops, of which some may come before this returns.
 * Returns whether it was a request; there is no answer to another one, unless something was wrong
 * with it. */
bool mcp_message(struct mcp_peer *peer, const void *text, size_t size,
                 const struct mcp_headers *headers);

/* What came was no message, as one that is too large. */
void mcp_no_message(struct mcp_peer *peer, enum mcp_code code, const char *why);

/* Cancels its requests. No function of its ops is called any more. */
void mcp_peer_end(struct mcp_peer *peer);

#endif
