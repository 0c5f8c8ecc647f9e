// SPDX-License-Identifier: Apache-2.0
/*
 * An event must not ask the service for more, so a step that is done only says so, and the next one
 * begins in a turn of the event loop of its own.
 */
#include "mcp_call.h"
#include "service.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- steps --- */

void mcp_call_step(struct mcp_call *call, const struct mcp_step *step)
{
    struct mcp_step *steps = NULL;

    if (step->request != NULL) {
        steps = realloc(call->steps, (call->count + 1) * sizeof(*steps));
    }
    if (steps == NULL) {
        json_decref(step->request);
        free(step->bytes);
        call->content.broken = true;
        return;
    }
    call->steps = steps;
    steps[call->count++] = *step;
}

static void step_free(struct mcp_step *step)
{
    json_decref(step->request);
    free(step->bytes);
    *step = (struct mcp_step){0};
}

/* The step that the call is at is over, or is left out. */
static void step_over(struct mcp_call *call)
{
    call->step_id = 0;
    call->at++;
    call->ready = true;
    event_active(call->calls->turn, 0, 0);
}

static bool step_is_left_out(const struct mcp_call *call, const struct mcp_step *step)
{
    const char *op = json_string_value(json_object_get(step->request, "op"));

    if (op != NULL && strcmp(op, "close") == 0 && call->own_session) {
        return call->session == NULL || call->lost;
    }
    return (call->stopped || call->content.broken) && !step->always;
}

static void step_begin(struct mcp_call *call, struct mcp_step *step)
{
    struct mcp_step taken = *step;

    *step = (struct mcp_step){.sort = taken.sort, .always = taken.always};
    call->step_id = ++call->id;
    call->ready = false;
    if ((call->session != NULL && taken.sort != MCP_STEP_OPEN &&
         json_object_get(taken.request, "session") == NULL &&
         json_object_set_new(taken.request, "session", json_string(call->session)) < 0) ||
        json_object_set_new(taken.request, "id", json_integer((json_int_t)call->step_id)) < 0) {
        call->content.broken = true;
        step_over(call);
    } else {
        client_request(&call->client, taken.request, taken.bytes, taken.size);
    }
    step_free(&taken);
}

/* --- events --- */

static void step_done(struct mcp_call *call, json_t *members)
{
    const enum mcp_step_sort sort = call->steps[call->at].sort;
    const char *session = json_string_value(json_object_get(members, "session"));

    if (sort == MCP_STEP_RUN) {
        call->lost = !mcp_content_done(&call->content, members) && call->session != NULL;
    } else if (sort == MCP_STEP_OPEN && session != NULL) {
        call->session = strdup(session);
        call->own_session = true;
        call->content.broken = call->content.broken || call->session == NULL;
    }
    json_decref(call->answer);
    call->answer = members != NULL ? json_deep_copy(members) : NULL;
    step_over(call);
}

static void step_failed(struct mcp_call *call, const json_t *members)
{
    const char *type = json_string_value(json_object_get(members, "type"));
    const char *message = json_string_value(json_object_get(members, "message"));
    char text[600];

    if (!call->steps[call->at].always) {
        (void)snprintf(text, sizeof(text), "%s: %s", type != NULL ? type : "",
                       message != NULL ? message : "");
        mcp_content_say(&call->content, text);
        call->content.failed = call->stopped = true;
        call->lost = call->lost || (type != NULL && strcmp(type, "WorkerDied") == 0);
    }
    step_over(call);
}

static void call_event(struct client *client, uint64_t id, const char *event, json_t *members,
                       const void *bytes, size_t size)
{
    struct mcp_call *call = (struct mcp_call *)client;
    const char *kind = json_string_value(json_object_get(members, "kind"));
    const bool err = strcmp(event, "stderr") == 0;

    if (id != call->step_id || id == 0) {
        return; /* the answer to a cancel */
    }
    if (strcmp(event, "done") == 0) {
        step_done(call, members);
    } else if (strcmp(event, "failed") == 0) {
        step_failed(call, members);
    } else if (call->ops == NULL) {
        return; /* nobody wants to know */
    } else if (call->steps[call->at].sort != MCP_STEP_RUN) {
        if (kind != NULL && strcmp(kind, "content") == 0) {
            call->content.broken = call->content.broken || flow_put(&call->bytes, bytes, size) < 0;
        }
    } else if (err || strcmp(event, "stdout") == 0) {
        mcp_content_output(&call->content, err, bytes, size);
        call->ops->output(call->arg, bytes, size);
    } else if (strcmp(event, "record") == 0 && kind != NULL) {
        mcp_content_record(&call->content, kind, bytes, size);
    }
}

static const struct client_ops call_client_ops = {.event = call_event};

/* --- calls --- */

struct mcp_call *mcp_call_new(struct mcp_calls *calls, const char *owner, json_t *arguments)
{
    struct mcp_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    mcp_content_begin(&call->content);
    call->calls = calls;
    call->arguments = json_incref(arguments);
    call->owner = strdup(owner);
    call->content.broken = call->content.broken || call->owner == NULL;
    return call;
}

void mcp_call_session(struct mcp_call *call, const char *session)
{
    call->session = strdup(session);
    call->content.broken = call->content.broken || call->session == NULL;
}

void mcp_call_refuse(struct mcp_call *call, const char *format, ...)
{
    char text[400];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    mcp_content_say(&call->content, text);
    call->content.failed = call->stopped = true;
}

void mcp_call_free(struct mcp_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        step_free(&call->steps[i]);
    }
    mcp_content_end(&call->content);
    flow_free(&call->bytes);
    json_decref(call->arguments);
    json_decref(call->answer);
    free(call->steps);
    free(call->session);
    free(call->owner);
    free(call);
}

static void call_drop(struct mcp_call *call)
{
    TAILQ_REMOVE(&call->calls->list, call, link);
    client_end(&call->client);
    mcp_call_free(call);
}

static void call_over(struct mcp_call *call)
{
    const struct mcp_call_ops *ops = call->ops;
    void *arg = call->arg;
    json_t *result = NULL;

    if (ops != NULL) {
        if (call->lost && !call->own_session) {
            mcp_content_say(&call->content, "The session is over.");
        }
        call->content.broken = call->content.broken || call->client.failed;
        result = call->content.broken ? NULL : call->result(call);
    }
    call_drop(call);
    if (ops != NULL) {
        ops->over(arg, result);
    }
}

static void call_go_on(struct mcp_call *call)
{
    while (call->at < call->count && step_is_left_out(call, &call->steps[call->at])) {
        call->at++;
    }
    if (call->at < call->count) {
        step_begin(call, &call->steps[call->at]);
    } else {
        call_over(call);
    }
}

void mcp_call_start(struct mcp_call *call, const struct mcp_call_ops *ops, void *arg)
{
    call->ops = ops;
    call->arg = arg;
    client_begin(&call->client, call->calls->service, &call_client_ops,
                 call->owner != NULL ? call->owner : "");
    TAILQ_INSERT_TAIL(&call->calls->list, call, link);
    call->ready = true;
    event_active(call->calls->turn, 0, 0);
}

/* The end of the client interrupts a run of a session, so that the session stays. What has a
 * session of its own still has to close it. */
void mcp_call_cancel(struct mcp_call *call)
{
    json_t *request;

    if (call->session != NULL && !call->own_session) {
        call_drop(call);
        return;
    }
    call->ops = NULL;
    call->stopped = true;
    if (call->step_id == 0) {
        return;
    }
    request = json_pack("{s:I, s:s, s:I}", "id", (json_int_t)++call->id, "op", "cancel", "run",
                        (json_int_t)call->step_id);
    if (request != NULL) {
        client_request(&call->client, request, NULL, 0);
    }
    json_decref(request);
}

/* --- all calls --- */

/* A call that can go on. The function that is told of the end of one may cancel others. */
static struct mcp_call *calls_next(const struct mcp_calls *calls)
{
    struct mcp_call *call;

    TAILQ_FOREACH (call, &calls->list, link) {
        if (call->ready) {
            break;
        }
    }
    return call;
}

static void calls_turn(evutil_socket_t fd, short what, void *arg)
{
    struct mcp_call *call;

    (void)fd, (void)what;
    while ((call = calls_next(arg)) != NULL) {
        call_go_on(call);
    }
}

bool mcp_calls_begin(struct mcp_calls *calls, struct service *service)
{
    *calls = (struct mcp_calls){.service = service};
    TAILQ_INIT(&calls->list);
    calls->turn = event_new(service->base, -1, 0, calls_turn, calls);
    return calls->turn != NULL;
}

void mcp_calls_end(struct mcp_calls *calls)
{
    struct mcp_call *next;

    for (struct mcp_call *call = TAILQ_FIRST(&calls->list); call != NULL; call = next) {
        next = TAILQ_NEXT(call, link);
        call_drop(call);
    }
    if (calls->turn != NULL) {
        event_free(calls->turn);
    }
}
