// SPDX-License-Identifier: Apache-2.0
#include "frames.h"
#include "cmd.h"
#include "ends.h"
#include "events.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEAD    8u
#define FRAMES_UNREAD (8u << 20) /* of events that the client has not read: workers wait */

struct frames {
    struct client client;
    struct ends ends;
    bool failed; /* it cannot be understood */
};

/* --- events to frames --- */

static void frame_put(struct frames *io, const char *text, size_t text_size, const void *bytes,
                      size_t size)
{
    const uint8_t head[FRAME_HEAD] = {
        (uint8_t)text_size,
        (uint8_t)(text_size >> 8),
        (uint8_t)(text_size >> 16),
        (uint8_t)(text_size >> 24),
        (uint8_t)size,
        (uint8_t)(size >> 8),
        (uint8_t)(size >> 16),
        (uint8_t)(size >> 24),
    };

    if (flow_put(&io->ends.flow, head, sizeof(head)) < 0 ||
        flow_put(&io->ends.flow, text, text_size) < 0 ||
        flow_put(&io->ends.flow, bytes, size) < 0) {
        io->client.failed = true; /* half an event is the last thing that the client gets */
    }
    if (flow_out_size(&io->ends.flow) > FRAMES_UNREAD) {
        client_pause(&io->client, true);
    }
}

static void frames_event(struct client *client, uint64_t id, const char *event, json_t *members,
                         const void *bytes, size_t size)
{
    struct frames *io = (struct frames *)client;
    char few[80], *text = NULL;
    int n;

    if (members == NULL) {
        n = snprintf(few, sizeof(few), "{\"id\":%llu,\"event\":\"%s\"}", (unsigned long long)id,
                     event);
        frame_put(io, few, (size_t)n, bytes, size);
        return;
    }
    if (json_object_set_new(members, "event", json_string(event)) == 0 &&
        (id == CLIENT_NO_ID ||
         json_object_set_new(members, "id", json_integer((json_int_t)id)) == 0)) {
        text = json_dumps(members, JSON_COMPACT);
    }
    if (text == NULL) {
        client->failed = true;
    } else {
        frame_put(io, text, strlen(text), bytes, size);
    }
    free(text);
}

static const struct client_ops frames_ops = {.event = frames_event};

/* --- frames to requests --- */

/* The next number of a frame's head. */
static uint32_t frame_number(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* After a frame that is none nothing that follows can be understood. */
static void frames_fail(struct frames *io, const struct request_error *error)
{
    event_failed(&io->client, CLIENT_NO_ID, error->type, error->text);
    io->failed = true;
}

/* Takes one frame. Returns false if there is no whole one. */
static bool frame_take(struct frames *io)
{
    struct request_error error = {.type = NULL};
    const uint8_t *at = flow_in(&io->ends.flow);
    const size_t have = flow_in_size(&io->ends.flow);
    uint32_t text, bytes;
    json_t *request;

    if (io->failed || have < FRAME_HEAD) {
        return false;
    }
    text = frame_number(at);
    bytes = frame_number(at + 4);
    if (text > REQUEST_JSON || bytes > REQUEST_BYTES) {
        (void)request_wrong(&error, "ProtocolError",
                            "a frame of %u bytes of JSON and %u more: at most %u and %u are taken",
                            text, bytes, REQUEST_JSON, REQUEST_BYTES);
        frames_fail(io, &error);
        return false;
    }
    if (have < FRAME_HEAD + (size_t)text + bytes) {
        return false;
    }
    flow_take(&io->ends.flow, FRAME_HEAD + (size_t)text + bytes);
    request = request_parse(at + FRAME_HEAD, text, &error);
    if (request == NULL) {
        frames_fail(io, &error);
    } else {
        client_request(&io->client, request, at + FRAME_HEAD + text, bytes);
    }
    json_decref(request);
    return true;
}

/* What the client has sent, and whether it sends more. */
static void frames_heard(void *arg)
{
    struct frames *io = arg;

    while (frame_take(io)) {
    }
    if (io->ends.over) {
        client_input_over(&io->client);
    }
}

/* --- the client --- */

int frames_begin(struct service *service, struct frames **out, struct vmm_err *err)
{
    struct frames *io = calloc(1, sizeof(*io));
    int rc;

    *out = NULL;
    if (io == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    client_begin(&io->client, service, &frames_ops, "");
    rc = ends_begin(&io->ends, service->base, frames_heard, io, err);
    if (rc < 0) {
        frames_end(io);
        return rc;
    }
    *out = io;
    return 0;
}

bool frames_turn(struct frames *io, int *status)
{
    const bool failed = io->failed || io->client.failed;
    const bool over = failed || (io->client.input_over && io->client.job_count == 0);

    if (!ends_write(&io->ends)) {
        *status = CMD_SIGNALED + SIGPIPE;
        return false;
    }
    if (flow_out_size(&io->ends.flow) <= FRAMES_UNREAD / 2) {
        client_pause(&io->client, false);
    }
    *status = failed ? CMD_FAILED : CMD_OK;
    return !(over && flow_out_size(&io->ends.flow) == 0) &&
           ends_watch(&io->ends, !io->client.paused && !io->failed);
}

void frames_end(struct frames *io)
{
    if (io == NULL) {
        return;
    }
    client_end(&io->client);
    ends_end(&io->ends);
    free(io);
}
