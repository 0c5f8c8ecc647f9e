// SPDX-License-Identifier: Apache-2.0
/*
 * Checkpoints and forks of sessions. The worker of a session writes its state (states.h), and other
 * workers, which wait in the pool, go on from it.
 */
#include "op_fork.h"
#include "commands.h"
#include "events.h"
#include "jobs.h"
#include "op_pause.h"
#include "ops.h"
#include "sessions.h"
#include "states.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORK_MOST 100u

/* The member that names a checkpoint; NULL when it is missing. */
static bool fork_name(const json_t *request, const char *member, const char **name,
                      struct request_error *error)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (!request_text(request, member, name, error)) {
        return false;
    }
    return *name == NULL ||
           (**name != 0 && strlen(*name) <= STATES_NAME && (*name)[strspn(*name, good)] == 0) ||
           request_wrong(error, "ValueError",
                         "'%s' must have 1 to %u letters, digits, '.', '_' and '-'", member,
                         STATES_NAME);
}

/* The checkpoint that a request names, or the newest. */
static struct kept *fork_kept(const json_t *request, const struct session_vm *session,
                              struct request_error *error)
{
    struct kept *kept = NULL;
    const char *name;

    if (fork_name(request, "checkpoint", &name, error)) {
        kept = kept_find(session, name);
        if (kept == NULL) {
            (void)request_wrong(error, "LookupError", "the session has no checkpoint%s%s%s",
                                name != NULL ? " '" : "", name != NULL ? name : "",
                                name != NULL ? "'" : "");
        }
    }
    return kept;
}

/* A job about a state; NULL with *error. */
static struct job *fork_job(struct client *c, uint64_t id, struct session_vm *session,
                            enum state_kind kind, struct request_error *error)
{
    struct job *job = job_new(c, id, session, error);

    if (job != NULL && !states_of(job, kind, error)) {
        job_drop(c->service, job);
        return NULL;
    }
    return job;
}

/* While calls of a run are open it is the state in the middle of that run which is asked for.
 * Otherwise the turn comes after the requests before. */
static void fork_wait(struct job *job)
{
    struct session_vm *session = job->session;

    if (session->running != NULL && session->running->call_count > 0) {
        TAILQ_INSERT_HEAD(&session->waiting, job, link);
    } else {
        TAILQ_INSERT_TAIL(&session->waiting, job, link);
    }
}

bool op_checkpoint(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                   size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", "name", NULL};
    struct session_vm *session;
    struct job *job;
    const char *name;

    if (!request_members(request, names, error) || !fork_name(request, "name", &name, error)) {
        return false;
    }
    session = session_find(c, request, error);
    if (session == NULL) {
        return false;
    }
    if (session->kept_count >= STATES_KEPT && (name == NULL || kept_find(session, name) == NULL)) {
        return request_wrong(error, "Busy", "the session has %u checkpoints: forget some",
                             STATES_KEPT);
    }
    job = fork_job(c, id, session, STATE_CHECKPOINT, error);
    if (job == NULL) {
        return false;
    }
    if (name != NULL) {
        (void)snprintf(job->state->name, sizeof(job->state->name), "%s", name);
    } else {
        (void)snprintf(job->state->name, sizeof(job->state->name), "c%llu",
                       (unsigned long long)++c->service->kept_serial);
    }
    fork_wait(job);
    return true;
}

/* A descriptor of the job's own for a checkpoint. */
static bool fork_from(struct job *job, const struct kept *kept, struct request_error *error)
{
    job->state->suspended = kept->suspended;
    job->state->number = kept->number;
    job->state->commands = kept->commands;
    job->state->fd = fcntl(kept->fd, F_DUPFD_CLOEXEC, 0);
    return job->state->fd >= 0 ||
           request_wrong(error, "OSError", "the server has too many open files");
}

bool op_rewind(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", "checkpoint", NULL};
    struct session_vm *session =
        request_members(request, names, error) ? session_find(c, request, error) : NULL;
    const struct kept *kept = session != NULL ? fork_kept(request, session, error) : NULL;
    struct job *job;

    if (kept == NULL) {
        return false;
    }
    if (commands_want(session)) {
        return request_wrong(error, "Busy", "the session has commands that run");
    }
    if (session->running != NULL && !session->running->waits) {
        return request_wrong(error, "Busy", "a run of the session is under way");
    }
    job = fork_job(c, id, session, STATE_REWIND, error);
    if (job == NULL) {
        return false;
    }
    if (!fork_from(job, kept, error)) {
        job_drop(c->service, job);
        return false;
    }
    TAILQ_INSERT_TAIL(&session->waiting, job, link);
    return true;
}

bool op_forget(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", "checkpoint", NULL};
    struct session_vm *session =
        request_members(request, names, error) ? session_find(c, request, error) : NULL;
    struct kept *kept = session != NULL ? fork_kept(request, session, error) : NULL;

    if (kept == NULL) {
        return false;
    }
    kept_remove(c->service, session, kept);
    event_put(c, id, "done", json_object(), NULL, 0);
    return true;
}

static bool fork_room(const struct service *s, size_t count, struct request_error *error)
{
    return count <= s->config.sessions - s->session_count ||
           request_wrong(error, "Busy", "%zu sessions are open, and no more than %llu are allowed",
                         s->session_count, (unsigned long long)s->config.sessions);
}

static bool fork_count(const json_t *request, uint64_t *count, struct request_error *error)
{
    *count = 1;
    return json_object_get(request, "count") == NULL ||
           (request_number(request, "count", count, error) &&
            ((*count > 0 && *count <= FORK_MOST) ||
             request_wrong(error, "ValueError", "'count' must be from 1 to %u", FORK_MOST)));
}

bool op_fork(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
             size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", "count", "checkpoint", NULL};
    const bool named = json_object_get(request, "checkpoint") != NULL;
    const struct kept *kept = NULL;
    struct session_vm *session;
    struct job *job;
    uint64_t count;

    if (!request_members(request, names, error) || !fork_count(request, &count, error)) {
        return false;
    }
    session = session_find(c, request, error);
    if (session == NULL || (named && (kept = fork_kept(request, session, error)) == NULL) ||
        !fork_room(c->service, count, error)) {
        return false;
    }
    job = fork_job(c, id, named ? NULL : session, STATE_FORK, error);
    if (job == NULL) {
        return false;
    }
    job->state->count = count;
    if (!named) {
        fork_wait(job);
        return true;
    }
    if (!fork_from(job, kept, error)) {
        job_drop(c->service, job);
        return false;
    }
    job->state->begun = job->state->answered = true;
    TAILQ_INSERT_TAIL(&c->service->answered, job, link);
    return true;
}

bool op_resume(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    struct session_vm *session = session_find(c, request, error);
    struct job *job;

    if (session == NULL) {
        return false;
    }
    if (session->running != NULL) {
        return request_wrong(error, "Busy", "a run of the session is under way");
    }
    job = job_new(c, id, session, error);
    if (job == NULL) {
        return false;
    }
    if (!request_resume(request, &c->service->config.limits, &job->run, error)) {
        job_drop(c->service, job);
        return false;
    }
    return job_wait(c->service, job, error);
}

/* --- what is to be done after workers have answered --- */

/* Makes a session that goes on from the state of a fork. */
static bool fork_child(struct service *s, struct job *parent, struct request_error *error)
{
    struct session_vm *session = session_new(parent->client, error);
    struct job *job = session != NULL && commands_copied(s, session, parent->state->commands)
                          ? states_job(s, session, STATE_CHILD)
                          : NULL;

    if (job == NULL) {
        if (session != NULL) {
            commands_lose(session, "Cancelled", "the fork has failed");
        }
        session_free(s, session);
        return error->type == NULL &&
               request_wrong(error, "OSError", "the server is out of memory");
    }
    job->state->parent = parent;
    parent->state->left++;
    session->fork = parent;
    TAILQ_INSERT_TAIL(&session->waiting, job, link);
    return true;
}

static void fork_children(struct service *s, struct job *job)
{
    struct job_state *state = job->state;
    struct request_error *error = &state->error;

    job->session = NULL;
    for (size_t i = 0; i < state->count && error->type == NULL; i++) {
        (void)fork_child(s, job, error);
    }
    TAILQ_INSERT_TAIL(&s->forking, job, link);
}

/* All children have answered. */
static void fork_end(struct service *s, struct job *job)
{
    const struct request_error *error = &job->state->error;
    const bool good = error->type == NULL && job->client != NULL;
    json_t *names = json_array();
    struct session_vm *next;

    for (struct session_vm *v = TAILQ_FIRST(&s->sessions); v != NULL; v = next) {
        next = TAILQ_NEXT(v, link);
        if (v->fork == job && good) {
            v->fork = NULL;
            (void)json_array_append_new(names, json_string(v->name));
        } else if (v->fork == job) {
            session_close(s, v, "Cancelled", "the fork has failed");
        }
    }
    if (good) {
        event_put(job->client, job->id, "done",
                  json_pack("{s:O, s:b}", "sessions", names, "suspended", job->state->suspended),
                  NULL, 0);
    } else {
        event_failed(job->client, job->id, error->type != NULL ? error->type : "Cancelled",
                     error->text);
    }
    json_decref(names);
    job_drop(s, job);
}

/* What the commands are in a state that was saved. */
static void states_commands(const struct job *job)
{
    if (job->state->kind == STATE_CHECKPOINT || job->state->kind == STATE_FORK) {
        job->state->commands = commands_state(job->session);
    }
}

static void checkpoint_end(struct service *s, struct job *job)
{
    struct job_state *state = job->state;
    struct request_error error;

    if (job->session == NULL) {
        event_failed(job->client, job->id, "LookupError", "the session is over");
    } else if (!kept_add(s, job->session, state, &error)) {
        event_failed(job->client, job->id, error.type, error.text);
    } else {
        event_put(job->client, job->id, "done",
                  json_pack("{s:s, s:b}", "checkpoint", state->name, "suspended", state->suspended),
                  NULL, 0);
    }
}

static void fork_answered(struct service *s, struct job *job)
{
    struct job_state *state = job->state;

    TAILQ_REMOVE(&s->answered, job, link);
    if (job->session != NULL) {
        job->session->doing = NULL;
        states_commands(job);
    }
    if (state->kind == STATE_PAUSE || state->kind == STATE_WAKE) {
        pause_answered(s, job);
    } else if (state->kind == STATE_CHILD && !state->answered && job->session != NULL) {
        states_tell(job, state->error.type, state->error.text);
        session_close(s, job->session, "Cancelled", "the fork has failed");
    } else if (state->error.type != NULL) {
        event_failed(job->client, job->id, state->error.type, state->error.text);
    } else if (state->kind == STATE_FORK) {
        if (job->client != NULL && fork_room(s, state->count, &state->error)) {
            fork_children(s, job);
            return;
        }
        event_failed(job->client, job->id, state->error.type, state->error.text);
    } else if (state->kind == STATE_CHECKPOINT) {
        checkpoint_end(s, job);
    } else if (state->kind == STATE_REWIND) {
        if (job->session != NULL) {
            commands_lose(job->session, "LookupError", "the session was rewound");
            (void)commands_copied(s, job->session, state->commands);
        }
        event_put(job->client, job->id, "done", json_pack("{s:b}", "suspended", state->suspended),
                  NULL, 0);
    }
    job_drop(s, job);
}

void forks_turn(struct service *s)
{
    struct job *next;

    while (!TAILQ_EMPTY(&s->answered)) {
        fork_answered(s, TAILQ_FIRST(&s->answered));
    }
    for (struct job *job = TAILQ_FIRST(&s->forking); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->state->left == 0) {
            TAILQ_REMOVE(&s->forking, job, link);
            fork_end(s, job);
        }
    }
}
