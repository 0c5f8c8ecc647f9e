// SPDX-License-Identifier: Apache-2.0
#include "events.h"
#include "jobs.h"
#include "ops.h"
#include "sessions.h"

bool op_open(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
             size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    struct session_vm *session = session_new(c, error);
    struct job *job = session != NULL ? job_new(c, id, session, error) : NULL;

    if (job == NULL || !request_open(request, &c->service->config.limits, &job->run, error)) {
        if (job != NULL) {
            job_drop(c->service, job);
        }
        session_free(c->service, session);
        return false;
    }
    job->opens = true;
    if (!job_wait(c->service, job, error)) {
        session_free(c->service, session);
        return false;
    }
    return true;
}

bool op_close(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
              size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", NULL};
    struct session_vm *session;

    if (!request_members(request, names, error)) {
        return false;
    }
    session = session_find(c, request, error);
    if (session == NULL) {
        return false;
    }
    session_close(c->service, session, "Cancelled", "the session was closed");
    event_put(c, id, "done", json_object(), NULL, 0);
    return true;
}
