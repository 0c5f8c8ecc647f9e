// SPDX-License-Identifier: Apache-2.0
#include "service.h"
#include "answers.h"
#include "commands.h"
#include "dispatch.h"
#include "events.h"
#include "job_install.h"
#include "jobs.h"
#include "op_fork.h"
#include "op_pause.h"
#include "ops.h"
#include "pyhl.h"
#include "sessions.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_PROTOCOL 1

static bool op_hello(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                     size_t size, struct request_error *error)
{
    (void)bytes, (void)size;
    static const char *const names[] = {"id", "op", "protocol", NULL};
    const struct request_limits *l = &c->service->config.limits;
    uint64_t protocol;

    if (!request_members(request, names, error) ||
        !request_number(request, "protocol", &protocol, error)) {
        return false;
    }
    if (protocol != SERVICE_PROTOCOL) {
        return request_wrong(error, "ValueError",
                             "'protocol' is %llu, and this server speaks %d only",
                             (unsigned long long)protocol, SERVICE_PROTOCOL);
    }
    event_put(
        c, id, "done",
        json_pack("{s:i, s:s, s:s, s:{s:f, s:f, s:I, s:I, s:I, s:I, s:I}}", "protocol",
                  SERVICE_PROTOCOL, "pyhl", PYHL_VERSION, "image", c->service->config.image,
                  "limits", "timeout", (double)l->timeout_ns / 1e9, "cpu", (double)l->cpu_ns / 1e9,
                  "memory", (json_int_t)(l->memory ? l->memory : c->service->config.vm_memory),
                  "output_limit", (json_int_t)l->max_output, "tool_calls", (json_int_t)l->max_calls,
                  "sessions", (json_int_t)c->service->config.sessions, "workers",
                  (json_int_t)c->service->config.workers),
        NULL, 0);
    return true;
}

static const struct op {
    const char *name;
    bool bytes; /* it takes some */
    op_function *take;
} ops[] = {
    {"hello", false, op_hello},
    {"run", true, op_run},
    {"reply", true, op_reply},
    {"interrupt", false, op_interrupt},
    {"cancel", false, op_cancel},
    {"open", false, op_open},
    {"context", false, op_context},
    {"close", false, op_close},
    {"install", false, op_install},
    {"command", false, op_command},
    {"input", true, op_input},
    {"resize", false, op_resize},
    {"signal", false, op_signal},
    {"attach", false, op_attach},
    {"commands", false, op_commands},
    {"file", true, op_file},
    {"checkpoint", false, op_checkpoint},
    {"rewind", false, op_rewind},
    {"forget", false, op_forget},
    {"fork", false, op_fork},
    {"resume", false, op_resume},
    {"pause", false, op_pause},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

static bool op_unknown(const char *name, struct request_error *error)
{
    char names[256] = "";
    size_t n = 0;

    for (size_t i = 0; i < OPS && n < sizeof(names); i++) {
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
                              i == 0         ? ""
                              : i + 1 == OPS ? " or "
                                             : ", ",
                              ops[i].name);
    }
    return request_wrong(error, "ValueError", "'op' is '%.60s': it must be %s", name, names);
}

static bool op_take(struct client *c, const json_t *request, const char *name, uint64_t id,
                    const uint8_t *bytes, size_t size, struct request_error *error)
{
    for (size_t i = 0; i < OPS; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            return size > 0 && !ops[i].bytes
                       ? request_wrong(error, "ValueError", "'%.60s' takes no bytes", name)
                       : ops[i].take(c, request, id, bytes, size, error);
        }
    }
    return op_unknown(name, error);
}

static bool request_take(struct client *c, const json_t *request, const uint8_t *bytes, size_t size,
                         struct request_error *error)
{
    const char *op;
    uint64_t id;

    if (!request_number(request, "id", &id, error) || !request_text(request, "op", &op, error)) {
        return false;
    }
    if (op == NULL) {
        return request_wrong(error, "ValueError", "'op' is missing");
    }
    if ((job_find(c, id) != NULL || command_listener(c, id) != NULL) && strcmp(op, "reply") != 0) {
        return request_wrong(error, "ValueError",
                             "'id' is %llu, and a request with it is under way",
                             (unsigned long long)id);
    }
    return op_take(c, request, op, id, bytes, size, error);
}

void client_begin(struct client *client, struct service *service, const struct client_ops *ops_,
                  const char *owner)
{
    *client = (struct client){.ops = ops_, .service = service, .owner = owner};
    TAILQ_INIT(&client->jobs);
    TAILQ_INIT(&client->listeners);
}

void client_request(struct client *client, const json_t *request, const uint8_t *bytes, size_t size)
{
    struct request_error error = {.type = NULL}, none;
    uint64_t id = CLIENT_NO_ID;

    if (!request_take(client, request, bytes, size, &error)) {
        client->service->metrics.rejected += strcmp(error.type, "Busy") == 0;
        if (!request_number(request, "id", &id, &none)) {
            id = CLIENT_NO_ID;
        }
        event_failed(client, id, error.type, error.text);
    }
}

void client_input_over(struct client *client)
{
    struct job *job, *next;

    client->input_over = true;
    for (job = TAILQ_FIRST(&client->jobs); job != NULL; job = next) {
        next = TAILQ_NEXT(job, of_client);
        if (job->call_count > 0) {
            job_cancel(client->service, job);
        }
    }
    commands_input_over(client);
}

void client_pause(struct client *client, bool paused)
{
    struct job *job;

    if (client->paused != paused) {
        client->paused = paused;
        TAILQ_FOREACH (job, &client->jobs, of_client) {
            if (job->member != NULL) {
                pool_pause(job->member, paused);
            }
        }
        commands_resume(client);
    }
}

void client_end(struct client *client)
{
    while (!TAILQ_EMPTY(&client->jobs)) {
        job_abandon(client->service, TAILQ_FIRST(&client->jobs));
    }
    commands_leave(client);
}

static void service_overdue(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* the loop has woken up */
}

/* What libevent could not do its functions return. */
static void service_no_log(int severity, const char *text)
{
    (void)severity, (void)text;
}

static struct event_base *service_base(const struct service_config *config)
{
    struct event_config *how = event_config_new();
    struct event_base *base = NULL;

    event_set_log_callback(service_no_log);
    if (how != NULL &&
        (!config->files || event_config_require_features(how, EV_FEATURE_FDS) == 0)) {
        base = event_base_new_with_config(how);
    }
    if (how != NULL) {
        event_config_free(how);
    }
    return base;
}

int service_begin(struct service *service, const struct service_config *config, struct vmm_err *err)
{
    int rc;

    *service = (struct service){.config = *config};
    TAILQ_INIT(&service->waiting);
    TAILQ_INIT(&service->running);
    TAILQ_INIT(&service->answered);
    TAILQ_INIT(&service->forking);
    TAILQ_INIT(&service->sessions);
    LIST_INIT(&service->owners);
    service->audit.fd = -1;
    TAILQ_INIT(&service->installs);
    TAILQ_INIT(&service->preparing);
    service->pool = (struct pool){.snap = config->snap,
                                  .spare = config->workers,
                                  .message = answer_message,
                                  .ready = answer_ready,
                                  .died = answer_died,
                                  .arg = service};
    service->state_dir = -1;
    rc = pool_begin(&service->pool, err);
    if (rc == 0 && (config->state_dir != NULL || config->idle_ns != 0)) {
        rc = pause_begin(service, err);
    }
    if (rc < 0) {
        return rc;
    }
    service->base = service->pool.base = service_base(config);
    if (service->base != NULL) {
        service->overdue = evtimer_new(service->base, service_overdue, NULL);
    }
    if (service->overdue == NULL) {
        service_end(service);
        return vmm_err_set(err, ENOMEM, "no event loop: out of memory, or of descriptors");
    }
    return 0;
}

int service_turn(struct service *service, struct vmm_err *err)
{
    struct timeval wait;
    int rc, ms, idle;

    forks_turn(service);
    job_install_turn(service);
    rc = jobs_dispatch(service, err);
    ms = jobs_overdue(service);
    idle = pauses_turn(service);
    ms = ms < 0 || (idle >= 0 && idle < ms) ? idle : ms;
    wait = (struct timeval){.tv_sec = ms / 1000, .tv_usec = 1000L * (ms % 1000)};
    if (rc == 0 && ms >= 0 && event_add(service->overdue, &wait) < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return rc;
}

int service_loop(struct service *service, bool (*goes_on)(void *arg), void *arg,
                 struct vmm_err *err)
{
    int rc = 0;

    while (rc == 0 && goes_on(arg)) {
        rc = service_turn(service, err);
        /* What the turn has done may have been the last thing: then nothing would end a sleep. */
        if (rc == 0 && goes_on(arg) && event_base_loop(service->base, EVLOOP_ONCE) < 0) {
            rc = vmm_err_set(err, errno, "the event loop: %s", strerror(errno));
        }
    }
    return rc;
}

void service_end(struct service *service)
{
    pool_close(&service->pool);
    jobs_end(service);
    owners_free(&service->owners);
    if (service->state_dir >= 0) {
        (void)close(service->state_dir);
    }
    if (service->overdue != NULL) {
        event_free(service->overdue);
    }
    if (service->base != NULL) {
        event_base_free(service->base);
    }
}
