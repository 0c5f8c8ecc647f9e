// SPDX-License-Identifier: Apache-2.0
/*
 * What the commands of a session mean for its runs, and for its clients. Commands go on while
 * something runs in the session. Where there is no cell, this is a run that waits for them: the
 * service `agent` of the driver.
 */
#include "commands.h"
#include "jobs.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_NAME "agent"

bool commands_want(const struct session_vm *session)
{
    return session->agent != NULL &&
           (session->agent->adopts || !TAILQ_EMPTY(&session->agent->commands));
}

enum commands_state commands_state(const struct session_vm *session)
{
    return commands_want(session)   ? COMMANDS_LIVE
           : session->agent != NULL ? COMMANDS_AGENT
                                    : COMMANDS_NONE;
}

bool commands_copied(struct service *s, struct session_vm *session, enum commands_state state)
{
    if (state != COMMANDS_NONE) {
        session->agent = agent_new(s, session);
        if (session->agent != NULL) {
            session->agent->adopts = state == COMMANDS_LIVE;
        }
    }
    return state == COMMANDS_NONE || session->agent != NULL;
}

void commands_yield(struct session_vm *session)
{
    if (session->agent != NULL) {
        agent_end_wait(session->agent);
    }
}

/* Puts the run together: a directory and a context that are not named, and one argument. */
static bool wait_make(const struct service *s, struct job *job)
{
    static const char strings[] = "\0\0" SERVICE_NAME;

    job->head = (struct worker_run){
        .sort = WORKER_SERVICE,
        .keeps = 1,
        .agent = 1,
        .arg_count = 1,
        .cpu_ns = s->config.limits.cpu_ns,
        .memory = s->config.limits.memory,
        .strings = sizeof(strings),
    };
    return flow_put(&job->run, &job->head, sizeof(job->head)) == 0 &&
           flow_put(&job->run, strings, sizeof(strings)) == 0;
}

static void commands_fail(struct agent *agent, const char *type, const char *text)
{
    struct command *next;

    for (struct command *c = TAILQ_FIRST(&agent->commands); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        command_fail(c, type, text);
    }
}

void commands_queue(struct service *s, struct session_vm *session)
{
    struct job *job = calloc(1, sizeof(*job));
    struct request_error error = {.type = "OSError", .text = "the server is out of memory"};

    if (job != NULL) {
        job->session = session;
        job->account = session->account;
        job->asked_ns = report_now();
        job->waits = true;
    }
    if (job == NULL || !wait_make(s, job) || !job_count(s, job, &error)) {
        if (job != NULL) {
            flow_free(&job->run);
            free(job);
        }
        session->agent->adopts = false;
        commands_fail(session->agent, error.type, error.text);
        return;
    }
    s->serial = s->serial == INT32_MAX ? 1 : s->serial + 1;
    job->serial = s->serial;
    s->jobs++;
    TAILQ_INSERT_TAIL(&session->waiting, job, link);
}

void commands_said(struct session_vm *session, const uint8_t *bytes, size_t size)
{
    const uint8_t *nul = memchr(bytes, 0, size);
    struct agent *agent = session->agent;

    if (agent != NULL && nul != NULL) {
        (void)snprintf(agent->why, sizeof(agent->why), "%.*s",
                       (int)(size - (size_t)(nul + 1 - bytes)), (const char *)nul + 1);
    }
}

/* The run that waits has failed, because the agent was ended, or cannot be started. Commands that
 * an agent has not heard of can be tried with another, once. */
static void commands_wait_failed(struct agent *agent)
{
    const char *why = agent->why[0] != 0 ? agent->why : "no command can be started";

    agent->adopts = false;
    if (agent->failures++ > 0) {
        commands_fail(agent, "OSError", why);
    } else {
        commands_fail_sent(agent, why);
    }
    agent->why[0] = 0;
}

void commands_run_over(struct session_vm *session, bool waited)
{
    struct agent *agent = session->agent;
    const bool failed = waited && agent != NULL && !agent->yielded;

    if (agent == NULL) {
        return;
    }
    agent_run_over(agent);
    if (failed) {
        commands_wait_failed(agent);
    }
}

void commands_lose(struct session_vm *session, const char *type, const char *text)
{
    struct agent *agent = session->agent;

    if (agent != NULL) {
        commands_fail(agent, type, text);
        agent_free(agent);
        session->agent = NULL;
    }
}

void commands_resume(struct client *client)
{
    struct listener *l;

    TAILQ_FOREACH (l, &client->listeners, of_client) {
        command_credit(l->command);
    }
}

void commands_input_over(struct client *client)
{
    struct request_error none;
    struct listener *l;

    TAILQ_FOREACH (l, &client->listeners, of_client) {
        if (l->owns && l->command->takes_input && !l->command->ended_input) {
            (void)command_input(l->command, NULL, 0, NULL, 0, true, &none);
        }
    }
}

/* Inputs of the client that are not on their way yet go on without it. */
static void inputs_leave(const struct client *client)
{
    struct command_input *input;
    const struct session_vm *v;
    struct command *c;

    TAILQ_FOREACH (v, &client->service->sessions, link) {
        if (v->agent == NULL) {
            continue;
        }
        TAILQ_FOREACH (c, &v->agent->commands, link) {
            TAILQ_FOREACH (input, &c->inputs, link) {
                input->client = input->client == client ? NULL : input->client;
            }
        }
    }
}

void commands_leave(struct client *client)
{
    struct listener *next;

    inputs_leave(client);
    for (struct listener *l = TAILQ_FIRST(&client->listeners); l != NULL; l = next) {
        next = TAILQ_NEXT(l, of_client);
        if (l->owns) {
            command_kill(l->command);
        }
        command_leave(l);
    }
}
