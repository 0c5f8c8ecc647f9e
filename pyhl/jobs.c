// SPDX-License-Identifier: Apache-2.0
/*
 * A worker is taken for a job, and goes back by itself. A session keeps the worker that its first
 * job has got. What comes from a worker is checked: one that sends what none sends is killed.
 */
#include "jobs.h"
#include "events.h"
#include "outcome.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000ull
/* A run is over so long after its timeout, or after a cancel, or its worker is stuck. */
#define LATE_NS   2000000000ull
#define CANCEL_NS 1000000000ull

#define KIND_MAX     64u
#define OUTPUT_SLACK (1u << 20) /* a worker keeps to the limit; far over it, it is a guest's */
#define CALLS_MAX    65536u     /* open at once; more than libvmm has */

/* --- jobs --- */

struct job *job_new(struct service *s, uint64_t id, struct session_vm *session,
                    struct request_error *error)
{
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
    job->id = id;
    job->serial = s->serial;
    job->session = session;
    s->jobs++;
    return job;
}

void job_drop(struct service *s, struct job *job)
{
    s->held -= job->held;
    flow_free(&job->run);
    free(job->calls);
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

static struct job_list *job_queue(struct service *s, const struct job *job)
{
    return job->session != NULL ? &job->session->waiting : &s->waiting;
}

bool job_wait(struct service *s, struct job *job, struct request_error *error)
{
    if (!job_fits(s, job, error)) {
        job_drop(s, job);
        return false;
    }
    job->held = flow_out_size(&job->run);
    s->held += job->held;
    memcpy(&job->head, job->run.out.bytes, sizeof(job->head));
    TAILQ_INSERT_TAIL(job_queue(s, job), job, link);
    return true;
}

static struct job *job_in(const struct job_list *list, uint64_t id)
{
    struct job *job;

    TAILQ_FOREACH (job, list, link) {
        if (job->id == id) {
            return job;
        }
    }
    return NULL;
}

struct job *job_find(struct service *s, uint64_t id)
{
    struct job *job = job_in(&s->running, id);
    const struct session_vm *v;

    job = job == NULL ? job_in(&s->waiting, id) : job;
    TAILQ_FOREACH (v, &s->sessions, link) {
        job = job == NULL ? job_in(&v->waiting, id) : job;
    }
    return job;
}

/* Ends a job that has not begun. */
static void job_fail_waiting(struct service *s, struct job *job, const char *type, const char *text)
{
    event_failed(s, job->id, type, text);
    TAILQ_REMOVE(job_queue(s, job), job, link);
    job_drop(s, job);
}

static bool job_call_begin(struct job *job, uint64_t number)
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

    if (job->member == NULL || !job_call_end(job, call)) {
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

/* --- sessions --- */

struct session_vm *session_new(struct service *s, struct request_error *error)
{
    struct session_vm *v = NULL;

    if (s->session_count >= s->config.sessions) {
        (void)request_wrong(error, "Busy", "%zu sessions are open, and no more are allowed",
                            s->session_count);
        return NULL;
    }
    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        (void)request_wrong(error, "OSError", "the server is out of memory");
        return NULL;
    }
    s->session_serial++;
    (void)snprintf(v->name, sizeof(v->name), "s%llu", (unsigned long long)s->session_serial);
    TAILQ_INIT(&v->waiting);
    TAILQ_INSERT_TAIL(&s->sessions, v, link);
    s->session_count++;
    return v;
}

void session_free(struct service *s, struct session_vm *session)
{
    if (session != NULL) {
        TAILQ_REMOVE(&s->sessions, session, link);
        s->session_count--;
        free(session);
    }
}

/* The session is no more; its worker is the caller's matter. */
static void session_lose(struct service *s, struct session_vm *v, const char *type,
                         const char *text)
{
    struct job *next;

    for (struct job *job = TAILQ_FIRST(&v->waiting); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        job_fail_waiting(s, job, type, text);
    }
    if (v->running != NULL) {
        v->running->session = NULL;
    }
    session_free(s, v);
}

void job_cancel(struct service *s, struct job *job)
{
    struct session_vm *opened = job->opens ? job->session : NULL;

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

void session_close(struct service *s, struct session_vm *session, const char *type,
                   const char *text)
{
    const struct worker_message reset = {.kind = WORKER_RESET};
    struct member *member = session->member;
    struct job *running = session->running;

    session_lose(s, session, type, text);
    if (running != NULL) {
        job_cancel(s, running);
    } else if (member != NULL && pool_send(member, &reset, NULL) < 0) {
        pool_kill(member);
    }
}

/* --- what comes from workers --- */

/* Takes the job off its worker. What becomes of the worker is the caller's matter. */
static void job_over(struct service *s, struct job *job)
{
    job->member->owner = NULL;
    if (job->session != NULL) {
        job->session->running = NULL;
    }
    TAILQ_REMOVE(&s->running, job, link);
    job_drop(s, job);
}

/* The answer to `open` is the session, not the run that has brought its environment. */
static void event_opened(struct service *s, const struct job *job,
                         const struct vmm_outcome *outcome)
{
    const struct outcome_limits limits = {.timeout = "the timeout",
                                          .timeout_ns = job->head.timeout_ns};
    char text[OUTCOME_TEXT];

    if (outcome->kind == VMM_READY && outcome->status == 0) {
        event_put(s, job->id, "done", json_pack("{s:s}", "session", job->session->name), NULL, 0);
    } else {
        outcome_text(outcome, &limits, text);
        event_failed(s, job->id, "OSError",
                     outcome->kind == VMM_READY ? "the session was refused: is its cwd good?"
                                                : text);
    }
}

/* Frees the job, and decides about its worker and its session. A worker whose machine stays as the
 * run has left it waits to be told; any other is put back by itself. */
static void job_ended(struct service *s, struct job *job, bool stays, bool good)
{
    const struct worker_message over = {.kind = WORKER_OVER}, reset = {.kind = WORKER_RESET};
    const bool tools = job->head.tool_count > 0;
    struct session_vm *session = job->session;
    struct member *member = job->member;

    job_over(s, job);
    if (session != NULL && !(stays && good)) {
        session_lose(s, session, "LookupError", "the session is over: a run before has ended it");
        session = NULL;
    }
    if ((tools && pool_send(member, &over, NULL) < 0) ||
        (stays && session == NULL && pool_send(member, &reset, NULL) < 0)) {
        pool_kill(member);
    }
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
    if (job->opens && job->session == NULL) {
        event_failed(s, job->id, "Cancelled", "the session was closed");
    } else if (job->opens) {
        event_opened(s, job, &outcome);
    } else {
        event_done(s, job, &outcome);
    }
    job_ended(s, job, job->head.keeps != 0 && outcome.kind == VMM_READY,
              !job->opens || outcome.status == 0);
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

static bool job_record(struct service *s, const struct job *job, const uint8_t *bytes, size_t size)
{
    const size_t kind = text_at(bytes, size, KIND_MAX);

    if (kind == 0) {
        return false;
    }
    event_put(s, job->id, "record", json_pack("{s:s}", "kind", (const char *)bytes),
              bytes + kind + 1, size - kind - 1);
    return true;
}

static bool job_call(struct service *s, struct job *job, uint64_t number, const uint8_t *bytes,
                     size_t size)
{
    const size_t name = text_at(bytes, size, 127);

    if (name == 0 || job->head.tool_count == 0 || number > REQUEST_ID ||
        !job_call_begin(job, number)) {
        return false;
    }
    if (s->input_over) {
        job_cancel(s, job);
        return true;
    }
    event_put(s, job->id, "call",
              json_pack("{s:I, s:s}", "call", (json_int_t)number, "name", (const char *)bytes),
              bytes + name + 1, size - name - 1);
    return true;
}

static bool job_takes(struct service *s, struct job *job, const struct worker_message *message,
                      const uint8_t *bytes)
{
    const uint64_t most = job->head.max_output;

    job->output += message->size;
    if (most != 0 && message->kind <= WORKER_RECORD && job->output > 2 * most + OUTPUT_SLACK) {
        return false;
    }
    switch (message->kind) {
    case WORKER_STDOUT:
    case WORKER_STDERR:
        event_output(s, job->id, message->kind == WORKER_STDOUT ? "stdout" : "stderr", bytes,
                     message->size);
        return true;
    case WORKER_RECORD:
        return job_record(s, job, bytes, message->size);
    case WORKER_CALL:
        return job_call(s, job, message->number, bytes, message->size);
    case WORKER_DONE:
        return job_done(s, job, message, bytes);
    default:
        return false;
    }
}

void job_message(void *arg, struct member *member, const struct worker_message *message,
                 const uint8_t *bytes)
{
    struct service *s = arg;
    struct job *job = member->owner;

    if (job == NULL || !job_takes(s, job, message, bytes)) {
        pool_kill(member);
    }
}

bool job_ready(void *arg, const struct member *member)
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

void job_died(void *arg, struct member *member, const char *why)
{
    struct service *s = arg;
    struct job *job = member->owner;
    struct session_vm *v;

    if (job != NULL) {
        event_failed(s, job->id, "WorkerDied", why);
        job_over(s, job);
    }
    TAILQ_FOREACH (v, &s->sessions, link) {
        if (v->member == member) {
            session_lose(s, v, "WorkerDied", "the session is over: its worker died");
            break;
        }
    }
}

/* --- which worker has which --- */

static bool job_start(struct service *s, struct job *job, struct member *member)
{
    const struct worker_message message = {
        .kind = WORKER_RUN, .number = (uint64_t)job->serial, .size = flow_out_size(&job->run)};

    member->owner = job;
    job->member = member;
    job->end_ns = job->head.timeout_ns != 0 ? report_now() + 2 * job->head.timeout_ns + LATE_NS : 0;
    TAILQ_REMOVE(job_queue(s, job), job, link);
    TAILQ_INSERT_TAIL(&s->running, job, link);
    if (job->session != NULL) {
        job->session->running = job;
    }
    if (pool_send(member, &message, job->run.out.bytes + job->run.out.at) < 0) {
        pool_kill(member);
        return false;
    }
    s->held -= job->held;
    job->held = 0;
    flow_free(&job->run);
    return true;
}

/* Starts the next run of each session that has one. Returns how many sessions have no VM yet. */
static size_t dispatch_sessions(struct service *s)
{
    struct session_vm *v;
    size_t without = 0;

    TAILQ_FOREACH (v, &s->sessions, link) {
        struct job *job = TAILQ_FIRST(&v->waiting);

        if (job != NULL && v->running == NULL) {
            v->member = v->member != NULL ? v->member : pool_take(&s->pool, NULL);
            without += v->member == NULL;
            if (v->member != NULL) {
                (void)job_start(s, job, v->member);
            }
        }
    }
    return without;
}

/* No worker can be started, and none will be free by itself: refuses the jobs that have none. */
static void jobs_refuse(struct service *s, const char *why)
{
    struct session_vm *v, *next;

    while (!TAILQ_EMPTY(&s->waiting)) {
        job_fail_waiting(s, TAILQ_FIRST(&s->waiting), "Busy", why);
    }
    for (v = TAILQ_FIRST(&s->sessions); v != NULL; v = next) {
        next = TAILQ_NEXT(v, link);
        if (v->member == NULL) {
            session_lose(s, v, "Busy", why);
        }
    }
}

/* Has workers made. Where the system has no room for one, those that there are go on. */
static int dispatch_fill(struct service *s, size_t hermetic, struct vmm_err *err)
{
    const int rc = pool_fill(&s->pool, err);

    if (rc == 0 || rc == -EIO || TAILQ_EMPTY(&s->pool.members)) {
        return rc;
    }
    if (hermetic + pool_count(&s->pool, MEMBER_READY) + pool_count(&s->pool, MEMBER_STARTING) ==
        0) {
        jobs_refuse(s, err->msg);
    }
    *err = (struct vmm_err){0};
    return 0;
}

int jobs_dispatch(struct service *s, struct vmm_err *err)
{
    size_t without = dispatch_sessions(s), hermetic = 0;
    const struct job *running;
    struct member *member;
    struct job *job;

    TAILQ_FOREACH (running, &s->running, link) {
        hermetic += running->head.keeps == 0;
    }
    while (hermetic < s->config.workers && (job = TAILQ_FIRST(&s->waiting)) != NULL &&
           (member = pool_take(&s->pool, NULL)) != NULL) {
        (void)job_start(s, job, member);
        hermetic++;
    }
    s->pool.spare = s->config.workers > hermetic ? s->config.workers - hermetic : 0;
    s->pool.spare = s->pool.spare > without ? s->pool.spare : without;
    pool_trim(&s->pool);
    return dispatch_fill(s, hermetic, err);
}

void jobs_input_over(struct service *s)
{
    struct job *job;

    TAILQ_FOREACH (job, &s->running, link) {
        if (job->call_count > 0) {
            job_cancel(s, job);
        }
    }
}

int jobs_overdue(struct service *s)
{
    const uint64_t now = report_now();
    uint64_t next = UINT64_MAX;
    struct job *job;

    TAILQ_FOREACH (job, &s->running, link) {
        if (job->end_ns != 0 && job->end_ns <= now) {
            pool_kill(job->member);
            job->end_ns = 0;
        }
        next = job->end_ns != 0 && job->end_ns < next ? job->end_ns : next;
    }
    next = next == UINT64_MAX ? next : (next - now) / NS_PER_MS;
    return next >= INT_MAX ? -1 : (int)next + 1;
}

static void jobs_drop(struct service *s, const struct job_list *list)
{
    struct job *next;

    for (struct job *job = TAILQ_FIRST(list); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        job_drop(s, job);
    }
}

void jobs_end(struct service *s)
{
    struct session_vm *next;

    jobs_drop(s, &s->waiting);
    jobs_drop(s, &s->running);
    for (struct session_vm *v = TAILQ_FIRST(&s->sessions); v != NULL; v = next) {
        next = TAILQ_NEXT(v, link);
        jobs_drop(s, &v->waiting);
        free(v);
    }
}
