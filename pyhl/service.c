// SPDX-License-Identifier: Apache-2.0
#include "service.h"
#include "jobs.h"
#include "events.h"
#include "pyhl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEAD       8u
#define SERVICE_PROTOCOL 1

static void answer_failed(struct service *s, const json_t *request, const struct request_error *e)
{
    uint64_t id = 0;
    struct request_error none;

    if (request_number(request, "id", &id, &none)) {
        event_failed(s, id, e->type, e->text);
    } else {
        event_failed(s, EVENT_NO_ID, e->type, e->text);
    }
}

static bool op_hello(struct service *s, const json_t *request, uint64_t id,
                     struct request_error *error)
{
    static const char *const names[] = {"id", "op", "protocol", NULL};
    const struct request_limits *l = &s->config.limits;
    uint64_t protocol;

    if (!request_members(request, names, error) ||
        !request_number(request, "protocol", &protocol, error)) {
        return false;
    }
    if (protocol != SERVICE_PROTOCOL) {
        return request_wrong(error, "ValueError",
                             "'protocol' is %llu, and this server speaks %d only",
                             (unsigned long long)protocol, SERVICE_PROTOCOL);
    }
    event_put(s, id, "done",
              json_pack("{s:i, s:s, s:s, s:{s:f, s:f, s:I, s:I, s:I, s:I, s:I}}", "protocol",
                        SERVICE_PROTOCOL, "pyhl", PYHL_VERSION, "image", s->config.image, "limits",
                        "timeout", (double)l->timeout_ns / 1e9, "cpu", (double)l->cpu_ns / 1e9,
                        "memory", (json_int_t)(l->memory ? l->memory : s->config.vm_memory),
                        "output_limit", (json_int_t)l->max_output, "tool_calls",
                        (json_int_t)l->max_calls, "sessions", (json_int_t)s->config.sessions,
                        "workers", (json_int_t)s->config.workers),
              NULL, 0);
    return true;
}

static struct session_vm *find_session(struct service *s, const json_t *request,
                                       struct request_error *error)
{
    struct session_vm *v;
    const char *name;

    if (!request_text(request, "session", &name, error)) {
        return NULL;
    }
    TAILQ_FOREACH (v, &s->sessions, link) {
        if (name != NULL && strcmp(v->name, name) == 0) {
            return v;
        }
    }
    (void)request_wrong(error, "LookupError", "there is no session '%.60s'",
                        name != NULL ? name : "");
    return NULL;
}

static bool op_run(struct service *s, const json_t *request, uint64_t id, const uint8_t *bytes,
                   size_t size, struct request_error *error)
{
    struct session_vm *session = NULL;
    struct job *job;

    if (json_object_get(request, "session") != NULL) {
        session = find_session(s, request, error);
        if (session == NULL) {
            return false;
        }
    }
    job = job_new(s, id, session, error);
    if (job == NULL) {
        return false;
    }
    if (!request_run(request, &s->config.limits, bytes, size, &job->run, error)) {
        job_drop(s, job);
        return false;
    }
    return job_wait(s, job, error);
}

static bool op_context(struct service *s, const json_t *request, uint64_t id,
                       struct request_error *error)
{
    struct session_vm *session = find_session(s, request, error);
    struct job *job = session != NULL ? job_new(s, id, session, error) : NULL;

    if (job == NULL) {
        return false;
    }
    if (!request_context(request, &s->config.limits, &job->run, error)) {
        job_drop(s, job);
        return false;
    }
    return job_wait(s, job, error);
}

static bool op_open(struct service *s, const json_t *request, uint64_t id,
                    struct request_error *error)
{
    struct session_vm *session = session_new(s, error);
    struct job *job = session != NULL ? job_new(s, id, session, error) : NULL;

    if (job == NULL || !request_open(request, &s->config.limits, &job->run, error)) {
        if (job != NULL) {
            job_drop(s, job);
        }
        session_free(s, session);
        return false;
    }
    job->opens = true;
    if (!job_wait(s, job, error)) {
        session_free(s, session);
        return false;
    }
    return true;
}

static bool op_close(struct service *s, const json_t *request, uint64_t id,
                     struct request_error *error)
{
    static const char *const names[] = {"id", "op", "session", NULL};
    struct session_vm *session;

    if (!request_members(request, names, error)) {
        return false;
    }
    session = find_session(s, request, error);
    if (session == NULL) {
        return false;
    }
    session_close(s, session, "Cancelled", "the session was closed");
    event_put(s, id, "done", json_object(), NULL, 0);
    return true;
}

/* The job that 'run' names. */
static struct job *find_job(struct service *s, const json_t *request, struct request_error *error)
{
    struct job *job;
    uint64_t run;

    if (!request_number(request, "run", &run, error)) {
        return NULL;
    }
    job = job_find(s, run);
    if (job == NULL) {
        (void)request_wrong(error, "LookupError", "no run %llu is under way",
                            (unsigned long long)run);
    }
    return job;
}

static bool op_signal(struct service *s, const json_t *request, uint64_t id, bool cancel,
                      struct request_error *error)
{
    static const char *const names[] = {"id", "op", "run", NULL};
    struct job *job;

    if (!request_members(request, names, error)) {
        return false;
    }
    job = find_job(s, request, error);
    if (job == NULL) {
        return false;
    }
    if (cancel) {
        job_cancel(s, job);
    } else if (job->member != NULL) {
        pool_signal(job->member, WORKER_INTERRUPT, job->serial);
    }
    event_put(s, id, "done", json_object(), NULL, 0);
    return true;
}

/* A reply that comes too late is dropped: the run may have ended while it was on its way. */
static bool op_reply(struct service *s, const json_t *request, const uint8_t *bytes, size_t size,
                     struct request_error *error)
{
    static const char *const names[] = {"id", "op", "run", "call", "error", NULL};
    const json_t *failed = json_object_get(request, "error");
    const char *type = NULL, *text = NULL;
    uint64_t run, call;
    struct job *job;

    if (!request_members(request, names, error) || !request_number(request, "run", &run, error) ||
        !request_number(request, "call", &call, error)) {
        return false;
    }
    if (failed != NULL && (!json_is_object(failed) || !request_text(failed, "type", &type, error) ||
                           !request_text(failed, "message", &text, error) || type == NULL)) {
        return request_wrong(error, "ValueError",
                             "'error' must be an object with 'type' and 'message'");
    }
    job = job_find(s, run);
    return job == NULL || job_reply(job, call, bytes, size, type, text, error);
}

static bool op_do(struct service *s, const json_t *request, const char *op, uint64_t id,
                  const uint8_t *bytes, size_t size, struct request_error *error)
{
    if (strcmp(op, "run") == 0) {
        return op_run(s, request, id, bytes, size, error);
    }
    if (strcmp(op, "reply") == 0) {
        return op_reply(s, request, bytes, size, error);
    }
    if (size > 0) {
        return request_wrong(error, "ValueError", "'%.60s' takes no bytes", op);
    }
    if (strcmp(op, "hello") == 0) {
        return op_hello(s, request, id, error);
    }
    if (strcmp(op, "open") == 0) {
        return op_open(s, request, id, error);
    }
    if (strcmp(op, "context") == 0) {
        return op_context(s, request, id, error);
    }
    if (strcmp(op, "close") == 0) {
        return op_close(s, request, id, error);
    }
    if (strcmp(op, "interrupt") == 0 || strcmp(op, "cancel") == 0) {
        return op_signal(s, request, id, op[0] == 'c', error);
    }
    return request_wrong(error, "ValueError",
                         "'op' is '%.60s': it must be hello, run, reply, interrupt, cancel, open, "
                         "context or close",
                         op);
}

/* Carries out one request. Returns false, with *error, if it cannot. */
static bool service_request(struct service *s, const json_t *request, const uint8_t *bytes,
                            size_t size, struct request_error *error)
{
    const char *op;
    uint64_t id;

    if (!request_number(request, "id", &id, error) || !request_text(request, "op", &op, error)) {
        return false;
    }
    if (op == NULL) {
        return request_wrong(error, "ValueError", "'op' is missing");
    }
    if (job_find(s, id) != NULL && strcmp(op, "reply") != 0) {
        return request_wrong(error, "ValueError",
                             "'id' is %llu, and a request with it is under way",
                             (unsigned long long)id);
    }
    return op_do(s, request, op, id, bytes, size, error);
}

/* The next number of a frame's head. */
static uint32_t frame_number(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* After a frame that is none nothing that follows can be understood. */
static void service_fail(struct service *s, const struct request_error *error)
{
    event_failed(s, EVENT_NO_ID, error->type, error->text);
    s->failed = true;
}

/* Takes one frame. Returns false if there is no whole one. */
static bool service_frame(struct service *s)
{
    struct request_error error = {.type = NULL};
    const uint8_t *at = flow_in(&s->client);
    const size_t have = flow_in_size(&s->client);
    uint32_t text, bytes;
    json_t *request;

    if (s->failed || have < FRAME_HEAD) {
        return false;
    }
    text = frame_number(at);
    bytes = frame_number(at + 4);
    if (text > REQUEST_JSON || bytes > REQUEST_BYTES) {
        (void)request_wrong(&error, "ProtocolError",
                            "a frame of %u bytes of JSON and %u more: at most %u and %u are taken",
                            text, bytes, REQUEST_JSON, REQUEST_BYTES);
        service_fail(s, &error);
        return false;
    }
    if (have < FRAME_HEAD + (size_t)text + bytes) {
        return false;
    }
    flow_take(&s->client, FRAME_HEAD + (size_t)text + bytes);
    request = request_parse(at + FRAME_HEAD, text, &error);
    if (request == NULL) {
        service_fail(s, &error);
    } else if (!service_request(s, request, at + FRAME_HEAD + text, bytes, &error)) {
        answer_failed(s, request, &error);
    }
    json_decref(request);
    return true;
}

void service_frames(struct service *service)
{
    while (service_frame(service)) {
    }
}

void service_begin(struct service *service, const struct service_config *config)
{
    *service = (struct service){.config = *config};
    TAILQ_INIT(&service->waiting);
    TAILQ_INIT(&service->running);
    TAILQ_INIT(&service->sessions);
    TAILQ_INIT(&service->pool.members);
    service->pool.snap = config->snap;
    service->pool.spare = config->workers;
    service->pool.message = job_message;
    service->pool.ready = job_ready;
    service->pool.died = job_died;
    service->pool.arg = service;
}

void service_input_over(struct service *service)
{
    service->input_over = true;
    jobs_input_over(service);
}

bool service_idle(const struct service *service)
{
    return service->input_over && service->jobs == 0;
}

void service_end(struct service *service)
{
    pool_close(&service->pool);
    jobs_end(service);
    flow_free(&service->client);
}
