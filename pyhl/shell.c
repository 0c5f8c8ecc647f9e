// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl shell: a shell, or another program, in a session's VM, on the user's terminal or streams. It
 * is a client of a service in this process, and its command is the one of PROTOCOL.md.
 */
#include "cmd.h"
#include "ends.h"
#include "message.h"
#include "service.h"
#include "session.h"
#include "shell_ends.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELL_INPUTS 4u           /* pieces of input under way */
#define SHELL_PIECE  16384u       /* bytes of one */
#define SHELL_UNREAD (256u << 10) /* bytes of output that wait to be written */
#define NOT_FOUND    127          /* statuses of a shell */
#define NOT_RUN      126

/* Requests. What follows are pieces of input and sizes. */
#define ID_OPEN    1u
#define ID_COMMAND 2u

struct shell_options {
    const char *dest, *line;
    uint64_t timeout_ns, memory;
    struct opt_list env;
};

static const struct opt shell_opts[] = {
    {.letter = 'c',
     .last = true,
     .kind = OPT_TEXT,
     .offset = offsetof(struct shell_options, line),
     .arg = "LINE",
     .help = "run this line of the shell; what follows are its $0, $1, ..."},
    {.name = "env",
     .kind = OPT_ENV,
     .offset = offsetof(struct shell_options, env),
     .arg = "KEY=VALUE",
     .help = "set in the environment; repeatable"},
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct shell_options, timeout_ns),
     .arg = "SECONDS",
     .help = "end it after so long, with exit status 124"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct shell_options, memory),
     .arg = "SIZE",
     .help = "let the session use no more of the VM's memory"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct shell_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

enum shell_signal { SHELL_TERM, SHELL_HUP, SHELL_INT, SHELL_WINCH, SHELL_SIGNALS };

struct shell {
    struct client client; /* first: a client is its shell */
    const struct cmd *cmd;
    struct service service;
    struct shell_ends ends;
    struct event *reads, *writes[2], *signals[SHELL_SIGNALS];
    const char **args, **env;
    char session[64];
    uint64_t last_id;
    unsigned inputs; /* under way */
    bool begun;      /* the command was asked for */
    bool resized, interrupted, input_over;
    bool over;
    int status;
};

/* --- events of the service --- */

static void shell_done(struct shell *s, uint64_t id, const json_t *members)
{
    const char *limit = json_string_value(json_object_get(members, "limit"));

    if (id == ID_OPEN) {
        (void)snprintf(s->session, sizeof(s->session), "%s",
                       json_string_value(json_object_get(members, "session")));
    } else if (id == ID_COMMAND) {
        s->over = true;
        s->status = limit != NULL ? CMD_TIMEOUT
                                  : (int)json_integer_value(json_object_get(members, "status"));
    } else {
        s->inputs--;
    }
}

/* Input for a command that has just ended is no failure. */
static void shell_failed(struct shell *s, uint64_t id, const json_t *members)
{
    const char *type = json_string_value(json_object_get(members, "type"));

    if (id != ID_OPEN && id != ID_COMMAND) {
        s->inputs--;
        return;
    }
    s->over = true;
    s->status = strcmp(type, "FileNotFoundError") == 0 ? NOT_FOUND
                : strcmp(type, "PermissionError") == 0 ? NOT_RUN
                                                       : CMD_FAILED;
    shell_ends_close(&s->ends);
    message("pyhl %s: %s\n", s->cmd->name, json_string_value(json_object_get(members, "message")));
}

static void shell_event(struct client *client, uint64_t id, const char *event, json_t *members,
                        const void *bytes, size_t size)
{
    struct shell *s = (struct shell *)client;

    if (strcmp(event, "stdout") == 0 || strcmp(event, "stderr") == 0) {
        if (flow_put(&s->ends.flows[event[3] == 'e'], bytes, size) < 0) {
            client->failed = true;
        }
    } else if (strcmp(event, "done") == 0) {
        shell_done(s, id, members);
    } else if (strcmp(event, "failed") == 0) {
        shell_failed(s, id, members);
    }
}

static const struct client_ops shell_client_ops = {.event = shell_event};

/* --- requests --- */

static void shell_ask(struct shell *s, json_t *request, const void *bytes, size_t size)
{
    if (request == NULL) {
        s->client.failed = true;
        return;
    }
    client_request(&s->client, request, bytes, size);
    json_decref(request);
}

static void shell_open(struct shell *s)
{
    json_t *env = json_object();

    for (size_t i = 0; s->env[i] != NULL; i++) {
        const char *equals = strchr(s->env[i], '=');
        const size_t name = (size_t)(equals - s->env[i]);

        (void)json_object_setn_new(env, s->env[i], name, json_string(equals + 1));
    }
    s->last_id = ID_COMMAND;
    shell_ask(s, json_pack("{s:i, s:s, s:o}", "id", (int)ID_OPEN, "op", "open", "env", env), NULL,
              0);
}

static void shell_begin(struct shell *s)
{
    json_t *args = json_array(), *request;
    unsigned rows, columns;

    for (size_t i = 0; s->args[i] != NULL; i++) {
        (void)json_array_append_new(args, json_string(s->args[i]));
    }
    request = json_pack("{s:i, s:s, s:s, s:o, s:b}", "id", (int)ID_COMMAND, "op", "command",
                        "session", s->session, "args", args, "stdin", 1);
    if (s->ends.terminal) {
        shell_ends_size(&rows, &columns);
        (void)json_object_set_new(
            request, "pty", json_pack("{s:i, s:i}", "rows", (int)rows, "columns", (int)columns));
        shell_ends_raw(&s->ends);
    }
    s->begun = true;
    shell_ask(s, request, NULL, 0);
}

static void shell_input(struct shell *s, const void *bytes, size_t size)
{
    s->inputs++;
    shell_ask(s,
              json_pack("{s:I, s:s, s:i, s:b}", "id", (json_int_t)++s->last_id, "op", "input",
                        "run", (int)ID_COMMAND, "end", size == 0),
              bytes, size);
}

static void shell_resize(struct shell *s)
{
    unsigned rows, columns;

    s->resized = false;
    s->inputs++;
    shell_ends_size(&rows, &columns);
    shell_ask(s,
              json_pack("{s:I, s:s, s:i, s:i, s:i}", "id", (json_int_t)++s->last_id, "op", "resize",
                        "run", (int)ID_COMMAND, "rows", (int)rows, "columns", (int)columns),
              NULL, 0);
}

static void shell_interrupt(struct shell *s)
{
    s->interrupted = false;
    s->inputs++;
    shell_ask(s,
              json_pack("{s:I, s:s, s:i, s:i}", "id", (json_int_t)++s->last_id, "op", "signal",
                        "run", (int)ID_COMMAND, "signal", SIGINT),
              NULL, 0);
}

/* --- the user's ends --- */

static void shell_on_read(evutil_socket_t fd, short what, void *arg)
{
    struct shell *s = arg;
    char bytes[SHELL_PIECE];
    const ssize_t n = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (n > 0) {
        shell_input(s, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        s->input_over = true;
        shell_input(s, NULL, 0);
    }
}

static void shell_on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* shell_turn() writes */
}

static void shell_on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct shell *s = arg;

    (void)what;
    if (signo == SIGWINCH) {
        s->resized = s->ends.terminal;
    } else if (signo == SIGINT) {
        s->interrupted = true;
    } else {
        s->over = true;
        s->status = CMD_SIGNALED + (int)signo;
    }
}

static int shell_watch(struct shell *s, struct vmm_err *err)
{
    static const int signals[SHELL_SIGNALS] = {SIGTERM, SIGHUP, SIGINT, SIGWINCH};
    struct event_base *base = s->service.base;
    bool ok = true;

    s->reads = event_new(base, STDIN_FILENO, EV_READ, shell_on_read, s);
    for (int i = 0; i < 2; i++) {
        s->writes[i] = event_new(base, i + 1, EV_WRITE, shell_on_write, s);
        ok = ok && s->writes[i] != NULL;
    }
    for (int i = 0; i < SHELL_SIGNALS; i++) {
        s->signals[i] = evsignal_new(base, signals[i], shell_on_signal, s);
        ok = ok && s->signals[i] != NULL && event_add(s->signals[i], NULL) == 0;
    }
    return ok && s->reads != NULL ? 0 : vmm_err_set(err, ENOMEM, "out of memory");
}

static void shell_unwatch(struct shell *s)
{
    struct event *all[] = {s->reads,      s->writes[0],  s->writes[1], s->signals[0],
                           s->signals[1], s->signals[2], s->signals[3]};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] != NULL) {
            event_free(all[i]);
        }
    }
}

/* --- the loop --- */

/* Asks for what is due. */
static void shell_step(struct shell *s)
{
    if (!s->begun && s->session[0] != 0) {
        shell_begin(s);
    }
    if (s->begun && !s->over && s->resized) {
        shell_resize(s);
    }
    if (s->begun && !s->over && s->interrupted) {
        shell_interrupt(s);
    }
}

/* Before each sleep. Returns 1 to go on, 0 at the end, or -errno. */
static int shell_turn(struct shell *s, struct vmm_err *err)
{
    const int rc = shell_ends_write(&s->ends);

    if (rc == -EPIPE) {
        s->over = true;
        s->status = CMD_SIGNALED + SIGPIPE;
        return 0;
    }
    if (rc < 0) {
        return vmm_err_set(err, -rc, "writing its output: %s", strerror(-rc));
    }
    client_pause(&s->client, shell_ends_unwritten(&s->ends) > SHELL_UNREAD);
    if (s->client.failed) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (int i = 0; i < 2; i++) {
        if (flow_out_size(&s->ends.flows[i]) > 0 && event_add(s->writes[i], NULL) < 0) {
            return vmm_err_set(err, ENOMEM, "out of memory");
        }
    }
    if (s->begun && !s->input_over && s->inputs < SHELL_INPUTS && event_add(s->reads, NULL) < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return !s->over || (shell_ends_unwritten(&s->ends) > 0 && s->status < CMD_SIGNALED);
}

static int shell_loop(struct shell *s, struct vmm_err *err)
{
    int rc = 1;

    shell_open(s);
    while (rc > 0) {
        shell_step(s); /* first, since the service's turn hands on what was asked for */
        rc = service_turn(&s->service, err);
        rc = rc == 0 ? shell_turn(s, err) : rc;
        if (rc > 0 && event_base_loop(s->service.base, EVLOOP_ONCE) < 0) {
            rc = vmm_err_set(err, errno, "the event loop: %s", strerror(errno));
        }
    }
    return rc;
}

static int shell_serve(struct shell *s, const struct service_config *config)
{
    struct vmm_err err = {0};
    int rc = service_begin(&s->service, config, &err);

    if (rc < 0) {
        return cmd_fail(s->cmd, &err);
    }
    client_begin(&s->client, &s->service, &shell_client_ops, "");
    rc = shell_ends_open(&s->ends, &err);
    rc = rc == 0 ? shell_watch(s, &err) : rc;
    rc = rc == 0 ? shell_loop(s, &err) : rc;
    client_end(&s->client);
    shell_unwatch(s);
    shell_ends_close(&s->ends);
    service_end(&s->service);
    return rc < 0 ? cmd_fail(s->cmd, &err) : s->status;
}

/* The command's arguments. free() them; NULL without memory. */
static const char **shell_args(const struct shell_options *options, const struct opt_words *words)
{
    const char **args = calloc(words->count + 4, sizeof(*args));
    size_t n = 0;

    if (args == NULL) {
        return NULL;
    }
    if (options->line != NULL || words->count == 0) {
        args[n++] = "/bin/sh";
    }
    if (options->line != NULL) {
        args[n++] = "-c";
        args[n++] = options->line;
    }
    for (size_t i = 0; i < words->count; i++) {
        args[n++] = words->items[i];
    }
    return args;
}

static int shell_main(const struct cmd *cmd, int argc, char **argv)
{
    struct shell_options options = {0};
    struct shell s = {.cmd = cmd};
    struct pyhl_home *home = NULL;
    struct opt_words words = {0};
    struct pyhl_home_info info;
    struct vmm_err err = {0};
    int status;

    if (!cmd_parse(cmd, argc, argv, &options, &words, &status)) {
        return status;
    }
    s.args = shell_args(&options, &words);
    s.env = session_env(&options.env, false);
    status = s.env != NULL && s.args != NULL ? cmd_close_inherited(cmd) : CMD_FAILED;
    if (status == CMD_OK && pyhl_home_open(options.dest, &home, &err) < 0) {
        status = cmd_fail(cmd, &err);
    }
    if (status == CMD_OK) {
        pyhl_home_info(home, &info);
        status = shell_serve(
            &s, &(struct service_config){
                    .snap = pyhl_home_snapshot(home),
                    .image = info.image,
                    .vm_memory = info.memory,
                    .sessions = 1,
                    .waiting = 100,
                    .files = ends_are_files(),
                    .limits = {.timeout_ns = options.timeout_ns, .memory = options.memory},
                });
    }
    pyhl_home_close(home);
    free(s.env);
    free(s.args);
    free(words.items);
    free(options.env.items);
    return status;
}

const struct cmd cmd_shell = {
    .name = "shell",
    .summary = "a shell in a VM that lasts until its end",
    .synopsis = "shell [OPTIONS] [PROGRAM [ARGUMENTS...]]\nshell [OPTIONS] -c LINE [ARGUMENTS...]",
    .notes = "Runs /bin/sh, or a program of the image, in a session: on the terminal if standard "
             "input and output are\n"
             "one, otherwise on three streams.\n"
             "Exit status: that of the program, or 128 plus the signal that ended it; 124 for "
             "--timeout, 126 and 127 for a\n"
             "program that cannot be run or is not there; 125 when pyhl or the VM failed.",
    .opts = shell_opts,
    .run = shell_main,
};
