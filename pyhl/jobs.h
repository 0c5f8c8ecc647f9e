// SPDX-License-Identifier: Apache-2.0
/*
 * The jobs of a service: requests that a worker carries out. They wait, run, and end.
 */
#ifndef PYHL_JOBS_H
#define PYHL_JOBS_H

#include "service.h"

/* NULL, with *error, if there are too many. */
struct job *job_new(struct client *client, uint64_t id, struct session_vm *session,
                    struct request_error *error);
void job_drop(struct service *s, struct job *job);
/* Its client hears no more of it. */
void job_leave(struct job *job);
/* Counts a job as one of its owner's runs, if that may have it, and bounds its CPU time by what the
 * owner has left. job_wait() does so. */
bool job_count(const struct service *s, struct job *job, struct request_error *error);
/* From now on it waits for a worker. Returns false, with *error and no job, if there is no room for
 * its bytes. */
bool job_wait(struct service *s, struct job *job, struct request_error *error);
/* A service run of a session (HV_RUN_SERVICE), from its words, NULL-terminated, and its bytes. It
 * waits for its turn. Returns false, with *error, if it cannot. */
bool job_serve(struct client *client, uint64_t id, struct session_vm *session,
               const char *const *words, const uint8_t *bytes, size_t size,
               struct request_error *error);
/* The list that a job which waits is in. */
struct job_list *job_queue(struct service *s, const struct job *job);
struct job *job_find(const struct client *client, uint64_t id);
/* Ends a job that waits. */
void job_fail_waiting(struct service *s, struct job *job, const char *type, const char *text);

/* A call of a tool is open from now on. Returns false if there are too many. */
bool job_call_begin(struct job *job, uint64_t number);
/* Sends a reply to its worker: the value, or an error if type is not NULL. One for no open call is
 * dropped. */
bool job_reply(struct job *job, uint64_t call, const uint8_t *bytes, size_t size, const char *type,
               const char *text, struct request_error *error);

#endif
