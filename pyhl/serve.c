// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl serve: runs for a program, by requests on standard input and events on standard output
 * (PROTOCOL.md). This process has no VM. Workers do, each in a process and a jail of its own.
 */
#include "cmd.h"
#include "ends.h"
#include "frames.h"
#include "http_serve.h"
#include "install.h"
#include "message.h"
#include "op_pause.h"
#include "service.h"
#include "states.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SERVE_WORKERS_MAX  256u
#define SERVE_SESSIONS_MAX 4096u
#define SERVE_SESSIONS     64u
#define SERVE_WAITING      10000u
#define SERVE_OUTPUT       (64ull << 20)

#define SERVE_ADVICE "rewind it to a checkpoint without that package, or open another session"

struct serve_options {
    const char *dest;
    const char *audit;
    bool stdio, install;
    struct package_options packages;
    uint64_t workers, sessions, waiting, state_memory, state_limit, idle_ns;
    const char *state_dir;
    struct request_limits limits;
    struct http_serve_options http;
};

static const struct opt serve_opts[] = {
    {.name = "stdio",
     .kind = OPT_FLAG,
     .offset = offsetof(struct serve_options, stdio),
     .help = "take requests from standard input, and write events to standard output"},
    {.name = "listen",
     .kind = OPT_LIST,
     .offset = offsetof(struct serve_options, http.listen),
     .arg = "ADDRESS",
     .help = "take requests by HTTP at HOST:PORT (127.0.0.1 if it is :PORT) or unix:PATH"},
    {.name = "token-file",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, http.token_file),
     .arg = "FILE",
     .help = "tokens that HTTP asks for, one a line, with names and limits (else $PYHL_TOKEN)"},
    {.name = "host",
     .kind = OPT_LIST,
     .offset = offsetof(struct serve_options, http.hosts),
     .arg = "NAME",
     .help = "a name that the headers Host and Origin may have, or *.NAME"},
    {.name = "http-timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct serve_options, http.timeout_ns),
     .arg = "SECONDS",
     .help = "how long a connection may bring nothing, or take nothing of an answer (60)"},
    {.name = "workers",
     .kind = OPT_COUNT,
     .offset = offsetof(struct serve_options, workers),
     .arg = "N",
     .help = "runs at a time, beside those of sessions (else as many as there are CPUs)"},
    {.name = "sessions",
     .kind = OPT_COUNT,
     .offset = offsetof(struct serve_options, sessions),
     .arg = "N",
     .help = "sessions that may be open at a time, a VM each (64)"},
    {.name = "waiting",
     .kind = OPT_COUNT,
     .offset = offsetof(struct serve_options, waiting),
     .arg = "N",
     .help = "requests that may be under way; more are refused (10000)"},
    {.name = "checkpoint-memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct serve_options, state_memory),
     .arg = "SIZE",
     .help = "memory for the checkpoints of all sessions, and for a fork (4G)"},
    {.name = "idle-to-disk",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct serve_options, idle_ns),
     .arg = "SECONDS",
     .help = "pause sessions that had nothing to do for so long: their state goes to a file"},
    {.name = "state",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, state_dir),
     .arg = "DIR",
     .help = "where files of paused sessions are made (else $TMPDIR, /var/tmp)"},
    {.name = "state-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct serve_options, state_limit),
     .arg = "SIZE",
     .help = "how much disk they may take (64G)"},
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct serve_options, limits.timeout_ns),
     .arg = "SECONDS",
     .help = "the most that a run may take, and what it may take when it does not say"},
    {.name = "cpu",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct serve_options, limits.cpu_ns),
     .arg = "SECONDS",
     .help = "the same of CPU time"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct serve_options, limits.memory),
     .arg = "SIZE",
     .help = "the same of the VM's memory"},
    {.name = "output-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct serve_options, limits.max_output),
     .arg = "SIZE",
     .help = "the same of output and records (64M)"},
    {.name = "tool-calls",
     .kind = OPT_COUNT,
     .offset = offsetof(struct serve_options, limits.max_calls),
     .arg = "N",
     .help = "the same of calls of tools"},
    {.name = "install",
     .kind = OPT_FLAG,
     .offset = offsetof(struct serve_options, install),
     .help = "clients may have packages installed: uv gets them over this host's network"},
    {.name = "find-links",
     .kind = OPT_LIST,
     .offset = offsetof(struct serve_options, packages.find_links),
     .arg = "DIR",
     .help = "a folder of wheels, beside the package index; repeatable"},
    {.name = "offline",
     .kind = OPT_FLAG,
     .offset = offsetof(struct serve_options, packages.offline),
     .help = "packages without network: from --find-links and uv's cache"},
    {.name = "audit",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, audit),
     .arg = "FILE",
     .help = "append a line of JSON for each run that is over; -: to standard output"},
    {.name = "mcp-fixtures",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, http.fixtures),
     .arg = "FILE",
     .help = "more tools of POST /mcp, for tests of the protocol: a list in JSON"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

struct serving {
    struct service service;
    struct frames *frames;   /* NULL: no --stdio */
    struct http_serve *http; /* NULL: no --listen */
    bool ended;              /* by a signal */
    int status;
};

/* Whether there is more to do. Where both are, standard input decides. */
static bool serve_goes_on(void *arg)
{
    struct serving *s = arg;

    return !s->ended && (s->frames == NULL || frames_turn(s->frames, &s->status));
}

static int serve_clients(const struct cmd *cmd, const struct serve_options *options,
                         const struct service_config *config)
{
    struct serving s = {.status = CMD_OK};
    struct vmm_err err = {0};
    int rc;

    rc = service_begin(&s.service, config, &err);
    if (rc < 0) {
        return cmd_fail(cmd, &err);
    }
    rc = audit_open(&s.service.audit, options->audit, &err);
    if (rc == 0 && options->stdio) {
        rc = frames_begin(&s.service, &s.frames, &err);
    }
    if (rc == 0 && options->http.listen.count > 0) {
        rc = http_serve_begin(&s.service, &options->http, &s.ended, &s.http, &err);
    }
    rc = rc == 0 ? service_loop(&s.service, serve_goes_on, &s, &err) : rc;
    frames_end(s.frames);
    http_serve_end(s.http);
    service_end(&s.service);
    audit_close(&s.service.audit);
    if (rc == -EINVAL) {
        return cmd_usage(cmd, "%s", err.msg);
    }
    return rc < 0 ? cmd_fail(cmd, &err) : s.status;
}

/* Refuses options that have nothing to be about. */
static int serve_options_fit(const struct cmd *cmd, const struct serve_options *options)
{
    if (!options->stdio && options->http.listen.count == 0) {
        return cmd_usage(cmd, "say --stdio, or --listen ADDRESS, or both");
    }
    if (options->stdio && options->audit != NULL && strcmp(options->audit, "-") == 0) {
        return cmd_usage(cmd, "--audit -: standard output is for --stdio; name a file");
    }
    if (options->http.listen.count == 0 &&
        (options->http.token_file != NULL || options->http.hosts.count > 0 ||
         options->http.timeout_ns != 0)) {
        return cmd_usage(cmd, "--token-file, --host and --http-timeout go with --listen");
    }
    return CMD_OK;
}

/* Fills in what was not said. */
static int serve_defaults(const struct cmd *cmd, struct serve_options *options)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    options->workers = options->workers != 0 ? options->workers : cpus > 1 ? (uint64_t)cpus : 1;
    options->sessions = options->sessions != 0 ? options->sessions : SERVE_SESSIONS;
    options->state_limit = options->state_limit != 0 ? options->state_limit : PAUSE_LIMIT;
    options->state_memory = options->state_memory != 0 ? options->state_memory : STATES_MEMORY;
    options->waiting = options->waiting != 0 ? options->waiting : SERVE_WAITING;
    if (options->limits.max_output == 0) {
        options->limits.max_output = SERVE_OUTPUT;
    }
    if (options->workers > SERVE_WORKERS_MAX) {
        return cmd_usage(cmd, "--workers %llu: at most %u", (unsigned long long)options->workers,
                         SERVE_WORKERS_MAX);
    }
    if (options->sessions > SERVE_SESSIONS_MAX) {
        return cmd_usage(cmd, "--sessions %llu: at most %u", (unsigned long long)options->sessions,
                         SERVE_SESSIONS_MAX);
    }
    return CMD_OK;
}

/* Each worker, connection and checkpoint is a descriptor: as many as the system allows. */
static void serve_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* or it stays as it is */
    }
}

static int serve_main(const struct cmd *cmd, int argc, char **argv)
{
    struct serve_options options = {0};
    struct pyhl_home *home = NULL;
    struct pyhl_home_info info;
    struct install_wish wish;
    struct vmm_err err = {0};
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "requests come on standard input", &status)) {
        return status;
    }
    status = serve_options_fit(cmd, &options);
    status = status == CMD_OK ? serve_defaults(cmd, &options) : status;
    status = status == CMD_OK ? cmd_close_inherited(cmd) : status;
    if (status != CMD_OK) {
        return status;
    }
    serve_descriptors();
    if (pyhl_home_open(options.dest, &home, &err) < 0) {
        return cmd_fail(cmd, &err);
    }
    pyhl_home_info(home, &info);
    options.http.dest = info.path;
    wish = (struct install_wish){"serve", options.dest, SERVE_ADVICE, &options.packages};
    status = serve_clients(cmd, &options,
                           &(struct service_config){
                               .snap = pyhl_home_snapshot(home),
                               .image = info.image,
                               .vm_memory = info.memory,
                               .workers = options.workers,
                               .sessions = options.sessions,
                               .waiting = options.waiting,
                               .state_memory = options.state_memory,
                               .state_dir = options.state_dir,
                               .state_limit = options.state_limit,
                               .idle_ns = options.idle_ns,
                               .files = options.stdio && ends_are_files(),
                               .limits = options.limits,
                               .install = options.install ? &wish : NULL,
                           });
    pyhl_home_close(home);
    free(options.http.listen.items);
    free(options.http.hosts.items);
    return status;
}

const struct cmd cmd_serve = {
    .name = "serve",
    .summary = "runs for programs, over standard input and output, or by HTTP",
    .synopsis = "serve --stdio | --listen ADDRESS [OPTIONS]",
    .notes = "Requests and events are frames of JSON and bytes; pyhl/PROTOCOL.md describes them. "
             "Each run has a VM that\n"
             "nothing has run in; runs of a session share one. Each VM is in a process and a jail "
             "of its own.\n"
             "HTTP has the same in JSON. It asks for a token, except on a unix socket, which is "
             "for this user alone.\n"
             "With --stdio the server ends at the end of its input, when what it was asked for is "
             "done; with --listen by\n"
             "SIGTERM or SIGINT.\n"
             "Exit status: 0; 2 for options that are none; 125 after a frame that is none, or when "
             "the server fails;\n141 when "
             "its output is closed.",
    .opts = serve_opts,
    .run = serve_main,
};
