// SPDX-License-Identifier: Apache-2.0
#include "op_pause.h"
#include "commands.h"
#include "events.h"
#include "jobs.h"
#include "ops.h"
#include "report.h"
#include "sessions.h"
#include "states.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_MS   1000000ull
#define PAUSE_EVERY 4u /* looks in the time after which a session is paused */

int pause_begin(struct service *s, struct vmm_err *err)
{
    const char *temporary = getenv("TMPDIR"), *dir = s->config.state_dir;

    if (dir == NULL) {
        dir = temporary != NULL && temporary[0] == '/' ? temporary : "/var/tmp";
    }
    s->state_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->state_dir < 0 ? vmm_err_set(err, errno, "--state %s: %s", dir, strerror(errno)) : 0;
}

/* What is in the way of a pause; NULL: nothing. */
static const char *pause_busy(const struct session_vm *v)
{
    return v->running != NULL && v->running->call_count > 0
               ? "a run of the session waits for a tool"
           : commands_want(v) ? "the session has commands that run"
           : (v->running != NULL && !v->running->waits) || v->doing != NULL ||
                   !TAILQ_EMPTY(&v->waiting)
               ? "a request for the session is under way"
               : NULL;
}

bool op_pause(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
              size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", NULL};
    struct session_vm *session =
        request_members(request, names, error) ? session_find(c, request, error) : NULL;
    const char *busy = session != NULL ? pause_busy(session) : NULL;
    struct vmm_err err = {0};
    struct job *job;

    if (session == NULL) {
        return false;
    }
    if (busy != NULL) {
        return request_wrong(error, "Busy", "%s", busy);
    }
    if (session->member == NULL) { /* it is paused, or has never had a worker */
        event_put(c, id, "done", json_object(), NULL, 0);
        return true;
    }
    if (c->service->state_dir < 0 && pause_begin(c->service, &err) < 0) {
        return request_wrong(error, "OSError", "%s", err.msg);
    }
    job = job_new(c, id, session, error);
    if (job == NULL || !states_of(job, STATE_PAUSE, error)) {
        if (job != NULL) {
            job_drop(c->service, job);
        }
        return false;
    }
    TAILQ_INSERT_TAIL(&session->waiting, job, link);
    return true;
}

void pause_wake(struct service *s, struct session_vm *session)
{
    struct job *job;

    if (session->disk_fd < 0 || session->doing != NULL || TAILQ_EMPTY(&session->waiting)) {
        return;
    }
    job = states_job(s, session, STATE_WAKE);
    if (job != NULL) {
        job->state->fd = session->disk_fd;
        session->disk_fd = -1;
        TAILQ_INSERT_HEAD(&session->waiting, job, link);
    }
}

/* The file of a session is full, and its worker is not needed any more. It was the only other
 * process that could write to the file, and a guest may have taken it over: it is gone before
 * another one reads the file. */
static void pause_done(struct service *s, struct session_vm *v, struct job_state *state)
{
    struct stat st;

    s->disk_bytes -= v->disk_size;
    v->disk_size = fstat(state->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    s->disk_bytes += v->disk_size;
    v->disk_fd = state->fd;
    state->fd = -1;
    v->suspended = state->suspended;
    pool_end(v->member);
    v->member = NULL;
}

void pause_answered(struct service *s, struct job *job)
{
    struct job_state *state = job->state;
    struct session_vm *v = job->session;
    const struct request_error *error = &state->error;

    if (v != NULL) {
        v->idle_ns = 0;
    }
    if (error->type != NULL) {
        event_failed(job->client, job->id, error->type, error->text);
    } else if (state->kind == STATE_PAUSE && v != NULL) {
        pause_done(s, v, state);
        event_put(job->client, job->id, "done", json_object(), NULL, 0);
    }
    if (state->kind == STATE_WAKE && error->type != NULL && v != NULL) {
        session_close(s, v, error->type, error->text);
    }
}

static void pause_look(struct service *s, struct session_vm *v, uint64_t now)
{
    struct job *job;

    if (v->member == NULL || pause_busy(v) != NULL) {
        v->idle_ns = 0;
        return;
    }
    v->idle_ns = v->idle_ns != 0 ? v->idle_ns : now;
    if (now - v->idle_ns < s->config.idle_ns) {
        return;
    }
    v->idle_ns = 0;
    job = states_job(s, v, STATE_PAUSE);
    if (job != NULL) {
        TAILQ_INSERT_TAIL(&v->waiting, job, link);
    }
}

int pauses_turn(struct service *s)
{
    const uint64_t now = s->config.idle_ns != 0 ? report_now() : 0;
    const uint64_t every = s->config.idle_ns / PAUSE_EVERY;
    struct session_vm *v;

    if (s->config.idle_ns == 0) {
        return -1;
    }
    if (now >= s->idle_look_ns) {
        TAILQ_FOREACH (v, &s->sessions, link) {
            pause_look(s, v, now);
        }
        s->idle_look_ns = now + every;
    }
    return TAILQ_EMPTY(&s->sessions) ? -1 : (int)((s->idle_look_ns - now) / NS_PER_MS) + 1;
}
