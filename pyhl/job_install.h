// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs that put packages into a session, and runs without one that find packages. The worker tells
 * what its machine has, a process of its own finds what is missing (finder.h), and the worker
 * fetches that in pieces. Meanwhile the session waits, and everything else goes on.
 */
#ifndef PYHL_JOB_INSTALL_H
#define PYHL_JOB_INSTALL_H

#include "service.h"

/* Whether this server gets packages; if not it sets the error. */
bool job_install_allowed(const struct client *client, struct request_error *error);

/* Makes the job one of these packages: a list of texts. fresh: it is a run without a session, which
 * is to find them. They are looked for before it gets a worker. */
bool job_install_begin(struct job *job, const json_t *packages, bool fresh,
                       struct request_error *error);

/* Whether the packages of such a run were found, or could not be; then failed is their error, or
 * its type is NULL, and the job can wait for a worker. */
bool job_install_ready(struct job *job, struct request_error *failed);

/* Frees what belongs to it, and ends its process. */
void job_install_drop(struct service *s, struct job *job);

/* It is to end. Returns false if it is in its machine, which is then to be stopped. */
bool job_install_cancel(struct service *s, struct job *job);

/* A message of the worker: WORKER_WANTS or WORKER_FETCH. Returns false for one that no worker sends
 * then. */
bool job_install_message(struct service *s, struct job *job, const struct worker_message *message,
                         const uint8_t *bytes);

/* To be called before the loop sleeps: begins those that wait, as far as there may be more. */
void job_install_turn(struct service *s);

/* The worker is done with it: tells the client. */
void job_install_done(const struct job *job, const struct vmm_outcome *outcome);

#endif
