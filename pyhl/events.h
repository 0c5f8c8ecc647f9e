// SPDX-License-Identifier: Apache-2.0
/*
 * The events that a client gets (PROTOCOL.md). Where there is no memory for one, service.failed is
 * set.
 */
#ifndef PYHL_EVENTS_H
#define PYHL_EVENTS_H

#include "service.h"

#define EVENT_NO_ID UINT64_MAX /* of an event that belongs to no request */

/* members is taken, with the event's name and id; NULL: there was no memory for it. */
void event_put(struct service *s, uint64_t id, const char *event, json_t *members,
               const void *bytes, size_t size);
void event_failed(struct service *s, uint64_t id, const char *type, const char *text);

/* One of stdout and stderr, which come most often. */
void event_output(struct service *s, uint64_t id, const char *event, const void *bytes,
                  size_t size);

/* How the run of a job has ended. */
void event_done(struct service *s, const struct job *job, const struct vmm_outcome *outcome);

#endif
