// SPDX-License-Identifier: Apache-2.0
/*
 * What a session's agent tells, and its calls. A guest may have taken over its worker: what none
 * sends is refused, and then the worker is killed.
 */
#include "commands.h"
#include "events.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static bool told_output(struct command *c, const char *event, const uint8_t *bytes, size_t size)
{
    const struct listener *l;

    if (size > c->room) {
        return false;
    }
    c->room -= size;
    c->owed += size;
    TAILQ_FOREACH (l, &c->listeners, of_command) {
        event_bytes(l->client, l->id, event, bytes, size);
    }
    command_credit(c);
    return true;
}

static bool told_started(struct command *c, const uint8_t *bytes, size_t size)
{
    const struct listener *l;
    int32_t pid;

    if (size != sizeof(pid) || c->pid != 0) {
        return false;
    }
    memcpy(&pid, bytes, sizeof(pid));
    if (pid <= 0) {
        return false;
    }
    c->pid = pid;
    TAILQ_FOREACH (l, &c->listeners, of_command) {
        command_event_started(l);
    }
    if (c->timeout_ns != 0 && !evtimer_pending(c->timer, NULL)) {
        command_wait(c, c->timeout_ns);
    }
    return true;
}

static bool told_failed(struct command *c, const uint8_t *bytes, size_t size)
{
    static const char *const types[] = {"FileNotFoundError", "PermissionError",
                                        "NotADirectoryError", "LookupError", "ValueError"};
    const uint8_t *nul = memchr(bytes, 0, size);
    const char *type = "OSError";
    char text[300];

    if (nul == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        type = strcmp((const char *)bytes, types[i]) == 0 ? types[i] : type;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)(size - (size_t)(nul + 1 - bytes)),
                   (const char *)nul + 1);
    command_fail(c, type, text);
    return true;
}

static bool told_done(struct command *c, const uint8_t *bytes, size_t size)
{
    uint32_t words[2];

    if (size != sizeof(words) || c->pid == 0) {
        return false;
    }
    memcpy(words, bytes, sizeof(words));
    if (words[0] > 255 || words[1] > 64) {
        return false;
    }
    command_done(c, words[0], words[1]);
    return true;
}

static bool told_took(struct command *c, const uint8_t *bytes, size_t size)
{
    uint32_t n;

    if (size != sizeof(n)) {
        return false;
    }
    memcpy(&n, bytes, sizeof(n));
    if (n > c->under) {
        return false;
    }
    c->under -= n;
    command_feed(c);
    return true;
}

/* In a copy of a session there are commands that the server has not started there. */
static bool told_here(struct agent *agent, uint64_t number, const uint8_t *bytes, size_t size)
{
    struct command *c = command_numbered(agent, number);
    int32_t pid;

    if (size < sizeof(pid)) {
        return false;
    }
    memcpy(&pid, bytes, sizeof(pid));
    c = c == NULL ? command_make(agent, number) : c;
    if (c == NULL || pid <= 0) {
        return false;
    }
    if (c->pid != 0 && c->hello == agent->hello) {
        return true; /* it has been told: nothing more may come for that */
    }
    c->hello = agent->hello;
    c->pid = pid;
    c->room = AGENT_WINDOW;
    c->takes_input = true;
    c->owed = c->under = 0;
    command_name(c, (const char *)bytes + sizeof(pid), size - sizeof(pid));
    return true;
}

/* What is told of a command that the server has given up is dropped. */
static bool agent_tells(struct agent *agent, const uint8_t *bytes, size_t size)
{
    struct agent_told told;
    struct command *c;

    if (size < sizeof(told)) {
        return false;
    }
    memcpy(&told, bytes, sizeof(told));
    bytes += sizeof(told);
    size -= sizeof(told);
    c = command_numbered(agent, told.command);
    if (told.what == AGENT_HERE) {
        return told_here(agent, told.command, bytes, size);
    }
    if (c == NULL) {
        return true;
    }
    switch (told.what) {
    case AGENT_STARTED:
        return told_started(c, bytes, size);
    case AGENT_FAILED:
        return told_failed(c, bytes, size);
    case AGENT_STDOUT:
    case AGENT_STDERR:
        return told_output(c, told.what == AGENT_STDOUT ? "stdout" : "stderr", bytes, size);
    case AGENT_DONE:
        return told_done(c, bytes, size);
    case AGENT_TOOK:
        return told_took(c, bytes, size);
    default:
        return false;
    }
}

/* Another agent asks than before: the session is a copy, or its agent was killed. What was sent to
 * the one before is lost, and the commands with it. */
static bool agent_is_new(struct agent *agent, const uint8_t *ask)
{
    commands_fail_sent(agent, "the process that starts commands was ended");
    return agent_meet(agent, ask);
}

bool commands_call(struct session_vm *session, const char *name, uint64_t number,
                   const uint8_t *bytes, size_t size)
{
    struct agent *agent = session->agent;
    int rc;

    if (strcmp(name, WORKER_OUT) == 0) {
        return agent_tells(agent, bytes, size);
    }
    if (strcmp(name, WORKER_WAIT) == 0) {
        agent->waits = true;
        agent->wait_call = number;
        return true;
    }
    rc = strcmp(name, WORKER_NEXT) == 0 ? agent_asks(agent, number, bytes, size) : -1;
    if (rc < 0 || (rc > 0 && !agent_is_new(agent, bytes))) {
        return false;
    }
    if (rc == 0 && TAILQ_EMPTY(&agent->messages)) {
        agent->adopts = false; /* it has told of all that run */
    }
    agent_flush(agent);
    return true;
}
