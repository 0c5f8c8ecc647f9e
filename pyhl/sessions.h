// SPDX-License-Identifier: Apache-2.0
/*
 * The sessions of a service.
 */
#ifndef PYHL_SESSIONS_H
#define PYHL_SESSIONS_H

#include "service.h"

/* NULL, with *error, if there are too many. */
struct session_vm *session_new(struct client *client, struct request_error *error);
/* The one that the request's "session" names; NULL, with *error, if its owner has none of that
 * name. */
struct session_vm *session_find(const struct client *client, const json_t *request,
                                struct request_error *error);
void session_free(struct service *s, struct session_vm *session);
/* The session is no more, and the jobs that wait for it fail in this way. Its worker is the
 * caller's matter. */
void session_lose(struct service *s, struct session_vm *v, const char *type, const char *text);
/* The same, and its worker goes back, at the end of the run that it has. */
void session_close(struct service *s, struct session_vm *session, const char *type,
                   const char *text);

/* Ends a job at once, whether it runs or not. */
void job_cancel(struct service *s, struct job *job);
/* Its client is gone: a run of a session is interrupted, any other job is cancelled. */
void job_abandon(struct service *s, struct job *job);

#endif
