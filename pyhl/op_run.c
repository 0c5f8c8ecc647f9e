// SPDX-License-Identifier: Apache-2.0
/*
 * Runs, and what a client says of one that is under way.
 */
#include "commands.h"
#include "events.h"
#include "job_install.h"
#include "jobs.h"
#include "ops.h"
#include "sessions.h"

#include <signal.h>
#include <string.h>

/* The run's packages are looked for, and then it waits for a worker. */
static bool run_prepare(struct client *c, struct job *job, const json_t *request,
                        struct request_error *error)
{
    bool good = job_install_allowed(c, error);

    good = good && job_install_begin(job, json_object_get(request, "packages"), true, error);
    if (good) {
        TAILQ_INSERT_TAIL(&c->service->preparing, job, link);
    } else {
        job_drop(c->service, job);
    }
    return good;
}

bool op_run(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes, size_t size,
            struct request_error *error)
{
    struct session_vm *session = NULL;
    struct job *job;

    if (json_object_get(request, "session") != NULL) {
        session = session_find(c, request, error);
        if (session == NULL) {
            return false;
        }
    }
    job = job_new(c, id, session, error);
    if (job == NULL) {
        return false;
    }
    if (!request_run(request, &c->service->config.limits, bytes, size, &job->run, error)) {
        job_drop(c->service, job);
        return false;
    }
    return json_object_get(request, "packages") == NULL ? job_wait(c->service, job, error)
                                                        : run_prepare(c, job, request, error);
}

bool op_context(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    struct session_vm *session = session_find(c, request, error);
    struct job *job = session != NULL ? job_new(c, id, session, error) : NULL;

    if (job == NULL) {
        return false;
    }
    if (!request_context(request, &c->service->config.limits, &job->run, error)) {
        job_drop(c->service, job);
        return false;
    }
    return job_wait(c->service, job, error);
}

/* The job that 'run' names. */
static struct job *find_job(struct client *c, const json_t *request, struct request_error *error)
{
    struct job *job;
    uint64_t run;

    if (!request_number(request, "run", &run, error)) {
        return NULL;
    }
    job = job_find(c, run);
    if (job == NULL) {
        (void)request_wrong(error, "LookupError", "no run %llu is under way",
                            (unsigned long long)run);
    }
    return job;
}

/* The same for the request of a command; NULL: it is none. */
static struct listener *find_listener(const struct client *c, const json_t *request)
{
    struct request_error none;
    uint64_t run;

    return request_number(request, "run", &run, &none) ? command_listener(c, run) : NULL;
}

static bool signal_run(struct client *c, const json_t *request, uint64_t id, bool cancel,
                       struct request_error *error)
{
    static const char *const names[] = {"id", "op", "run", NULL};
    struct listener *l = find_listener(c, request);
    struct job *job = NULL;

    if (!request_members(request, names, error) ||
        (l == NULL && (job = find_job(c, request, error)) == NULL)) {
        return false;
    }
    if (l != NULL && cancel) {
        command_cancel(l);
    } else if (l != NULL) {
        command_signal(l->command, SIGINT);
    } else if (cancel) {
        job_cancel(c->service, job);
    } else if (job->member != NULL) {
        pool_signal(job->member, WORKER_INTERRUPT, job->serial);
    }
    event_put(c, id, "done", json_object(), NULL, 0);
    return true;
}

/* A reply that comes too late is dropped: the run may have ended while it was on its way. */
bool op_reply(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
              size_t size, struct request_error *error)
{
    (void)id;
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
    job = job_find(c, run);
    return job == NULL || job_reply(job, call, bytes, size, type, text, error);
}

bool op_interrupt(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                  size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    return signal_run(c, request, id, false, error);
}

bool op_cancel(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    return signal_run(c, request, id, true, error);
}
