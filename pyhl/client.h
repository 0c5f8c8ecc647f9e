// SPDX-License-Identifier: Apache-2.0
/*
 * A client of a service: whoever asks it for something in this process, for the program at the
 * other end of a pipe, a connection or a message. Every way into the server is one, and speaks the
 * requests and events of PROTOCOL.md, as JSON values and bytes. One thread uses a service and its
 * clients.
 */
#ifndef PYHL_CLIENT_H
#define PYHL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct client;
struct job;
struct listener;
struct service;

#define CLIENT_NO_ID UINT64_MAX /* of an event that belongs to no request */

struct client_ops {
    /* An event. members is NULL when it has none beside "id" and "event", which are not in it. The
     * object and the bytes are the service's; the function may add members. It must not ask for
     * something, nor end the client. */
    void (*event)(struct client *client, uint64_t id, const char *event, json_t *members,
                  const void *bytes, size_t size);
};

struct client {
    const struct client_ops *ops;
    struct service *service;
    const char *owner; /* of its sessions: clients of one owner share them. The client's maker's */
    TAILQ_HEAD(client_jobs, job) jobs;                /* its requests under way */
    TAILQ_HEAD(client_listeners, listener) listeners; /* its commands (commands.h) */
    size_t job_count;                                 /* of both */
    bool input_over;                                  /* no replies come any more */
    bool paused;                                      /* its events are not read from the workers */
    bool failed; /* there was no memory for an event, so that it misses one */
};

void client_begin(struct client *client, struct service *service, const struct client_ops *ops,
                  const char *owner);

/* Carries out a request. What becomes of it are events, of which some may come before this returns.
 * The last one of a request is "done" or "failed". */
void client_request(struct client *client, const json_t *request, const uint8_t *bytes,
                    size_t size);

/* No replies come any more: runs that wait for one end. */
void client_input_over(struct client *client);

/* Whether events are to wait in the workers, because the other end does not read. */
void client_pause(struct client *client, bool paused);

/* No event comes any more. A run of a session gets SIGINT, and ends soon; others end at once. The
 * owner's sessions stay. */
void client_end(struct client *client);

#endif
