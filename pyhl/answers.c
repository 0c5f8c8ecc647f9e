// SPDX-License-Identifier: Apache-2.0
/*
 * What comes from workers. It is checked: a worker that sends what none sends is killed.
 */
#include "answers.h"
#include "commands.h"
#include "events.h"
#include "job_install.h"
#include "jobs.h"
#include "outcome.h"
#include "served.h"
#include "sessions.h"
#include "states.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_MAX     64u
#define OUTPUT_SLACK (1u << 20) /* a worker keeps to the limit; far over it, it is a guest's */

/* Takes the job off its worker, whose machine stays as the run has left it or not. What becomes of
 * the worker is the caller's matter. */
static void job_over(struct service *s, struct job *job, bool stays)
{
    job->member->owner = NULL;
    pool_pause(job->member, false);
    if (job->session != NULL) {
        job->session->running = NULL;
        commands_run_over(job->session, job->waits && stays);
    }
    TAILQ_REMOVE(&s->running, job, link);
    job_drop(s, job);
}

/* The answer to `open` is the session, not the run that has brought its environment. */
static void event_opened(const struct job *job, const struct vmm_outcome *outcome)
{
    const struct outcome_limits limits = {.timeout = "the timeout",
                                          .timeout_ns = job->head.timeout_ns};
    char text[OUTCOME_TEXT];

    if (outcome->kind == VMM_READY && outcome->status == 0) {
        event_put(job->client, job->id, "done", json_pack("{s:s}", "session", job->session->name),
                  NULL, 0);
    } else if (outcome->kind == VMM_KILLED) {
        event_failed(job->client, job->id, "Cancelled", "it was cancelled");
    } else {
        outcome_text(outcome, &limits, text);
        event_failed(job->client, job->id, "OSError",
                     outcome->kind == VMM_READY ? "the session was refused: is its cwd good?"
                                                : text);
    }
}

/* Frees the job, and decides about its worker and its session. A worker whose machine stays as the
 * run has left it waits to be told; any other is put back by itself. */
static void job_ended(struct service *s, struct job *job, bool stays, bool good)
{
    const struct worker_message over = {.kind = WORKER_OVER};
    const bool tools = job->head.tool_count > 0 || job->head.agent != 0;
    struct session_vm *session = job->session;
    struct member *member = job->member;

    job_over(s, job, stays);
    if (session != NULL && !(stays && good)) {
        session_lose(s, session, "LookupError", "the session is over: a run before has ended it");
        session = NULL;
    }
    if (tools) {
        (void)pool_send(member, &over, NULL);
    }
    if (session == NULL) {
        pool_return(member, stays);
    }
}

/* Keeps for the log how a job has ended. */
static void job_outcome(struct job *job, const struct vmm_outcome *outcome)
{
    const bool ready = outcome->kind == VMM_READY;

    job->outcome = ready ? "ready" : outcome_name(outcome);
    job->status = ready ? outcome->status : outcome_status(outcome, SIGKILL);
    job->counters = outcome->counters;
    job->cpu_ns = outcome->counters.cpu_ns;
}

static bool job_done(struct service *s, struct job *job, const struct worker_message *message,
                     const uint8_t *bytes)
{
    struct worker_done done;
    struct vmm_outcome outcome;

    if (message->size != sizeof(done)) {
        return false;
    }
    memcpy(&done, bytes, sizeof(done));
    if (done.kind < VMM_READY || done.kind > VMM_BROKEN || done.status < 0 || done.status > 4095) {
        return false;
    }
    outcome = (struct vmm_outcome){
        .kind = (enum vmm_outcome_kind)done.kind, .status = done.status, .counters = done.counters};
    for (size_t i = 0; i < sizeof(outcome.detail) - 1 && done.detail[i] != 0; i++) {
        const char c = done.detail[i];

        outcome.detail[i] = (char)(c >= ' ' && c <= '~' ? c : '?');
    }
    job_outcome(job, &outcome);
    if (job->opens && job->session == NULL) {
        event_failed(job->client, job->id, "Cancelled", "the session was closed");
    } else if (job->install != NULL && (job->head.keeps != 0 || outcome.kind == VMM_FILES)) {
        job_install_done(job, &outcome);
    } else if (job->opens) {
        event_opened(job, &outcome);
    } else if (job->head.sort == WORKER_SERVICE) {
        served_done(job, &outcome);
    } else {
        event_done(s, job, &outcome);
    }
    job_ended(s, job, job->head.keeps != 0 && outcome.kind == VMM_READY,
              !job->opens || (outcome.status == 0 && job->client != NULL));
    return true;
}

/* A text of printable ASCII that ends with a NUL inside the bytes. Returns its length, or 0. */
static size_t text_at(const uint8_t *bytes, size_t size, size_t most)
{
    size_t n = 0;

    while (n < size && n <= most && bytes[n] >= ' ' && bytes[n] <= '~') {
        n++;
    }
    return n < size && n <= most && bytes[n] == 0 ? n : 0;
}

static bool job_record(struct job *job, const uint8_t *bytes, size_t size)
{
    const size_t kind = text_at(bytes, size, KIND_MAX);

    if (kind == 0) {
        return false;
    }
    if (job->waits && job->session != NULL) {
        commands_said(job->session, bytes + kind + 1, size - kind - 1);
        return true;
    }
    if (served_record(job, (const char *)bytes, bytes + kind + 1, size - kind - 1)) {
        return true;
    }
    event_put(job->client, job->id, "record", json_pack("{s:s}", "kind", (const char *)bytes),
              bytes + kind + 1, size - kind - 1);
    return true;
}

static bool job_call(struct service *s, struct job *job, uint64_t number, const uint8_t *bytes,
                     size_t size)
{
    const size_t name = text_at(bytes, size, 127);

    if (name > 0 && job->head.agent != 0 &&
        strncmp((const char *)bytes, WORKER_HIDDEN, sizeof(WORKER_HIDDEN) - 1) == 0) {
        return number <= REQUEST_ID &&
               (job->session == NULL || commands_call(job->session, (const char *)bytes, number,
                                                      bytes + name + 1, size - name - 1));
    }
    if (name == 0 || job->head.tool_count == 0 || number > REQUEST_ID ||
        !job_call_begin(job, number)) {
        return false;
    }
    if (job->client == NULL || job->client->input_over) {
        job_cancel(s, job);
        return true;
    }
    event_put(job->client, job->id, "call",
              json_pack("{s:I, s:s}", "call", (json_int_t)number, "name", (const char *)bytes),
              bytes + name + 1, size - name - 1);
    return true;
}

static bool job_takes(struct service *s, struct job *job, const struct worker_message *message,
                      const uint8_t *bytes)
{
    const uint64_t most = job->head.max_output;

    job->output += message->kind <= WORKER_RECORD ? message->size : 0;
    if (most != 0 && job->output > 2 * most + OUTPUT_SLACK) {
        return false;
    }
    switch (message->kind) {
    case WORKER_STDOUT:
    case WORKER_STDERR:
        event_bytes(job->client, job->id, message->kind == WORKER_STDOUT ? "stdout" : "stderr",
                    bytes, message->size);
        return true;
    case WORKER_RECORD:
        return job_record(job, bytes, message->size);
    case WORKER_CALL:
        return job_call(s, job, message->number, bytes, message->size);
    case WORKER_DONE:
        return job_done(s, job, message, bytes);
    case WORKER_WANTS:
    case WORKER_FETCH:
        return job_install_message(s, job, message, bytes);
    default:
        return false;
    }
}

void answer_message(void *arg, struct member *member, const struct worker_message *message,
                    const uint8_t *bytes)
{
    struct service *s = arg;
    struct job *job = member->owner;
    const bool good = message->kind == WORKER_SAVED || message->kind == WORKER_LOADED
                          ? states_answer(s, member, message, bytes)
                          : job != NULL && job_takes(s, job, message, bytes);

    if (!good) {
        pool_kill(member);
    }
}

bool answer_ready(void *arg, const struct member *member)
{
    const struct service *s = arg;
    const struct session_vm *v;

    TAILQ_FOREACH (v, &s->sessions, link) {
        if (v->member == member) {
            return false;
        }
    }
    return member->owner == NULL;
}

void answer_died(void *arg, struct member *member, const char *why)
{
    struct service *s = arg;
    struct job *job = member->owner;
    struct session_vm *v;

    if (job != NULL) {
        job->outcome = "WorkerDied";
        event_failed(job->client, job->id, "WorkerDied", why);
    }
    TAILQ_FOREACH (v, &s->sessions, link) {
        if (v->member == member) {
            session_lose(s, v, "WorkerDied", "the session is over: its worker died");
            break;
        }
    }
    if (job != NULL) {
        job_over(s, job, false);
    }
}
