// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl serve: runs for a program, by requests on standard input and events on standard output
 * (PROTOCOL.md). This process has no VM. Workers do, each in a process and a jail of its own.
 */
#include "cmd.h"
#include "message.h"
#include "service.h"
#include "frames.h"
#include "install.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#define SERVE_WORKERS_MAX  256u
#define SERVE_SESSIONS_MAX 4096u
#define SERVE_SESSIONS     64u
#define SERVE_WAITING      10000u
#define SERVE_OUTPUT       (64ull << 20)

#define SERVE_ADVICE "rewind it to a checkpoint without that package, or open another session"

struct serve_options {
    const char *dest;
    bool stdio, install;
    struct package_options packages;
    uint64_t workers, sessions, waiting;
    struct request_limits limits;
};

static const struct opt serve_opts[] = {
    {.name = "stdio",
     .kind = OPT_FLAG,
     .offset = offsetof(struct serve_options, stdio),
     .help = "take requests from standard input, and write events to standard output"},
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
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

static int serve_loop(struct service *s, struct frames *frames, int *status, struct vmm_err *err)
{
    int rc = 0;

    while (rc == 0 && frames_turn(frames, status)) {
        rc = service_turn(s, err);
        if (rc == 0 && frames_turn(frames, status) && event_base_loop(s->base, EVLOOP_ONCE) < 0) {
            rc = vmm_err_set(err, errno, "the event loop: %s", strerror(errno));
        }
    }
    return rc;
}

static int serve_clients(const struct cmd *cmd, const struct service_config *config)
{
    struct frames *frames = NULL;
    struct vmm_err err = {0};
    struct service s;
    int status = CMD_OK, rc;

    rc = service_begin(&s, config, &err);
    if (rc < 0) {
        return cmd_fail(cmd, &err);
    }
    rc = frames_begin(&s, &frames, &err);
    rc = rc == 0 ? serve_loop(&s, frames, &status, &err) : rc;
    frames_end(frames);
    service_end(&s);
    return rc < 0 ? cmd_fail(cmd, &err) : status;
}

/* Fills in what was not said. */
static int serve_defaults(const struct cmd *cmd, struct serve_options *options)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (!options->stdio) {
        return cmd_usage(cmd, "say --stdio: there is no other way in yet");
    }
    options->workers = options->workers != 0 ? options->workers : cpus > 1 ? (uint64_t)cpus : 1;
    options->sessions = options->sessions != 0 ? options->sessions : SERVE_SESSIONS;
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
    status = serve_defaults(cmd, &options);
    status = status == CMD_OK ? cmd_close_inherited(cmd) : status;
    if (status != CMD_OK) {
        return status;
    }
    if (pyhl_home_open(options.dest, &home, &err) < 0) {
        return cmd_fail(cmd, &err);
    }
    pyhl_home_info(home, &info);
    wish = (struct install_wish){"serve", options.dest, SERVE_ADVICE, &options.packages};
    status = serve_clients(cmd, &(struct service_config){
                                    .snap = pyhl_home_snapshot(home),
                                    .image = info.image,
                                    .vm_memory = info.memory,
                                    .workers = options.workers,
                                    .sessions = options.sessions,
                                    .waiting = options.waiting,
                                    .files = frames_is_file(),
                                    .limits = options.limits,
                                    .install = options.install ? &wish : NULL,
                                });
    pyhl_home_close(home);
    return status;
}

const struct cmd cmd_serve = {
    .name = "serve",
    .summary = "runs for a program, over its standard input and output",
    .synopsis = "serve --stdio [OPTIONS]",
    .notes = "Requests and events are frames of JSON and bytes; pyhl/PROTOCOL.md describes them. "
             "Each run has a VM that\n"
             "nothing has run in; runs of a session share one. Each VM is in a process and a jail "
             "of its own.\n"
             "The server ends at the end of its input, when what it was asked for is done.\n"
             "Exit status: 0; 125 after a frame that is none, or when the server fails; 141 when "
             "its output is closed.",
    .opts = serve_opts,
    .run = serve_main,
};
