// SPDX-License-Identifier: Apache-2.0
/*
 * A call of a tool: requests to the service (PROTOCOL.md), one after the other, and what they have
 * given. A call that is cancelled goes on without its caller until its run has ended and its own
 * session is closed.
 */
#ifndef PYHL_MCP_CALL_H
#define PYHL_MCP_CALL_H

#include "client.h"
#include "mcp_content.h"

struct event;
struct mcp_call;

/* The calls of a server. */
struct mcp_calls {
    struct service *service;
    struct event *turn; /* active: calls are to go on */
    TAILQ_HEAD(, mcp_call) list;
};

enum mcp_step_sort {
    MCP_STEP,      /* what it gives is in the call's answer */
    MCP_STEP_RUN,  /* code, whose output and records are content */
    MCP_STEP_OPEN, /* the session is the call's own from now on */
};

struct mcp_step {
    enum mcp_step_sort sort;
    bool always; /* also after a request that has failed */
    json_t *request;
    uint8_t *bytes; /* freed with the step; NULL: none */
    size_t size;
};

struct mcp_call_ops {
    /* The call has ended, and is freed after this. The result is taken; NULL: there was no memory
     * for it. */
    void (*over)(void *arg, json_t *result);
    /* Its code has written this. */
    void (*output)(void *arg, const void *bytes, size_t size);
};

struct mcp_call {
    struct client client;
    TAILQ_ENTRY(mcp_call) link;
    struct mcp_calls *calls;
    const struct mcp_call_ops *ops; /* NULL: it was cancelled */
    void *arg;
    char *owner;
    struct mcp_step *steps;
    size_t count, at;
    uint64_t id;      /* of the last request; the step's is step_id */
    uint64_t step_id; /* 0: its step has not begun */
    bool ready;       /* the next step can begin */
    bool stopped;     /* only steps follow that are done always */
    char *session;    /* of steps that name none; NULL: none */
    bool own_session; /* which the call has opened */
    bool lost;        /* it is over, by what the code has done */
    struct mcp_content content;
    json_t *arguments; /* of the tool */
    json_int_t number; /* the tool's, for its result */
    json_t *answer;    /* the members of the last step that is done */
    struct flow bytes; /* that steps have read; its out bytes alone are used */
    json_t *(*result)(struct mcp_call *call);
};

/* Returns false if there is no memory for it. */
bool mcp_calls_begin(struct mcp_calls *calls, struct service *service);
/* Drops all calls. */
void mcp_calls_end(struct mcp_calls *calls);

/* A call without steps; NULL: there is no memory for it. */
struct mcp_call *mcp_call_new(struct mcp_calls *calls, const char *owner, json_t *arguments);

/* Says in the result why there is no step to do. */
void mcp_call_refuse(struct mcp_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The session is the one of this name. */
void mcp_call_session(struct mcp_call *call, const char *session);

/* Adds a step, and takes its request and bytes. A call that lacks one ends as without memory. */
void mcp_call_step(struct mcp_call *call, const struct mcp_step *step);

/* Begins it. call.result makes the result from what the steps have given. No function of ops is
 * called before this returns. */
void mcp_call_start(struct mcp_call *call, const struct mcp_call_ops *ops, void *arg);

/* Ends it as soon as it can be. No function of its ops is called any more. */
void mcp_call_cancel(struct mcp_call *call);

/* Frees one that was not started. */
void mcp_call_free(struct mcp_call *call);

#endif
