// SPDX-License-Identifier: Apache-2.0
/*
 * The events that a client gets (PROTOCOL.md). Where there is no memory for one, client.failed is
 * set. A client that is gone (NULL) gets none.
 */
#ifndef PYHL_EVENTS_H
#define PYHL_EVENTS_H

#include "service.h"

/* members is taken; NULL: there was no memory for it. */
void event_put(struct client *client, uint64_t id, const char *event, json_t *members,
               const void *bytes, size_t size);
void event_failed(struct client *client, uint64_t id, const char *type, const char *text);

/* An event without members: stdout and stderr, which come most often. */
void event_bytes(struct client *client, uint64_t id, const char *event, const void *bytes,
                 size_t size);

/* How the run of a job has ended. */
void event_done(const struct service *s, const struct job *job, const struct vmm_outcome *outcome);

#endif
