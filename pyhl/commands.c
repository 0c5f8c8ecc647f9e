// SPDX-License-Identifier: Apache-2.0
#include "commands.h"
#include "events.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND 1000000000ull
#define LATE_SECONDS  3 /* a command is over so long after it was killed, or its agent is stuck */

/* --- listeners and the end of a command --- */

static void listener_drop(struct listener *l)
{
    TAILQ_REMOVE(&l->command->listeners, l, of_command);
    TAILQ_REMOVE(&l->client->listeners, l, of_client);
    l->client->job_count--;
    l->client->service->jobs--;
    free(l);
}

/* The bytes are on their way, or for nobody. */
static void input_drop(struct command *c, struct command_input *input)
{
    struct service *s = c->agent->service;

    TAILQ_REMOVE(&c->inputs, input, link);
    s->held -= input->size;
    s->jobs--;
    if (input->client != NULL) {
        event_put(input->client, input->id, "done", json_object(), NULL, 0);
    }
    free(input);
}

void command_free(struct command *c)
{
    struct command_input *next_input;
    struct listener *next;

    for (struct command_input *i = TAILQ_FIRST(&c->inputs); i != NULL; i = next_input) {
        next_input = TAILQ_NEXT(i, link);
        input_drop(c, i);
    }
    for (struct listener *l = TAILQ_FIRST(&c->listeners); l != NULL; l = next) {
        next = TAILQ_NEXT(l, of_command);
        listener_drop(l);
    }
    if (c->timer != NULL) {
        event_free(c->timer);
    }
    agent_drop(c->agent, c->number);
    TAILQ_REMOVE(&c->agent->commands, c, link);
    c->agent->command_count--;
    free(c);
}

void command_fail(struct command *c, const char *type, const char *text)
{
    struct listener *l;

    TAILQ_FOREACH (l, &c->listeners, of_command) {
        event_failed(l->client, l->id, type, text);
    }
    command_free(c);
}

void command_done(struct command *c, uint32_t status, uint32_t signo)
{
    struct listener *l;

    TAILQ_FOREACH (l, &c->listeners, of_command) {
        event_put(l->client, l->id, "done",
                  json_pack("{s:I, s:o, s:s?}", "status",
                            (json_int_t)(signo != 0 ? 128 + signo : status), "signal",
                            signo != 0 ? json_integer((json_int_t)signo) : json_null(), "limit",
                            c->limit),
                  NULL, 0);
    }
    command_free(c);
}

void commands_fail_sent(struct agent *agent, const char *text)
{
    struct command *c, *next;

    for (c = TAILQ_FIRST(&agent->commands); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!agent_unsent(agent, AGENT_RUN, c->number)) {
            command_fail(c, "OSError", text);
        }
    }
}

/* --- a command --- */

/* There was no memory for a message: the session cannot go on as it was asked to. */
static void command_put(struct command *c, uint32_t what, const void *bytes, size_t size)
{
    if (!agent_put(c->agent, what, c->number, bytes, size) && c->agent->session->member != NULL) {
        pool_kill(c->agent->session->member);
    }
}

void command_signal(struct command *c, int signo)
{
    const uint32_t number = (uint32_t)signo;

    command_put(c, AGENT_SIGNAL, &number, sizeof(number));
}

void command_wait(struct command *c, uint64_t ns)
{
    const struct timeval wait = {.tv_sec = (time_t)(ns / NS_PER_SECOND),
                                 .tv_usec = (suseconds_t)(ns % NS_PER_SECOND / 1000)};

    (void)event_add(c->timer, &wait);
}

void command_kill(struct command *c)
{
    if (c->killed) {
        return;
    }
    c->killed = true;
    c->timeout_ns = 0;
    command_signal(c, SIGKILL);
    command_credit(c);
    command_wait(c, LATE_SECONDS * NS_PER_SECOND);
}

/* The time of a command is over, or it was killed and has not ended. */
static void command_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct command *c = arg;

    (void)fd, (void)what;
    if (!c->killed) {
        c->limit = "timeout";
        command_kill(c);
    } else {
        command_fail(c, "OSError", "it was killed, and has not ended: its session does not answer");
    }
}

static bool listener_new(struct command *c, struct client *client, uint64_t id, bool owns,
                         struct request_error *error)
{
    struct service *s = client->service;
    struct listener *l = NULL;

    if (s->jobs >= s->config.waiting) {
        return request_wrong(error, "Busy", "%zu requests are under way, and no more are taken",
                             s->jobs);
    }
    l = malloc(sizeof(*l));
    if (l == NULL) {
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    *l = (struct listener){.command = c, .client = client, .id = id, .owns = owns};
    TAILQ_INSERT_TAIL(&c->listeners, l, of_command);
    TAILQ_INSERT_TAIL(&client->listeners, l, of_client);
    client->job_count++;
    s->jobs++;
    return true;
}

void command_event_started(const struct listener *l)
{
    event_put(l->client, l->id, "started", json_pack("{s:i}", "pid", l->command->pid), NULL, 0);
}

bool command_listen(struct command *c, struct client *client, uint64_t id,
                    struct request_error *error)
{
    if (!listener_new(c, client, id, false, error)) {
        return false;
    }
    command_event_started(command_listener(client, id));
    return true;
}

struct command *command_make(struct agent *agent, uint64_t number)
{
    struct command *c = agent->command_count < COMMANDS_MOST ? calloc(1, sizeof(*c)) : NULL;

    if (c == NULL) {
        return NULL;
    }
    c->timer = evtimer_new(agent->service->base, command_on_timer, c);
    if (c->timer == NULL) {
        free(c);
        return NULL;
    }
    c->agent = agent;
    c->number = number;
    c->room = AGENT_WINDOW;
    TAILQ_INIT(&c->inputs);
    TAILQ_INIT(&c->listeners);
    TAILQ_INSERT_TAIL(&agent->commands, c, link);
    agent->command_count++;
    return c;
}

struct command *command_new(struct client *client, struct session_vm *session, uint64_t id,
                            struct request_error *error)
{
    struct service *s = client->service;
    struct command *c = NULL;

    if (session->agent == NULL) {
        session->agent = agent_new(s, session);
    }
    if (session->agent != NULL) {
        c = command_make(session->agent, ++s->command_serial);
    }
    if (c == NULL && session->agent != NULL && session->agent->command_count >= COMMANDS_MOST) {
        (void)request_wrong(error, "Busy", "the session has %u commands, and may have no more",
                            COMMANDS_MOST);
        return NULL;
    }
    if (c == NULL) {
        (void)request_wrong(error, "OSError", "the server is out of memory");
        return NULL;
    }
    if (!listener_new(c, client, id, true, error)) {
        command_free(c);
        return NULL;
    }
    return c;
}

void command_name(struct command *c, const char *text, size_t size)
{
    size_t n = 0;

    for (; n < size && n < sizeof(c->text) - 1; n++) {
        c->text[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
    }
    c->text[n] = 0;
}

bool command_start(struct command *c, const void *run, size_t size, struct request_error *error)
{
    if (!agent_put(c->agent, AGENT_RUN, c->number, run, size)) {
        command_free(c);
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    return true;
}

bool command_may_send(const struct command *c, struct request_error *error)
{
    return c->agent->count < AGENT_MESSAGES ||
           request_wrong(error, "Busy", "the session does not take what it was sent before");
}

void command_resize(struct command *c, uint16_t rows, uint16_t columns)
{
    const uint16_t size[2] = {rows, columns};

    command_put(c, AGENT_RESIZE, size, sizeof(size));
}

void command_leave(struct listener *l)
{
    struct command *c = l->command;

    listener_drop(l);
    command_credit(c);
}

void command_cancel(struct listener *l)
{
    struct command *c = l->command;

    if (!l->owns) {
        event_failed(l->client, l->id, "Cancelled", "it is attached no more");
        listener_drop(l);
    } else if (agent_unsent(c->agent, AGENT_RUN, c->number)) {
        command_fail(c, "Cancelled", "it was cancelled before it began");
    } else {
        command_kill(c);
    }
}

/* --- input --- */

void command_feed(struct command *c)
{
    struct command_input *next;

    for (struct command_input *input = TAILQ_FIRST(&c->inputs); input != NULL; input = next) {
        const size_t left = input->size - input->at, room = AGENT_WINDOW - c->under;
        const size_t n = left < room ? left : room;

        next = TAILQ_NEXT(input, link);
        if (n > 0) {
            command_put(c, AGENT_STDIN, input->bytes + input->at, n);
            input->at += n;
            c->under += n;
        }
        if (n < left) {
            return;
        }
        if (input->end) {
            command_put(c, AGENT_STDIN_END, NULL, 0);
        }
        input_drop(c, input);
    }
}

static bool input_fits(const struct service *s, size_t size, struct request_error *error)
{
    if (s->jobs >= s->config.waiting) {
        return request_wrong(error, "Busy", "%zu requests are under way, and no more are taken",
                             s->jobs);
    }
    return s->held == 0 || size <= SERVICE_HELD - s->held ||
           request_wrong(error, "Busy",
                         "requests that wait hold %zu bytes, and at most %u are kept", s->held,
                         SERVICE_HELD);
}

bool command_input(struct command *c, struct client *client, uint64_t id, const uint8_t *bytes,
                   size_t size, bool end, struct request_error *error)
{
    struct service *s = c->agent->service;
    struct command_input *input;

    if (!c->takes_input || c->ended_input) {
        return request_wrong(error, "ValueError", "the command %s",
                             c->takes_input ? "has had the end of its input" : "takes no input");
    }
    if (!input_fits(s, size, error)) {
        return false;
    }
    input = malloc(sizeof(*input) + size);
    if (input == NULL) {
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    *input = (struct command_input){.client = client, .id = id, .end = end, .size = size};
    if (size > 0) {
        memcpy(input->bytes, bytes, size);
    }
    s->held += size;
    s->jobs++;
    c->ended_input = end;
    TAILQ_INSERT_TAIL(&c->inputs, input, link);
    command_feed(c);
    return true;
}

/* --- output --- */

void command_credit(struct command *c)
{
    const uint32_t owed = (uint32_t)c->owed;
    const struct listener *l;

    TAILQ_FOREACH (l, &c->listeners, of_command) {
        if (l->client->paused && !c->killed) {
            return;
        }
    }
    if (c->owed >= AGENT_WINDOW / 4 || (c->killed && c->owed > 0)) {
        c->owed = 0;
        c->room += owed;
        command_put(c, AGENT_TAKEN, &owed, sizeof(owed));
    }
}

/* --- finding --- */

struct listener *command_listener(const struct client *client, uint64_t id)
{
    struct listener *l;

    TAILQ_FOREACH (l, &client->listeners, of_client) {
        if (l->id == id) {
            return l;
        }
    }
    return NULL;
}

struct command *command_find(const struct session_vm *session, uint64_t pid)
{
    struct command *c;

    if (session->agent != NULL) {
        TAILQ_FOREACH (c, &session->agent->commands, link) {
            if (c->pid > 0 && (uint64_t)c->pid == pid) {
                return c;
            }
        }
    }
    return NULL;
}

struct command *command_numbered(struct agent *agent, uint64_t number)
{
    struct command *c;

    TAILQ_FOREACH (c, &agent->commands, link) {
        if (c->number == number) {
            return c;
        }
    }
    return NULL;
}
