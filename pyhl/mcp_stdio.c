// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl mcp: the MCP server (mcp.h) for the program that has started it, a message a line on
 * standard input and output.
 */
#include "cmd.h"
#include "ends.h"
#include "home.h"
#include "install.h"
#include "mcp.h"
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MCP_WORKERS_MAX  256u
#define MCP_SESSIONS     16u
#define MCP_WAITING      1000u
#define MCP_STATE_MEMORY (1ull << 30) /* bytes of checkpoints */
#define MCP_TIMEOUT_NS   120000000000ull
#define MCP_OUTPUT       (8ull << 20)
#define MCP_ADVICE       "open another session"
#define MCP_UNREAD       (8u << 20) /* of answers that the client has not read */
#define MCP_PATIENCE_S   2          /* after the end of the input, for what is under way */

struct mcp_options {
    const char *dest, *fixtures;
    bool install;
    uint64_t workers, sessions;
    struct request_limits limits;
};

static const struct opt mcp_opts[] = {
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct mcp_options, limits.timeout_ns),
     .arg = "SECONDS",
     .help =
         "the most that a run may take, and what it may take when the client does not say (120)"},
    {.name = "cpu",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct mcp_options, limits.cpu_ns),
     .arg = "SECONDS",
     .help = "the most CPU time of a run"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct mcp_options, limits.memory),
     .arg = "SIZE",
     .help = "the most of the VM's memory that a run may use"},
    {.name = "output-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct mcp_options, limits.max_output),
     .arg = "SIZE",
     .help = "the most output of a run, its figures and tables with it (8M)"},
    {.name = "workers",
     .kind = OPT_COUNT,
     .offset = offsetof(struct mcp_options, workers),
     .arg = "N",
     .help = "runs at a time, beside those of sessions (else as many as there are CPUs)"},
    {.name = "sessions",
     .kind = OPT_COUNT,
     .offset = offsetof(struct mcp_options, sessions),
     .arg = "N",
     .help = "sessions that may be open at a time, a VM each (16)"},
    {.name = "install",
     .kind = OPT_FLAG,
     .offset = offsetof(struct mcp_options, install),
     .help = "let runs have packages, which uv gets from the package index"},
    {.name = "fixtures",
     .kind = OPT_TEXT,
     .offset = offsetof(struct mcp_options, fixtures),
     .arg = "FILE",
     .help = "more tools, for tests of the protocol: a list in JSON"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct mcp_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

struct mcp_stdio {
    struct mcp_peer peer;
    struct mcp_tools tools;
    struct ends ends;
    bool skips;         /* the rest of a line that is too long */
    struct event *late; /* the end of the patience */
    int status;
};

/* --- lines --- */

static void stdio_put(struct mcp_peer *peer, const json_t *message)
{
    struct mcp_stdio *io = (struct mcp_stdio *)peer;
    char *text = json_dumps(message, JSON_COMPACT);

    if (text == NULL || flow_put(&io->ends.flow, text, strlen(text)) < 0 ||
        flow_put(&io->ends.flow, "\n", 1) < 0) {
        peer->failed = true;
    }
    free(text);
}

static void stdio_answer(struct mcp_peer *peer, const json_t *message, enum mcp_code code)
{
    (void)code;
    stdio_put(peer, message);
}

static const struct mcp_peer_ops stdio_ops = {.notify = stdio_put, .answer = stdio_answer};

static bool is_blank(const uint8_t *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* Takes a line that has come. Returns false if there is no whole one. */
static bool stdio_line(struct mcp_stdio *io)
{
    const uint8_t *line = flow_in(&io->ends.flow);
    const size_t have = flow_in_size(&io->ends.flow);
    const uint8_t *end = have > 0 ? memchr(line, '\n', have) : NULL;
    const size_t size = end != NULL ? (size_t)(end - line) : have;
    const bool skips = io->skips;

    if (!skips && size > MCP_MESSAGE) {
        mcp_no_message(&io->peer, MCP_PARSE, "a message has more than 16 MiB");
        io->skips = true;
    }
    if (end == NULL && !(io->ends.over && have > 0)) {
        flow_take(&io->ends.flow, io->skips ? have : 0);
        return false;
    }
    flow_take(&io->ends.flow, end != NULL ? size + 1 : size);
    if (!io->skips && !is_blank(line, size)) {
        (void)mcp_message(&io->peer, line, size, NULL);
    }
    io->skips = false;
    return true;
}

static void stdio_late(evutil_socket_t fd, short what, void *arg)
{
    struct mcp_stdio *io = arg;

    (void)fd, (void)what;
    mcp_peer_end(&io->peer);
}

static void stdio_heard(void *arg)
{
    static const struct timeval patience = {.tv_sec = MCP_PATIENCE_S};
    struct mcp_stdio *io = arg;

    while (stdio_line(io)) {
    }
    if (io->ends.over && event_add(io->late, &patience) < 0) {
        io->peer.failed = true;
    }
}

/* --- the server --- */

/* Before each sleep of the loop. Returns whether there is more to do. */
static bool stdio_turn(void *arg)
{
    struct mcp_stdio *io = arg;
    const bool over = io->ends.over && TAILQ_EMPTY(&io->peer.requests);
    const size_t unread = flow_out_size(&io->ends.flow);

    io->status = io->peer.failed ? CMD_FAILED : CMD_OK;
    if (!ends_write(&io->ends)) {
        io->status = CMD_SIGNALED + SIGPIPE;
        return false;
    }
    return !((over || io->peer.failed) && flow_out_size(&io->ends.flow) == 0) &&
           ends_watch(&io->ends, unread < MCP_UNREAD);
}

static int stdio_begin(struct service *s, struct mcp_stdio *io, const struct mcp_options *options,
                       struct vmm_err *err)
{
    struct home home;
    int rc = home_open(options->dest, true, &home, err);

    mcp_peer_begin(&io->peer, &io->tools, &stdio_ops, "");
    rc = rc == 0 ? mcp_tools_begin(&io->tools, s, &home.config.packages, options->fixtures, err)
                 : rc;
    home_close(&home);
    rc = rc == 0 ? ends_begin(&io->ends, s->base, stdio_heard, io, err) : rc;
    io->late = evtimer_new(s->base, stdio_late, io);
    return rc == 0 && io->late == NULL ? vmm_err_set(err, ENOMEM, "out of memory") : rc;
}

static int stdio_serve(const struct cmd *cmd, const struct service_config *config,
                       const struct mcp_options *options)
{
    struct mcp_stdio io = {.ends = {.in_flags = -1, .out_flags = -1}};
    struct vmm_err err = {0};
    struct service s;
    int rc;

    rc = service_begin(&s, config, &err);
    if (rc < 0) {
        return cmd_fail(cmd, &err);
    }
    rc = stdio_begin(&s, &io, options, &err);
    rc = rc == 0 ? service_loop(&s, stdio_turn, &io, &err) : rc;
    mcp_peer_end(&io.peer);
    mcp_tools_end(&io.tools);
    if (io.late != NULL) {
        event_free(io.late);
    }
    ends_end(&io.ends);
    service_end(&s);
    return rc < 0 ? cmd_fail(cmd, &err) : io.status;
}

static int mcp_defaults(const struct cmd *cmd, struct mcp_options *options)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct request_limits *limits = &options->limits;

    options->workers = options->workers != 0 ? options->workers : cpus > 1 ? (uint64_t)cpus : 1;
    options->sessions = options->sessions != 0 ? options->sessions : MCP_SESSIONS;
    limits->timeout_ns = limits->timeout_ns != 0 ? limits->timeout_ns : MCP_TIMEOUT_NS;
    limits->max_output = limits->max_output != 0 ? limits->max_output : MCP_OUTPUT;
    if (options->workers > MCP_WORKERS_MAX || options->sessions > 16u * MCP_WORKERS_MAX) {
        return cmd_usage(cmd, "--workers can be at most %u, and --sessions %u", MCP_WORKERS_MAX,
                         16u * MCP_WORKERS_MAX);
    }
    return CMD_OK;
}

static int mcp_main(const struct cmd *cmd, int argc, char **argv)
{
    struct mcp_options options = {0};
    struct pyhl_home *home = NULL;
    struct pyhl_home_info info;
    struct package_options packages = {0};
    struct install_wish wish;
    struct vmm_err err = {0};
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "messages come on standard input", &status)) {
        return status;
    }
    status = mcp_defaults(cmd, &options);
    status = status == CMD_OK ? cmd_close_inherited(cmd) : status;
    if (status != CMD_OK) {
        return status;
    }
    if (pyhl_home_open(options.dest, &home, &err) < 0) {
        return cmd_fail(cmd, &err);
    }
    pyhl_home_info(home, &info);
    wish = (struct install_wish){"mcp", options.dest, MCP_ADVICE, &packages};
    status = stdio_serve(cmd,
                         &(struct service_config){
                             .snap = pyhl_home_snapshot(home),
                             .image = info.image,
                             .vm_memory = info.memory,
                             .workers = options.workers,
                             .sessions = options.sessions,
                             .waiting = MCP_WAITING,
                             .state_memory = MCP_STATE_MEMORY,
                             .files = ends_are_files(),
                             .limits = options.limits,
                             .install = options.install ? &wish : NULL,
                         },
                         &options);
    pyhl_home_close(home);
    return status;
}

const struct cmd cmd_mcp = {
    .name = "mcp",
    .summary = "tools for a model: a server of the Model Context Protocol",
    .synopsis = "mcp [OPTIONS]",
    .notes = "Its client starts it, and sends and gets a message of JSON-RPC a line. The tools are "
             "run_python, session,\n"
             "write_file and read_file. Each run has a VM that nothing has run in; runs of a "
             "session share one.\n"
             "The server ends at the end of its input. Exit status: 0; 125 when it fails; 141 when "
             "its output is closed.",
    .opts = mcp_opts,
    .run = mcp_main,
};
