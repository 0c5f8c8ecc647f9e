// SPDX-License-Identifier: Apache-2.0
/*
 * Which worker has which job. A worker is taken for a job, and goes back by itself. A session keeps
 * the worker that its first job has got.
 */
#include "dispatch.h"
#include "commands.h"
#include "events.h"
#include "job_install.h"
#include "jobs.h"
#include "report.h"
#include "op_pause.h"
#include "sessions.h"
#include "states.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull
#define LATE_NS                                                                                    \
    2000000000ull /* a run is over so long after its timeout, or its worker is stuck               \
                   */

static bool job_start(struct service *s, struct job *job, struct member *member)
{
    const struct worker_message message = {
        .kind = WORKER_RUN, .number = (uint64_t)job->serial, .size = flow_out_size(&job->run)};

    member->owner = job;
    job->member = member;
    job->begun_ns = report_now();
    job->end_ns = job->head.timeout_ns != 0 ? report_now() + 2 * job->head.timeout_ns + LATE_NS : 0;
    TAILQ_REMOVE(job_queue(s, job), job, link);
    TAILQ_INSERT_TAIL(&s->running, job, link);
    if (job->session != NULL) {
        job->session->running = job;
        job->session->suspended = false;
    }
    /* The worker itself reads its socket during an install, so nobody answers an agent. */
    if (job->session != NULL && job->session->agent != NULL && job->install == NULL) {
        job->head.agent = 1;
        memcpy(job->run.out.bytes + job->run.out.at, &job->head, sizeof(job->head));
    }
    pool_pause(member, job->client != NULL && job->client->paused);
    if (pool_send(member, &message, job->run.out.bytes + job->run.out.at) < 0) {
        pool_kill(member);
        return false;
    }
    s->held -= job->held;
    job->held = 0;
    flow_free(&job->run);
    return true;
}

/* The first of a session's jobs that wait, if it may begin. */
static struct job *session_first(struct service *s, struct session_vm *v)
{
    struct request_error error = {.type = NULL};
    struct job *job;

    while ((job = TAILQ_FIRST(&v->waiting)) != NULL) {
        if (states_may_begin(v, job, &error)) {
            return job;
        }
        if (error.type == NULL) {
            return NULL;
        }
        job_fail_waiting(s, job, error.type, error.text);
        error.type = NULL;
    }
    return NULL;
}

/* The job that the session has next; NULL: none. A run that waits for commands ends when there is
 * another job, or no command. */
static struct job *session_next(struct service *s, struct session_vm *v)
{
    if (v->running != NULL && v->running->waits &&
        (!TAILQ_EMPTY(&v->waiting) || !commands_want(v))) {
        commands_yield(v);
    } else if (v->running == NULL && v->doing == NULL && !v->suspended &&
               TAILQ_EMPTY(&v->waiting) && commands_want(v)) {
        commands_queue(s, v);
    }
    pause_wake(s, v);
    return session_first(s, v);
}

/* Starts the next job of each session that has one. Returns how many sessions have no VM yet. */
static size_t dispatch_sessions(struct service *s)
{
    struct session_vm *v;
    size_t without = 0;

    TAILQ_FOREACH (v, &s->sessions, link) {
        struct job *job = session_next(s, v);

        if (job != NULL) {
            v->member = v->member != NULL ? v->member : pool_take(&s->pool, v->account);
            without += v->member == NULL;
            if (v->member != NULL && job->state != NULL) {
                states_begin(s, job, v->member);
            } else if (v->member != NULL) {
                (void)job_start(s, job, v->member);
            }
        }
    }
    return without;
}

static bool job_wakes(const struct job *job)
{
    return job != NULL && job->state != NULL && job->state->kind == STATE_WAKE;
}

/* A session has no worker, and can get none. One that is paused stays so. */
static void session_refuse(struct service *s, struct session_vm *v, const char *why)
{
    struct job *job, *next;

    if (v->disk_fd < 0 && !job_wakes(TAILQ_FIRST(&v->waiting))) {
        session_lose(s, v, "Busy", why);
        return;
    }
    for (job = TAILQ_FIRST(&v->waiting); job != NULL; job = next) {
        next = TAILQ_NEXT(job, link);
        if (!job_wakes(job)) {
            job_fail_waiting(s, job, "Busy", why);
        }
    }
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
            session_refuse(s, v, why);
        }
    }
}

/* Has workers made. Where the system has no room for one, those that there are go on; a server that
 * has served goes on without any, since its clients may have taken that room for a while. */
static int dispatch_fill(struct service *s, size_t hermetic, struct vmm_err *err)
{
    const int rc = pool_fill(&s->pool, err);

    if (rc == 0 || (!s->pool.began && (rc == -EIO || TAILQ_EMPTY(&s->pool.members)))) {
        return rc;
    }
    if (hermetic + pool_count(&s->pool, MEMBER_READY) + pool_count(&s->pool, MEMBER_STARTING) ==
        0) {
        jobs_refuse(s, err->msg);
    }
    *err = (struct vmm_err){0};
    return 0;
}

/* Runs whose packages were found wait for a worker from now on. */
static void dispatch_prepared(struct service *s)
{
    struct request_error failed;
    struct job *next;

    for (struct job *job = TAILQ_FIRST(&s->preparing); job != NULL; job = next) {
        struct client *client = job->client;
        const uint64_t id = job->id;

        next = TAILQ_NEXT(job, link);
        if (!job_install_ready(job, &failed)) {
            continue;
        }
        TAILQ_REMOVE(&s->preparing, job, link);
        if (failed.type != NULL) {
            job_drop(s, job);
        } else if (job_wait(s, job, &failed)) {
            continue;
        }
        event_failed(client, id, failed.type, failed.text);
    }
}

int jobs_dispatch(struct service *s, struct vmm_err *err)
{
    const struct job *running;
    size_t without, hermetic = 0;
    struct member *member;
    struct job *job;

    dispatch_prepared(s);
    without = dispatch_sessions(s);
    TAILQ_FOREACH (running, &s->running, link) {
        hermetic += running->head.keeps == 0;
    }
    while (hermetic < s->config.workers && (job = TAILQ_FIRST(&s->waiting)) != NULL &&
           (member = pool_take(&s->pool, job->account)) != NULL) {
        (void)job_start(s, job, member);
        hermetic++;
    }
    s->pool.spare = s->config.workers > hermetic ? s->config.workers - hermetic : 0;
    s->pool.spare = s->pool.spare > without ? s->pool.spare : without;
    pool_trim(&s->pool);
    if (!TAILQ_EMPTY(&s->forking)) {
        s->pool.spare = without; /* the others would take CPU time from the forks that go on */
    }
    return dispatch_fill(s, hermetic, err);
}

int jobs_overdue(struct service *s)
{
    const uint64_t now = report_now();
    uint64_t next = UINT64_MAX;
    struct job *job;

    TAILQ_FOREACH (job, &s->running, link) {
        if (job->end_ns != 0 && job->end_ns <= now) {
            pool_kill(job->member != NULL ? job->member : job->session->member);
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
    jobs_drop(s, &s->preparing);
    for (struct session_vm *v = TAILQ_FIRST(&s->sessions); v != NULL; v = next) {
        next = TAILQ_NEXT(v, link);
        jobs_drop(s, &v->waiting);
        commands_lose(v, "LookupError", "the server ends");
        kept_remove_all(s, v);
        if (v->disk_fd >= 0) {
            close(v->disk_fd);
        }
        free(v);
    }
    jobs_drop(s, &s->answered);
    jobs_drop(s, &s->forking);
}
