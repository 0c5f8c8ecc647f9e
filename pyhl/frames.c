// SPDX-License-Identifier: Apache-2.0
#include "frames.h"
#include "cmd.h"
#include "events.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME_HEAD    8u
#define FRAMES_UNREAD (8u << 20) /* of events that the client has not read: workers wait */

struct frames {
    struct client client;
    struct flow flow;
    struct event *reads, *writes;
    struct event *closes; /* the output is a pipe, whose other end may be closed at any time */
    int in_flags, out_flags;
    bool failed; /* it cannot be understood */
    bool gone;   /* it cannot be written to */
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

    if (flow_put(&io->flow, head, sizeof(head)) < 0 || flow_put(&io->flow, text, text_size) < 0 ||
        flow_put(&io->flow, bytes, size) < 0) {
        io->client.failed = true; /* half an event is the last thing that the client gets */
    }
    if (flow_out_size(&io->flow) > FRAMES_UNREAD) {
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
    const uint8_t *at = flow_in(&io->flow);
    const size_t have = flow_in_size(&io->flow);
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
    flow_take(&io->flow, FRAME_HEAD + (size_t)text + bytes);
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
static void frames_on_read(evutil_socket_t fd, short what, void *arg)
{
    struct frames *io = arg;
    const int rc = flow_read(&io->flow);

    (void)fd, (void)what;
    while (frame_take(io)) {
    }
    if (rc < 0 && rc != -EAGAIN) {
        client_input_over(&io->client);
    }
}

static void frames_on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* frames_turn() writes */
}

/* Nothing can be read from an output: it has no other end any more. */
static void frames_on_close(evutil_socket_t fd, short what, void *arg)
{
    struct frames *io = arg;
    struct pollfd poll_fd = {.fd = fd};

    (void)what;
    io->gone = poll(&poll_fd, 1, 0) > 0;
}

/* --- the two ends --- */

/* Makes what waits for the output to be closed. A socket that is the input, too, tells by that. */
static bool frames_watch_output(struct frames *io, struct event_base *base)
{
    struct stat in, out;

    if (fstat(STDIN_FILENO, &in) < 0 || fstat(STDOUT_FILENO, &out) < 0 ||
        !(S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode)) ||
        (in.st_dev == out.st_dev && in.st_ino == out.st_ino)) {
        return true;
    }
    io->closes = event_new(base, STDOUT_FILENO, EV_READ, frames_on_close, io);
    return io->closes != NULL && event_add(io->closes, NULL) == 0;
}

static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) && !isatty(fd);
}

bool frames_is_file(void)
{
    return is_file(STDIN_FILENO) || is_file(STDOUT_FILENO);
}

int frames_begin(struct service *service, struct frames **out, struct vmm_err *err)
{
    struct frames *io = calloc(1, sizeof(*io));

    *out = NULL;
    if (io == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    client_begin(&io->client, service, &frames_ops, "");
    io->flow.in_fd = STDIN_FILENO;
    io->flow.out_fd = STDOUT_FILENO;
    io->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    io->out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (io->in_flags < 0 || io->out_flags < 0 ||
        fcntl(STDIN_FILENO, F_SETFL, io->in_flags | O_NONBLOCK) < 0 ||
        fcntl(STDOUT_FILENO, F_SETFL, io->out_flags | O_NONBLOCK) < 0) {
        const int code = errno;

        free(io);
        return vmm_err_set(err, code, "standard input and output: %s", strerror(code));
    }
    *out = io;
    io->reads = event_new(service->base, STDIN_FILENO, EV_READ | EV_PERSIST, frames_on_read, io);
    io->writes = event_new(service->base, STDOUT_FILENO, EV_WRITE, frames_on_write, io);
    if (io->reads == NULL || io->writes == NULL || !frames_watch_output(io, service->base)) {
        frames_end(io);
        *out = NULL;
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

/* What is to be waited for. Returns false if it cannot be. */
static bool frames_watch(struct frames *io)
{
    const bool hears = !io->client.paused && !io->client.input_over && !io->failed;

    return (!hears || event_add(io->reads, NULL) == 0) && (hears || event_del(io->reads) == 0) &&
           (flow_out_size(&io->flow) == 0 || event_add(io->writes, NULL) == 0);
}

bool frames_turn(struct frames *io, int *status)
{
    const bool failed = io->failed || io->client.failed;
    const bool over = failed || (io->client.input_over && io->client.job_count == 0);

    if (io->gone || flow_write(&io->flow) < 0) {
        *status = CMD_SIGNALED + SIGPIPE;
        return false;
    }
    if (flow_out_size(&io->flow) <= FRAMES_UNREAD / 2) {
        client_pause(&io->client, false);
    }
    *status = failed ? CMD_FAILED : CMD_OK;
    return !(over && flow_out_size(&io->flow) == 0) && frames_watch(io);
}

void frames_end(struct frames *io)
{
    if (io == NULL) {
        return;
    }
    client_end(&io->client);
    (void)fcntl(STDIN_FILENO, F_SETFL, io->in_flags);
    (void)fcntl(STDOUT_FILENO, F_SETFL, io->out_flags);
    if (io->reads != NULL) {
        event_free(io->reads);
    }
    if (io->writes != NULL) {
        event_free(io->writes);
    }
    if (io->closes != NULL) {
        event_free(io->closes);
    }
    flow_free(&io->flow);
    free(io);
}
