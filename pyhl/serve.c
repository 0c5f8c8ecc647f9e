// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl serve: runs for a program, by requests on standard input and events on standard output
 * (PROTOCOL.md). This process has no VM. Workers do, each in a process and a jail of its own.
 */
#include "cmd.h"
#include "jobs.h"
#include "message.h"
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVE_WORKERS_MAX  256u
#define SERVE_SESSIONS_MAX 4096u
#define SERVE_SESSIONS     64u
#define SERVE_WAITING      10000u
#define SERVE_OUTPUT       (64ull << 20)
#define SERVE_UNREAD       (8u << 20) /* of events that the client has not read: workers wait */

struct serve_options {
    const char *dest;
    bool stdio;
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
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct serve_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

/* Both ends of the client must not block. What others see of a file is put back at the end. */
struct serve_ends {
    int in_flags, out_flags;
};

static int serve_prepare(struct serve_ends *ends, struct vmm_err *err)
{
    ends->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    ends->out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (ends->in_flags < 0 || ends->out_flags < 0 ||
        fcntl(STDIN_FILENO, F_SETFL, ends->in_flags | O_NONBLOCK) < 0 ||
        fcntl(STDOUT_FILENO, F_SETFL, ends->out_flags | O_NONBLOCK) < 0) {
        return vmm_err_set(err, errno, "standard input and output: %s", strerror(errno));
    }
    return 0;
}

static void serve_put_back(const struct serve_ends *ends)
{
    (void)fcntl(STDIN_FILENO, F_SETFL, ends->in_flags);
    (void)fcntl(STDOUT_FILENO, F_SETFL, ends->out_flags);
}

/* What the client has sent, and whether it sends more. */
static void serve_hear(struct service *s)
{
    const int rc = flow_read(&s->client);

    service_frames(s);
    if (rc < 0 && rc != -EAGAIN) {
        service_input_over(s);
    }
}

/* Sleeps until something is ready, and acts on it. fds has room for all workers and two more. */
static int serve_turn(struct service *s, struct pollfd *fds, size_t room, struct vmm_err *err)
{
    const bool reads = flow_out_size(&s->client) < SERVE_UNREAD;
    const bool hears = reads && !s->input_over && !s->failed;
    size_t count;

    fds[0] = (struct pollfd){.fd = hears ? s->client.in_fd : -1, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = s->client.out_fd,
                             .events = flow_out_size(&s->client) > 0 ? POLLOUT : 0};
    count = pool_poll(&s->pool, reads, fds + 2, room - 2);
    if (poll(fds, count + 2, jobs_overdue(s)) < 0) {
        return errno == EINTR ? 0 : vmm_err_set(err, errno, "poll: %s", strerror(errno));
    }
    if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
        return vmm_err_set(err, EPIPE, "the client is gone");
    }
    pool_ready(&s->pool, fds + 2, count);
    if (fds[0].revents != 0) {
        serve_hear(s);
    }
    return 0;
}

static int serve_loop(struct service *s, size_t room, struct vmm_err *err)
{
    struct pollfd *fds = calloc(room, sizeof(*fds));
    int rc = 0;

    if (fds == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    while (rc == 0 && !service_idle(s)) {
        rc = s->failed ? 0 : jobs_dispatch(s, err);
        if (rc == 0 && flow_write(&s->client) < 0) {
            rc = vmm_err_set(err, EPIPE, "the client is gone");
        }
        if (s->failed && flow_out_size(&s->client) == 0) {
            break;
        }
        rc = rc == 0 ? serve_turn(s, fds, room, err) : rc;
    }
    free(fds);
    return rc;
}

/* The last events, to a client that reads. */
static int serve_flush(struct service *s)
{
    struct pollfd fd = {.fd = s->client.out_fd, .events = POLLOUT};
    int rc = flow_write(&s->client);

    while (rc == 0 && flow_out_size(&s->client) > 0) {
        (void)poll(&fd, 1, -1);
        rc = flow_write(&s->client);
    }
    return rc;
}

static int serve_client(const struct cmd *cmd, const struct service_config *config)
{
    struct serve_ends ends;
    struct vmm_err err = {0};
    struct service s;
    int rc;

    service_begin(&s, config);
    s.client.in_fd = STDIN_FILENO;
    s.client.out_fd = STDOUT_FILENO;
    rc = serve_prepare(&ends, &err);
    if (rc == 0) {
        rc = serve_loop(&s, config->workers + config->sessions + SERVE_WORKERS_MAX + 2, &err);
        rc = rc == 0 && serve_flush(&s) < 0 ? -EPIPE : rc;
        serve_put_back(&ends);
    }
    service_end(&s);
    if (rc == -EPIPE) {
        return CMD_SIGNALED + SIGPIPE;
    }
    return rc < 0 ? cmd_fail(cmd, &err) : s.failed ? CMD_FAILED : CMD_OK;
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
    status = serve_client(cmd, &(struct service_config){
                                   .snap = pyhl_home_snapshot(home),
                                   .image = info.image,
                                   .vm_memory = info.memory,
                                   .workers = options.workers,
                                   .sessions = options.sessions,
                                   .waiting = options.waiting,
                                   .limits = options.limits,
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
