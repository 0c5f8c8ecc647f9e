// SPDX-License-Identifier: Apache-2.0
/*
 * Each request is a client of the service, of its token's owner, with one number that no other has
 * while the server lives. So another request of that owner can name its run, to reply to a call or
 * to interrupt it. A client must not end inside of an event: runs that are over end a little later,
 * in api_sweep().
 */
#include "http_api.h"
#include "http_text.h"
#include "pyhl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_JSON   "application/json"
#define API_LINES  "application/x-ndjson"
#define API_UNREAD (1u << 20) /* of an answer that the client does not read: the run waits */

struct http_run {
    struct client client; /* first: an event knows it alone */
    TAILQ_ENTRY(http_run) link;
    struct http_api *api;
    struct http_exchange *x;  /* NULL: it is over */
    struct http_run *through; /* the run that it is about, whose client asks for it; or NULL */
    uint64_t id;
    bool lines;   /* its answer is all its events; else it is one of JSON */
    bool started; /* the answer has begun */
    int status;   /* of an answer that is no stream, when all went well */
    struct http_text out, err;
};

struct http_api {
    struct http *http;
    struct service *service;
    TAILQ_HEAD(, http_run) runs, over;
    uint64_t last;
    struct event *sweep;
};

/* --- the life of a run --- */

/* The answer is complete, or nobody wants it. */
static void run_over(struct http_run *r)
{
    const struct timeval now = {0};

    r->x = NULL;
    TAILQ_REMOVE(&r->api->runs, r, link);
    TAILQ_INSERT_TAIL(&r->api->over, r, link);
    (void)event_add(r->api->sweep, &now);
}

static void run_refuse(struct http_run *r, const char *type, const char *message)
{
    struct http_exchange *x = r->x;

    run_over(r);
    http_error(x, http_api_status(type), type, message);
}

/* http.h: the client of a run is gone, and so the run ends. */
static void run_gone(struct http_exchange *x, void *arg)
{
    (void)x;
    run_over(arg);
}

static void run_drained(struct http_exchange *x, void *arg)
{
    struct http_run *r = arg;

    (void)x;
    client_pause(&r->client, false);
}

static const struct http_events run_events = {.gone = run_gone, .drained = run_drained};

static struct http_run *run_find(const struct http_api *api, uint64_t id)
{
    struct http_run *r;

    TAILQ_FOREACH (r, &api->runs, link) {
        if (r->id == id) {
            return r;
        }
    }
    return NULL;
}

/* --- events --- */

static void run_start(struct http_run *r)
{
    char id[24];

    if (!r->started) {
        r->started = true;
        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)r->id);
        http_set_header(r->x, "Pyhl-Run", id);
        http_start(r->x, 200, API_LINES);
    }
}

/* One line of a stream, which is taken. The answer is cut where there is no memory for it. */
static void run_line(struct http_run *r, const char *event, json_t *line)
{
    char *text = NULL;

    if (line != NULL && json_object_set_new(line, "event", json_string(event)) == 0 &&
        json_object_set_new(line, "id", json_integer((json_int_t)r->id)) == 0) {
        text = json_dumps(line, JSON_COMPACT);
    }
    json_decref(line);
    if (text == NULL || !http_send(r->x, text, strlen(text)) || !http_send(r->x, "\n", 1)) {
        http_cut(r->x);
        run_over(r);
    } else if (http_unread(r->x) > API_UNREAD) {
        client_pause(&r->client, true);
    }
    free(text);
}

/* What a stream has written so far; `last`: no more comes. */
static void run_output(struct http_run *r, const char *event, const void *bytes, size_t size,
                       bool last)
{
    struct http_text *text = event[3] == 'o' ? &r->out : &r->err;
    json_t *line = http_text_put(text, bytes, size, last);

    if (json_object_size(line) > 0 || line == NULL) {
        run_line(r, event, line);
    } else {
        json_decref(line);
    }
}

static void run_event_line(struct http_run *r, const char *event, json_t *members,
                           const void *bytes, size_t size)
{
    const bool last = strcmp(event, "done") == 0 || strcmp(event, "failed") == 0;
    json_t *line;

    run_start(r);
    if (strcmp(event, "stdout") == 0 || strcmp(event, "stderr") == 0) {
        run_output(r, event, bytes, size, false);
        return;
    }
    if (last) {
        run_output(r, "stdout", NULL, 0, true);
    }
    if (last && r->x != NULL) {
        run_output(r, "stderr", NULL, 0, true);
    }
    if (r->x == NULL) {
        return;
    }
    line = members != NULL ? json_copy(members) : json_object();
    if (size > 0 && (line == NULL || !http_text_set(line, bytes, size))) {
        json_decref(line);
        line = NULL;
    }
    run_line(r, event, line);
    if (last && r->x != NULL) {
        struct http_exchange *x = r->x;

        run_over(r);
        http_end(x);
    }
}

/* client.h */
static void run_event(struct client *client, uint64_t id, const char *event, json_t *members,
                      const void *bytes, size_t size)
{
    struct http_run *r = (struct http_run *)client;

    r = id == r->id ? r : run_find(r->api, id);
    if (r == NULL || r->x == NULL) {
        return;
    }
    if (!r->started && strcmp(event, "failed") == 0) {
        run_refuse(r, json_string_value(json_object_get(members, "type")),
                   json_string_value(json_object_get(members, "message")));
    } else if (r->lines) {
        run_event_line(r, event, members, bytes, size);
    } else if (strcmp(event, "done") == 0) {
        struct http_exchange *x = r->x;

        run_over(r);
        if (r->status == 204) {
            http_answer(x, 204, NULL, NULL, 0);
        } else {
            http_json(x, r->status, members != NULL ? json_incref(members) : json_object());
        }
    }
}

static const struct client_ops run_ops = {.event = run_event};

/* --- the end of runs --- */

static void run_fail(struct http_run *r, const char *type, const char *message)
{
    json_t *members = json_pack("{s:s, s:s}", "type", type, "message", message);

    if (r->started) {
        run_event_line(r, "failed", members, NULL, 0);
    } else {
        run_refuse(r, type, message);
    }
    json_decref(members);
}

/* libevent: ends the clients of runs that are over. */
static void api_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http_api *api = arg;

    (void)fd;
    (void)what;
    while (!TAILQ_EMPTY(&api->over)) {
        struct http_run *r = TAILQ_FIRST(&api->over), *other, *next;

        client_end(&r->client);
        for (other = TAILQ_FIRST(&api->runs); other != NULL; other = next) {
            next = TAILQ_NEXT(other, link);
            if (other->through == r) {
                run_fail(other, "LookupError", "the run is over");
            }
        }
        TAILQ_REMOVE(&api->over, r, link);
        free(r);
    }
}

/* --- requests --- */

static struct http_run *run_new(struct http_api *api, struct http_exchange *x)
{
    struct http_run *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        http_error(x, 503, "OSError", "the server is out of memory");
        return NULL;
    }
    r->api = api;
    r->x = x;
    r->id = ++api->last;
    client_begin(&r->client, api->service, &run_ops, http_owner(x));
    TAILQ_INSERT_TAIL(&api->runs, r, link);
    http_later(x, &run_events, r);
    return r;
}

/* The run of another request that this one is about. Returns false if it names one that is not. */
static bool run_through(struct http_run *r, const json_t *request)
{
    const json_t *number = json_object_get(request, "run");
    struct http_run *other;

    if (!json_is_integer(number)) {
        return true;
    }
    other = run_find(r->api, (uint64_t)json_integer_value(number));
    if (other == NULL || strcmp(other->client.owner, r->client.owner) != 0) {
        run_refuse(r, "LookupError", "no such run is under way");
        return false;
    }
    r->through = other;
    return true;
}

/* Asks the service, and frees the request. */
static void run_ask(struct http_run *r, json_t *request, const void *bytes, size_t size)
{
    struct http_api *api = r->api;
    const uint64_t id = r->id;

    if (json_object_get(request, "id") != NULL) {
        run_refuse(r, "ValueError", "'id' is the server's to give");
    } else if (json_object_set_new(request, "id", json_integer((json_int_t)id)) < 0) {
        run_refuse(r, "OSError", "the server is out of memory");
    } else if (run_through(r, request)) {
        client_request(r->through != NULL ? &r->through->client : &r->client, request, bytes, size);
        r = run_find(api, id);
        if (r != NULL && strcmp(json_string_value(json_object_get(request, "op")), "reply") == 0) {
            run_event_line(r, "done", NULL, NULL, 0); /* the protocol has no answer to it */
        } else if (r != NULL && r->lines) {
            run_start(r);
        }
    }
    json_decref(request);
}

/* Asks for what is one answer of JSON. */
static void run_ask_plain(struct http_api *api, struct http_exchange *x, int status,
                          json_t *request)
{
    struct http_run *r = run_new(api, x);

    if (r == NULL) {
        json_decref(request);
        return;
    }
    r->status = status;
    run_ask(r, request, NULL, 0);
}

/* --- routes --- */

static void api_health(struct http_exchange *x, void *arg)
{
    (void)arg;
    http_json(x, 200, json_pack("{s:s, s:s}", "status", "ok", "pyhl", PYHL_VERSION));
}

/* POST /v1/run */
static void api_run(struct http_exchange *x, void *arg)
{
    json_t *request = http_body_json(x);
    json_t *code = json_incref(json_object_get(request, "code"));
    struct http_run *r;

    if (request == NULL) {
        return;
    }
    if (!json_is_string(code) || json_object_get(request, "op") != NULL) {
        http_error(x, 400, "ValueError", "'code' must be a string, and there is no 'op'");
    } else if ((r = run_new(arg, x)) != NULL) {
        r->lines = true;
        (void)json_object_del(request, "code");
        (void)json_object_set_new(request, "op", json_string("run"));
        run_ask(r, json_incref(request), json_string_value(code), json_string_length(code));
    }
    json_decref(code);
    json_decref(request);
}

/* POST /v1/requests: any request of the protocol. Its bytes are `text` or `base64`. */
static void api_request(struct http_exchange *x, void *arg)
{
    json_t *request = http_body_json(x);
    uint8_t *bytes = NULL;
    struct http_run *r;
    size_t size = 0;

    if (request == NULL) {
        return;
    }
    if (!json_is_string(json_object_get(request, "op"))) {
        http_error(x, 400, "ValueError", "'op' must be a string");
    } else if (!http_text_take(request, &bytes, &size)) {
        http_error(x, 400, "ValueError",
                   "'text' must be a string, or 'base64' base64, and not both");
    } else if ((r = run_new(arg, x)) != NULL) {
        r->lines = true;
        run_ask(r, json_incref(request), bytes, size);
    }
    free(bytes);
    json_decref(request);
}

/* POST /v1/sessions */
static void api_open(struct http_exchange *x, void *arg)
{
    size_t size;
    json_t *request;

    (void)http_body(x, &size);
    request = size > 0 ? http_body_json(x) : json_object();
    if (request == NULL) {
        return;
    }
    if (json_object_get(request, "op") != NULL) {
        http_error(x, 400, "ValueError", "unknown member 'op'");
        json_decref(request);
        return;
    }
    (void)json_object_set_new(request, "op", json_string("open"));
    run_ask_plain(arg, x, 201, request);
}

/* GET /v1/sessions */
static void api_sessions(struct http_exchange *x, void *arg)
{
    const struct http_api *api = arg;
    const struct session_vm *v;
    json_t *list = json_array();

    TAILQ_FOREACH (v, &api->service->sessions, link) {
        if (strcmp(v->owner, http_owner(x)) == 0) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:b}", "session", v->name, "running", v->running != NULL));
        }
    }
    http_json(x, 200, json_pack("{s:o}", "sessions", list));
}

/* DELETE /v1/sessions/NAME */
static void api_close(struct http_exchange *x, void *arg)
{
    json_t *request = json_pack("{s:s, s:s}", "op", "close", "session", http_rest(x));

    if (request == NULL) {
        http_error(x, 404, "LookupError", "there is no such session");
        return;
    }
    run_ask_plain(arg, x, 204, request);
}

static const struct http_route api_routes[] = {
    {.method = "GET", .path = "/health", .open = true, .answer = api_health},
    {.method = "POST", .path = "/v1/run", .answer = api_run},
    {.method = "POST", .path = "/v1/requests", .answer = api_request},
    {.method = "POST", .path = "/v1/sessions", .answer = api_open},
    {.method = "GET", .path = "/v1/sessions", .answer = api_sessions},
    {.method = "DELETE", .path = "/v1/sessions/*", .answer = api_close},
    {.method = NULL},
};

int http_api_status(const char *type)
{
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"ProtocolError", 400},     {"ValueError", 400},      {"LookupError", 404},
        {"FileNotFoundError", 404}, {"PermissionError", 403}, {"Busy", 429},
        {"Cancelled", 409},
    };

    for (size_t i = 0; type != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].type, type) == 0) {
            return rows[i].status;
        }
    }
    return 500;
}

int http_api_begin(struct http *http, struct service *service, struct http_api **out,
                   struct vmm_err *err)
{
    struct http_api *api = calloc(1, sizeof(*api));

    *out = api;
    if (api != NULL) {
        api->http = http;
        api->service = service;
        TAILQ_INIT(&api->runs);
        TAILQ_INIT(&api->over);
        api->sweep = evtimer_new(service->base, api_sweep, api);
    }
    if (api == NULL || api->sweep == NULL || http_routes(http, api_routes, api) < 0) {
        http_api_end(api);
        *out = NULL;
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

void http_api_end(struct http_api *api)
{
    if (api == NULL) {
        return;
    }
    if (api->sweep != NULL) {
        api_sweep(-1, 0, api);
        event_free(api->sweep);
    }
    free(api);
}
