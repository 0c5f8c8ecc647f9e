// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of a job until it runs, and its calls.
 */
#include "jobs.h"
#include "events.h"
#include "job_install.h"
#include "report.h"
#include "states.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 65536u /* open at once; more than libvmm has */

struct job *job_new(struct client *client, uint64_t id, struct session_vm *session,
                    struct request_error *error)
{
    struct service *s = client->service;
    struct job *job;

    if (s->jobs >= s->config.waiting) {
        (void)request_wrong(error, "Busy", "%zu requests are under way, and no more are taken",
                            s->jobs);
        return NULL;
    }
    job = calloc(1, sizeof(*job));
    if (job == NULL) {
        (void)request_wrong(error, "OSError", "the server is out of memory");
        return NULL;
    }
    s->serial = s->serial == INT32_MAX ? 1 : s->serial + 1;
    job->account = owner_find(&s->owners, client->owner);
    if (job->account == NULL) {
        free(job);
        (void)request_wrong(error, "OSError", "the server is out of memory");
        return NULL;
    }
    job->client = client;
    job->id = id;
    job->asked_ns = report_now();
    job->serial = s->serial;
    job->session = session;
    s->jobs++;
    client->job_count++;
    TAILQ_INSERT_TAIL(&client->jobs, job, of_client);
    return job;
}

void job_leave(struct job *job)
{
    if (job->client != NULL) {
        TAILQ_REMOVE(&job->client->jobs, job, of_client);
        job->client->job_count--;
        job->client = NULL;
    }
}

/* What kind of request a job is, for the log. */
static const char *job_kind(const struct job *job)
{
    static const char *const kinds[] = {
        [WORKER_SCRIPT] = "script",   [WORKER_CELL] = "cell",       [WORKER_CONTEXT] = "context",
        [WORKER_SERVICE] = "service", [WORKER_INSTALL] = "install", [WORKER_RESUME] = "resume",
    };
    const uint32_t sort = job->head.sort;

    if (job->opens || job->waits) {
        return job->opens ? "open" : "commands";
    }
    return sort < sizeof(kinds) / sizeof(kinds[0]) && kinds[sort] != NULL ? kinds[sort] : "other";
}

/* Counts a job that is over, and logs it. */
static void job_log(struct service *s, const struct job *job)
{
    const uint64_t now = report_now();
    const struct audit_run run = {
        .owner = job->account->name,
        .session = job->session_name[0] != 0 ? job->session_name : NULL,
        .kind = job_kind(job),
        .outcome = job->outcome != NULL ? job->outcome : "end of the server",
        .status = job->status,
        .counters = &job->counters,
        .waited_ns = (job->begun_ns != 0 ? job->begun_ns : now) - job->asked_ns,
        .took_ns = now - job->asked_ns,
        .in = job->input,
        .out = job->output,
    };

    metrics_run(&s->metrics, run.outcome, run.took_ns);
    audit_write(&s->audit, &run);
}

void job_drop(struct service *s, struct job *job)
{
    job_leave(job);
    if (job->counted) {
        job_log(s, job);
        owner_run_over(job->account, job->memory, job->cpu_ns);
    }
    s->held -= job->held;
    flow_free(&job->run);
    free(job->calls);
    job_install_drop(s, job);
    states_drop(job);
    free(job);
    s->jobs--;
}

/* Whether the bytes of a job can be held until a worker takes them. */
static bool job_fits(const struct service *s, const struct job *job, struct request_error *error)
{
    return s->held == 0 || flow_out_size(&job->run) <= SERVICE_HELD - s->held ||
           request_wrong(error, "Busy",
                         "requests that wait hold %zu bytes, and at most %u are kept", s->held,
                         SERVICE_HELD);
}

struct job_list *job_queue(struct service *s, const struct job *job)
{
    return job->session != NULL ? &job->session->waiting : &s->waiting;
}

/* The VM of a session is counted with the session. */
bool job_count(const struct service *s, struct job *job, struct request_error *error)
{
    struct worker_run *head = &job->head;

    memcpy(head, flow_out(&job->run), sizeof(*head));
    if (job->session == NULL) {
        job->memory = head->memory != 0 ? head->memory : s->config.vm_memory;
    }
    if (!owner_run(job->account, job->memory, error)) {
        return false;
    }
    job->counted = true;
    job->input = flow_out_size(&job->run);
    if (job->session != NULL) {
        (void)snprintf(job->session_name, sizeof(job->session_name), "%s", job->session->name);
    }
    head->cpu_ns = owner_cpu_ns(job->account, head->cpu_ns);
    memcpy(flow_out(&job->run), head, sizeof(*head));
    return true;
}

bool job_wait(struct service *s, struct job *job, struct request_error *error)
{
    if (!job_fits(s, job, error) || !job_count(s, job, error)) {
        job_drop(s, job);
        return false;
    }
    job->held = flow_out_size(&job->run);
    s->held += job->held;
    TAILQ_INSERT_TAIL(job_queue(s, job), job, link);
    return true;
}

bool job_serve(struct client *client, uint64_t id, struct session_vm *session,
               const char *const *words, const uint8_t *bytes, size_t size,
               struct request_error *error)
{
    struct service *s = client->service;
    struct job *job = job_new(client, id, session, error);

    if (job == NULL) {
        return false;
    }
    if (!request_service(words, bytes, size, &s->config.limits, &job->run, error)) {
        job_drop(s, job);
        return false;
    }
    return job_wait(s, job, error);
}

struct job *job_find(const struct client *client, uint64_t id)
{
    struct job *job;

    TAILQ_FOREACH (job, &client->jobs, of_client) {
        if (job->id == id) {
            return job;
        }
    }
    return NULL;
}

/* Ends a job that has not begun. */
void job_fail_waiting(struct service *s, struct job *job, const char *type, const char *text)
{
    job->outcome = type;
    states_tell(job, type, text);
    event_failed(job->client, job->id, type, text);
    TAILQ_REMOVE(job_queue(s, job), job, link);
    job_drop(s, job);
}

bool job_call_begin(struct job *job, uint64_t number)
{
    const size_t room = job->call_room > 0 ? 2 * job->call_room : 16;

    if (job->call_count == CALLS_MAX) {
        return false;
    }
    if (job->call_count == job->call_room) {
        uint64_t *calls = realloc(job->calls, room * sizeof(*calls));

        if (calls == NULL) {
            return false;
        }
        job->calls = calls;
        job->call_room = room;
    }
    job->calls[job->call_count++] = number;
    return true;
}

/* Returns false when no such call is open. */
static bool job_call_end(struct job *job, uint64_t number)
{
    for (size_t i = 0; i < job->call_count; i++) {
        if (job->calls[i] == number) {
            job->calls[i] = job->calls[--job->call_count];
            return true;
        }
    }
    return false;
}

bool job_reply(struct job *job, uint64_t call, const uint8_t *bytes, size_t size, const char *type,
               const char *text, struct request_error *error)
{
    struct worker_message message = {.kind = WORKER_REPLY, .number = call, .size = size};
    char both[2048];
    int n;

    if (job->member == NULL) {
        return true;
    }
    if (flow_out_size(&job->member->flow) > SERVICE_HELD) {
        return request_wrong(error, "Busy", "the worker does not take the replies before");
    }
    if (!job_call_end(job, call)) {
        return true;
    }
    if (type != NULL) {
        n = snprintf(both, sizeof(both), "%.127s%c%.1800s", type, 0, text != NULL ? text : "");
        message.kind = WORKER_ERROR;
        message.size = (uint64_t)n + 1;
        bytes = (const uint8_t *)both;
    }
    return pool_send(job->member, &message, bytes) == 0 ||
           request_wrong(error, "OSError", "the server is out of memory");
}
