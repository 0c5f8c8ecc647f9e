// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions, and the end of a job that may be a session's.
 */
#include "sessions.h"
#include "commands.h"
#include "job_install.h"
#include "jobs.h"
#include "report.h"
#include "states.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run is over so long after a cancel, and after the client of its session has gone, or its worker
 * is stuck. */
#define CANCEL_NS 1000000000ull
#define LEAVE_NS  5000000000ull

struct session_vm *session_new(struct client *client, struct request_error *error)
{
    struct service *s = client->service;
    struct session_vm *v;
    struct owner *account;

    if (s->session_count >= s->config.sessions) {
        (void)request_wrong(error, "Busy", "%zu sessions are open, and no more are allowed",
                            s->session_count);
        return NULL;
    }
    v = calloc(1, sizeof(*v));
    account = owner_find(&s->owners, client->owner);
    if (v == NULL || account == NULL) {
        free(v);
        (void)request_wrong(error, "OSError", "the server is out of memory");
        return NULL;
    }
    v->account = account;
    v->memory = s->config.limits.memory != 0 ? s->config.limits.memory : s->config.vm_memory;
    if (!owner_session(account, v->memory, error)) {
        free(v);
        return NULL;
    }
    s->session_serial++;
    (void)snprintf(v->name, sizeof(v->name), "s%llu", (unsigned long long)s->session_serial);
    (void)snprintf(v->owner, sizeof(v->owner), "%s", client->owner);
    TAILQ_INIT(&v->waiting);
    TAILQ_INIT(&v->kept);
    v->disk_fd = -1;
    TAILQ_INSERT_TAIL(&s->sessions, v, link);
    s->session_count++;
    return v;
}

struct session_vm *session_find(const struct client *client, const json_t *request,
                                struct request_error *error)
{
    struct session_vm *v;
    const char *name;

    if (!request_text(request, "session", &name, error)) {
        return NULL;
    }
    TAILQ_FOREACH (v, &client->service->sessions, link) {
        if (name != NULL && strcmp(v->name, name) == 0 && strcmp(v->owner, client->owner) == 0 &&
            v->fork == NULL) {
            return v;
        }
    }
    (void)request_wrong(error, "LookupError", "there is no session '%.60s'",
                        name != NULL ? name : "");
    return NULL;
}

void session_free(struct service *s, struct session_vm *session)
{
    if (session != NULL) {
        TAILQ_REMOVE(&s->sessions, session, link);
        s->session_count--;
        owner_session_over(session->account, session->memory);
        kept_remove_all(s, session);
        s->disk_bytes -= session->disk_size;
        if (session->disk_fd >= 0) {
            (void)close(session->disk_fd);
        }
        free(session);
    }
}

/* The session is no more; its worker is the caller's matter. */
void session_lose(struct service *s, struct session_vm *v, const char *type, const char *text)
{
    struct job *next;

    for (struct job *job = TAILQ_FIRST(&v->waiting); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        job_fail_waiting(s, job, type, text);
    }
    if (v->running != NULL) {
        v->running->session = NULL;
    }
    commands_lose(v, type, text);
    if (v->doing != NULL) {
        states_lost(s, v->doing, type, text);
    }
    session_free(s, v);
}

void job_cancel(struct service *s, struct job *job)
{
    struct session_vm *opened = job->opens ? job->session : NULL;

    if (job_install_cancel(s, job) || (job->state != NULL && job->state->begun)) {
        return;
    }
    if (job->member != NULL) {
        const uint64_t end_ns = report_now() + CANCEL_NS;

        pool_signal(job->member, WORKER_KILL, job->serial);
        job->end_ns = job->end_ns != 0 && job->end_ns < end_ns ? job->end_ns : end_ns;
        return;
    }
    job_fail_waiting(s, job, "Cancelled", "it was cancelled before it began");
    if (opened != NULL) {
        session_lose(s, opened, "LookupError", "the session was not opened: that was cancelled");
    }
}

void job_abandon(struct service *s, struct job *job)
{
    const uint64_t end_ns = report_now() + LEAVE_NS;

    job_leave(job);
    if (job->member != NULL) {
        pool_pause(job->member, false);
    }
    if (job->session == NULL || job->member == NULL) {
        job_cancel(s, job);
        return;
    }
    if (job_install_cancel(s, job)) {
        return;
    }
    pool_signal(job->member, WORKER_INTERRUPT, job->serial);
    job->end_ns = job->end_ns != 0 && job->end_ns < end_ns ? job->end_ns : end_ns;
}

void session_close(struct service *s, struct session_vm *session, const char *type,
                   const char *text)
{
    struct member *member = session->member;
    struct job *running = session->running;

    session_lose(s, session, type, text);
    if (running != NULL) {
        job_cancel(s, running);
    } else if (member != NULL) {
        pool_return(member, true);
    }
}
