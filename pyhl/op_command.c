// SPDX-License-Identifier: Apache-2.0
/*
 * The operations on the commands of a session.
 */
#include "commands.h"
#include "events.h"
#include "ops.h"
#include "sessions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STRINGS_MOST 65536u
#define SIZE_MOST    10000u /* rows, columns */
#define SIGNAL_MOST  64u

/* A command in the making: the message AGENT_RUN. */
struct asked {
    struct agent_run head;
    struct flow strings; /* its out bytes alone are used */
    char text[COMMAND_TEXT];
    uint64_t timeout_ns;
    struct request_error *error;
};

static bool asked_string(struct asked *a, const char *text)
{
    return flow_put(&a->strings, text, strlen(text) + 1) == 0 ||
           request_wrong(a->error, "OSError", "the server is out of memory");
}

/* Adds an argument to the text by which the command is shown. */
static void asked_name(struct asked *a, const char *arg)
{
    const size_t used = strlen(a->text);

    (void)snprintf(a->text + used, sizeof(a->text) - used, "%s%s", used > 0 ? " " : "", arg);
}

static bool asked_line(struct asked *a, const char *line)
{
    a->head.arg_count = 3;
    asked_name(a, line);
    return asked_string(a, "/bin/sh") && asked_string(a, "-c") && asked_string(a, line);
}

static bool asked_args(struct asked *a, const json_t *request)
{
    const json_t *list = json_object_get(request, "args"), *item;
    const char *line;
    size_t i;

    if (!request_text(request, "line", &line, a->error)) {
        return false;
    }
    if ((line == NULL) == (list == NULL)) {
        return request_wrong(a->error, "ValueError", "a command has either 'args' or 'line'");
    }
    if (line != NULL) {
        return asked_line(a, line);
    }
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > STRINGS_MOST) {
        return request_wrong(a->error, "ValueError", "'args' must be a list of 1 to %u strings",
                             STRINGS_MOST);
    }
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            return request_wrong(a->error, "ValueError", "'args[%zu]' must be a string", i);
        }
        asked_name(a, json_string_value(item));
        if (!asked_string(a, json_string_value(item))) {
            return false;
        }
    }
    a->head.arg_count = (uint32_t)json_array_size(list);
    return true;
}

static bool asked_env(struct asked *a, const json_t *request)
{
    json_t *env = json_object_get(request, "env"), *value;
    const char *key;

    if (env != NULL && (!json_is_object(env) || json_object_size(env) > STRINGS_MOST)) {
        return request_wrong(a->error, "ValueError", "'env' must be an object of strings");
    }
    json_object_foreach(env, key, value)
    {
        if (!json_is_string(value) || key[0] == 0 || strchr(key, '=') != NULL) {
            return request_wrong(a->error, "ValueError",
                                 "'env': '%.60s' is no name of a variable, or has no string", key);
        }
        if (flow_put(&a->strings, key, strlen(key)) < 0 || flow_put(&a->strings, "=", 1) < 0 ||
            !asked_string(a, json_string_value(value))) {
            return request_wrong(a->error, "OSError", "the server is out of memory");
        }
    }
    a->head.env_count = (uint32_t)json_object_size(env);
    return true;
}

static bool asked_places(struct asked *a, const json_t *request)
{
    const char *cwd, *user;

    if (!request_text(request, "cwd", &cwd, a->error) ||
        !request_text(request, "user", &user, a->error)) {
        return false;
    }
    if (cwd != NULL && cwd[0] != '/') {
        return request_wrong(a->error, "ValueError", "'cwd' is '%.100s', which is not absolute",
                             cwd);
    }
    return asked_string(a, cwd != NULL ? cwd : "") && asked_string(a, user != NULL ? user : "");
}

static bool take_size(const json_t *from, uint16_t *rows, uint16_t *columns,
                      struct request_error *error)
{
    uint64_t r, c;

    if (!request_number(from, "rows", &r, error) || !request_number(from, "columns", &c, error)) {
        return false;
    }
    if (r > SIZE_MOST || c > SIZE_MOST) {
        return request_wrong(error, "ValueError", "'rows' and 'columns' are at most %u", SIZE_MOST);
    }
    *rows = (uint16_t)r;
    *columns = (uint16_t)c;
    return true;
}

static bool asked_streams(struct asked *a, const json_t *request)
{
    static const char *const names[] = {"rows", "columns", NULL};
    const json_t *in = json_object_get(request, "stdin"), *pty = json_object_get(request, "pty");

    if (in != NULL && !json_is_boolean(in)) {
        return request_wrong(a->error, "ValueError", "'stdin' must be true or false");
    }
    if (pty != NULL && !json_is_object(pty)) {
        return request_wrong(a->error, "ValueError",
                             "'pty' must be an object with 'rows' and 'columns'");
    }
    a->head.flags = json_is_true(in) ? AGENT_WITH_STDIN : 0;
    if (pty == NULL) {
        return true;
    }
    a->head.flags = AGENT_WITH_PTY | AGENT_WITH_STDIN;
    return request_members(pty, names, a->error) &&
           take_size(pty, &a->head.rows, &a->head.columns, a->error);
}

static bool asked_timeout(struct asked *a, const json_t *request, uint64_t most)
{
    const json_t *value = json_object_get(request, "timeout");
    const double seconds = json_number_value(value);

    a->timeout_ns = most;
    if (value == NULL) {
        return true;
    }
    if (!json_is_number(value) || !isfinite(seconds) || seconds <= 0 || seconds > 1e9) {
        return request_wrong(a->error, "ValueError", "'timeout' must be a number over 0");
    }
    if (most != 0 && seconds * 1e9 > (double)most) {
        return request_wrong(a->error, "ValueError",
                             "'timeout' is %.15g, and the server allows %.15g", seconds,
                             (double)most / 1e9);
    }
    a->timeout_ns = (uint64_t)(seconds * 1e9) + 1;
    return true;
}

static bool command_begin(struct client *c, struct session_vm *session, uint64_t id,
                          struct asked *a)
{
    struct flow whole = {.in_fd = -1, .out_fd = -1};
    const struct flow_bytes *strings = &a->strings.out;
    struct command *command = command_new(c, session, id, a->error);
    bool ok = command != NULL;

    if (ok) {
        command->takes_input = (a->head.flags & AGENT_WITH_STDIN) != 0;
        command->timeout_ns = a->timeout_ns;
        command_name(command, a->text, strlen(a->text));
        if (flow_put(&whole, &a->head, sizeof(a->head)) < 0 ||
            flow_put(&whole, strings->bytes, strings->end) < 0) {
            command_free(command);
            ok = request_wrong(a->error, "OSError", "the server is out of memory");
        }
    }
    ok = ok && command_start(command, whole.out.bytes, whole.out.end, a->error);
    flow_free(&whole);
    return ok;
}

bool op_command(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id",  "op",   "session", "args",  "line", "env",
                                        "cwd", "user", "timeout", "stdin", "pty",  NULL};
    struct session_vm *session = session_find(c, request, error);
    struct asked a = {.error = error};
    bool ok;

    if (session == NULL) {
        return false;
    }
    ok = request_members(request, names, error) && asked_places(&a, request) &&
         asked_args(&a, request) && asked_env(&a, request) && asked_streams(&a, request) &&
         asked_timeout(&a, request, c->service->config.limits.timeout_ns) &&
         command_begin(c, session, id, &a);
    flow_free(&a.strings);
    return ok;
}

/* The command that a request names: by 'run', the request that has started it or was attached to
 * it, or by 'session' and 'pid'. */
static struct command *named(struct client *c, const json_t *request, struct request_error *error)
{
    const struct session_vm *session;
    const struct listener *l;
    struct command *command;
    uint64_t number;

    if (json_object_get(request, "run") != NULL) {
        if (!request_number(request, "run", &number, error)) {
            return NULL;
        }
        l = command_listener(c, number);
        if (l == NULL) {
            (void)request_wrong(error, "LookupError", "no command %llu is under way",
                                (unsigned long long)number);
        }
        return l != NULL ? l->command : NULL;
    }
    session = session_find(c, request, error);
    if (session == NULL || !request_number(request, "pid", &number, error)) {
        return NULL;
    }
    command = command_find(session, number);
    if (command == NULL) {
        (void)request_wrong(error, "LookupError", "session '%s' has no command with the pid %llu",
                            session->name, (unsigned long long)number);
    }
    return command;
}

bool op_input(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
              size_t size, struct request_error *error)
{
    static const char *const names[] = {"id", "op", "run", "session", "pid", "end", NULL};
    const json_t *end = json_object_get(request, "end");
    struct command *command;

    if (!request_members(request, names, error)) {
        return false;
    }
    if (end != NULL && !json_is_boolean(end)) {
        return request_wrong(error, "ValueError", "'end' must be true or false");
    }
    command = named(c, request, error);
    return command != NULL && command_input(command, c, id, bytes, size, json_is_true(end), error);
}

bool op_resize(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id",  "op",   "run",     "session",
                                        "pid", "rows", "columns", NULL};
    struct command *command;
    uint16_t rows = 0, columns = 0;

    if (!request_members(request, names, error) || !take_size(request, &rows, &columns, error)) {
        return false;
    }
    command = named(c, request, error);
    if (command == NULL || !command_may_send(command, error)) {
        return false;
    }
    command_resize(command, rows, columns);
    event_put(c, id, "done", json_object(), NULL, 0);
    return true;
}

bool op_signal(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "run", "session", "pid", "signal", NULL};
    struct command *command;
    uint64_t signo;

    if (!request_members(request, names, error) ||
        !request_number(request, "signal", &signo, error)) {
        return false;
    }
    if (signo == 0 || signo > SIGNAL_MOST) {
        return request_wrong(error, "ValueError", "'signal' must be a number from 1 to %u",
                             SIGNAL_MOST);
    }
    command = named(c, request, error);
    if (command == NULL || !command_may_send(command, error)) {
        return false;
    }
    command_signal(command, (int)signo);
    event_put(c, id, "done", json_object(), NULL, 0);
    return true;
}

bool op_attach(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
               size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", "pid", NULL};
    struct command *command;

    if (!request_members(request, names, error)) {
        return false;
    }
    command = named(c, request, error);
    return command != NULL && command_listen(command, c, id, error);
}

bool op_commands(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                 size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "session", NULL};
    const struct session_vm *session = session_find(c, request, error);
    const struct command *command;
    json_t *list;

    if (session == NULL || !request_members(request, names, error)) {
        return false;
    }
    list = json_array();
    if (session->agent != NULL) {
        TAILQ_FOREACH (command, &session->agent->commands, link) {
            if (command->pid != 0) {
                (void)json_array_append_new(
                    list, json_pack("{s:i, s:s}", "pid", command->pid, "command", command->text));
            }
        }
    }
    event_put(c, id, "done", json_pack("{s:o}", "commands", list), NULL, 0);
    return true;
}
