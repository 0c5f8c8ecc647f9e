// SPDX-License-Identifier: Apache-2.0
/*
 * The jobs and sessions of a service: they wait, get a worker, run, and end.
 */
#ifndef PYHL_JOBS_H
#define PYHL_JOBS_H

#include "service.h"

/* NULL, with *error, if there are too many, or the session cannot go on. */
struct job *job_new(struct service *s, uint64_t id, struct session_vm *session,
                    struct request_error *error);
void job_drop(struct service *s, struct job *job);
/* From now on it waits for a worker. Returns false, with *error and no job, if there is no room for
 * its bytes. */
bool job_wait(struct service *s, struct job *job, struct request_error *error);
struct job *job_find(struct service *s, uint64_t id);
/* Ends a job at once, whether it runs or not. */
void job_cancel(struct service *s, struct job *job);
/* Sends a reply to its worker: the value, or an error. */
bool job_reply(struct job *job, uint64_t call, const uint8_t *bytes, size_t size, const char *type,
               const char *text, struct request_error *error);

struct session_vm *session_new(struct service *s, struct request_error *error);
void session_free(struct service *s, struct session_vm *session);
/* Ends a session, and the jobs that wait for it, which fail in this way. */
void session_close(struct service *s, struct session_vm *session, const char *type,
                   const char *text);

/* Hands jobs to workers that are ready, and has workers made. Returns 0 or, with *err, -errno. */
int jobs_dispatch(struct service *s, struct vmm_err *err);

/* Ends the runs that wait for a reply; none comes any more. */
void jobs_input_over(struct service *s);

/* Kills the workers whose runs should have ended. Returns for how long poll(2) may sleep, ms. */
int jobs_overdue(struct service *s);

/* For the pool. */
void job_message(void *arg, struct member *member, const struct worker_message *message,
                 const uint8_t *bytes);
bool job_ready(void *arg, const struct member *member);
void job_died(void *arg, struct member *member, const char *why);

void jobs_end(struct service *s);

#endif
