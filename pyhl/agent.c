// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_MOST (512u << 10) /* bytes of one answer; a function's reply has at most 1 MiB */

struct agent *agent_new(struct service *s, struct session_vm *session)
{
    struct agent *agent = calloc(1, sizeof(*agent));

    if (agent != NULL) {
        agent->service = s;
        agent->session = session;
        TAILQ_INIT(&agent->messages);
        TAILQ_INIT(&agent->commands);
    }
    return agent;
}

static void message_drop(struct agent *agent, struct agent_message *message)
{
    TAILQ_REMOVE(&agent->messages, message, link);
    agent->count--;
    free(message);
}

void agent_free(struct agent *agent)
{
    struct agent_message *next;

    for (struct agent_message *m = TAILQ_FIRST(&agent->messages); m != NULL; m = next) {
        next = TAILQ_NEXT(m, link);
        free(m);
    }
    free(agent);
}

static struct agent_message *message_new(uint32_t what, uint64_t command, const void *bytes,
                                         size_t size)
{
    struct agent_message *message = malloc(sizeof(*message) + size);

    if (message != NULL) {
        *message = (struct agent_message){
            .head = {.what = what, .size = (uint32_t)size, .command = command}};
        if (size > 0) {
            memcpy(message->bytes, bytes, size);
        }
    }
    return message;
}

bool agent_put(struct agent *agent, uint32_t what, uint64_t command, const void *bytes, size_t size)
{
    struct agent_message *message = message_new(what, command, bytes, size);

    if (message == NULL) {
        return false;
    }
    message->head.number = ++agent->number;
    TAILQ_INSERT_TAIL(&agent->messages, message, link);
    agent->count++;
    agent_flush(agent);
    return true;
}

bool agent_unsent(const struct agent *agent, uint32_t what, uint64_t command)
{
    const struct agent_message *message;

    TAILQ_FOREACH (message, &agent->messages, link) {
        if (!message->sent && message->head.what == what && message->head.command == command) {
            return true;
        }
    }
    return false;
}

void agent_drop(struct agent *agent, uint64_t command)
{
    struct agent_message *message, *next;

    for (message = TAILQ_FIRST(&agent->messages); message != NULL; message = next) {
        next = TAILQ_NEXT(message, link);
        if (message->head.command == command) {
            message_drop(agent, message);
        }
    }
}

int agent_asks(struct agent *agent, uint64_t call, const uint8_t *bytes, size_t size)
{
    struct agent_message *message, *next;
    struct agent_ask ask;

    if (size != sizeof(ask) || agent->asks) {
        return -1;
    }
    memcpy(&ask, bytes, sizeof(ask));
    agent->asks = true;
    agent->failures = 0;
    agent->ask_call = call;
    if (ask.own == 0 || ask.own != agent->own) {
        return ask.own == 0 ? -1 : 1;
    }
    for (message = TAILQ_FIRST(&agent->messages);
         message != NULL && message->head.number <= ask.last; message = next) {
        next = TAILQ_NEXT(message, link);
        message_drop(agent, message);
    }
    return 0;
}

bool agent_meet(struct agent *agent, const uint8_t *bytes)
{
    struct agent_message *message = message_new(AGENT_HELLO, 0, NULL, 0);
    struct agent_ask ask;

    if (message == NULL) {
        return false;
    }
    memcpy(&ask, bytes, sizeof(ask));
    agent->own = ask.own;
    agent->number = ask.last;
    TAILQ_INSERT_HEAD(&agent->messages, message, link);
    agent->count++;
    agent->hello = ask.last + 1;
    TAILQ_FOREACH (message, &agent->messages, link) {
        message->head.number = ++agent->number;
        message->sent = false;
    }
    return true;
}

/* How many messages go into one answer, and their bytes. */
static size_t agent_fit(const struct agent *agent, const struct agent_message **end)
{
    const struct agent_message *message = TAILQ_FIRST(&agent->messages);
    size_t size = 0;

    while (message != NULL && (size == 0 || size + message->head.size <= REPLY_MOST)) {
        size += sizeof(message->head) + message->head.size;
        message = TAILQ_NEXT(message, link);
    }
    *end = message;
    return size;
}

void agent_flush(struct agent *agent)
{
    struct worker_message reply = {.kind = WORKER_REPLY, .number = agent->ask_call};
    const struct agent_message *end;
    struct agent_message *message;
    uint8_t *bytes;
    size_t at = 0;

    if (!agent->asks || TAILQ_EMPTY(&agent->messages)) {
        return;
    }
    reply.size = agent_fit(agent, &end);
    bytes = malloc(reply.size);
    if (bytes == NULL) {
        pool_kill(agent->session->member);
        return;
    }
    for (message = TAILQ_FIRST(&agent->messages); message != end;
         message = TAILQ_NEXT(message, link)) {
        memcpy(bytes + at, &message->head, sizeof(message->head));
        at += sizeof(message->head);
        memcpy(bytes + at, message->bytes, message->head.size);
        at += message->head.size;
        message->sent = true;
    }
    agent->asks = false;
    (void)pool_send(agent->session->member, &reply, bytes);
    free(bytes);
}

void agent_end_wait(struct agent *agent)
{
    const struct worker_message reply = {.kind = WORKER_REPLY, .number = agent->wait_call};

    if (agent->waits) {
        agent->waits = false;
        agent->yielded = true;
        (void)pool_send(agent->session->member, &reply, NULL);
    }
}

void agent_run_over(struct agent *agent)
{
    agent->asks = agent->waits = agent->yielded = false;
}
