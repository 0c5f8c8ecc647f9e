// SPDX-License-Identifier: Apache-2.0
#include "http_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void metric_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metric_number(FILE *out, const char *name, const char *type, const char *help,
                          uint64_t number)
{
    metric_head(out, name, type, help);
    fprintf(out, "%s %llu\n", name, (unsigned long long)number);
}

static void metric_runs(FILE *out, const struct metrics *m)
{
    uint64_t count = 0;

    metric_head(out, "pyhl_runs_total", "counter", "Runs that are over, by their outcome.");
    for (size_t i = 0; i < METRICS_OUTCOMES && m->outcomes[i].name != NULL; i++) {
        fprintf(out, "pyhl_runs_total{outcome=\"%s\"} %llu\n", m->outcomes[i].name,
                (unsigned long long)m->outcomes[i].count);
    }
    metric_head(out, "pyhl_run_seconds", "histogram", "From the request of a run to its end.");
    for (size_t i = 0; i < METRICS_BOUNDS; i++) {
        count += m->within[i];
        fprintf(out, "pyhl_run_seconds_bucket{le=\"%g\"} %llu\n", metrics_bounds[i],
                (unsigned long long)count);
    }
    count += m->within[METRICS_BOUNDS];
    fprintf(out, "pyhl_run_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)count);
    fprintf(out, "pyhl_run_seconds_sum %.9f\npyhl_run_seconds_count %llu\n",
            (double)m->took_ns / 1e9, (unsigned long long)count);
}

/* Memory of a process that it shares with no file, bytes; 0 if it is gone. */
static uint64_t metric_process(pid_t pid)
{
    unsigned long long size = 0, resident = 0, shared = 0;
    char path[48];
    FILE *file;
    int got;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    got = fscanf(file, "%llu %llu %llu", &size, &resident, &shared);
    fclose(file);
    return got == 3 && resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE)
                                         : 0;
}

static void metric_machines(FILE *out, const struct service *s)
{
    static const char *const states[] = {
        [MEMBER_STARTING] = "starting", [MEMBER_READY] = "ready", [MEMBER_TAKEN] = "taken"};
    const struct member *m;
    uint64_t memory = 0;

    metric_head(out, "pyhl_vms", "gauge", "VMs: on their way, waiting for a run, in use.");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        fprintf(out, "pyhl_vms{state=\"%s\"} %zu\n", states[i],
                pool_count(&s->pool, (enum member_state)i));
    }
    TAILQ_FOREACH (m, &s->pool.members, link) {
        memory += metric_process(m->pid);
    }
    metric_head(out, "pyhl_memory_bytes", "gauge", "Private memory of the server and its workers.");
    fprintf(out, "pyhl_memory_bytes{of=\"server\"} %llu\npyhl_memory_bytes{of=\"workers\"} %llu\n",
            (unsigned long long)metric_process(getpid()), (unsigned long long)memory);
}

static void metric_http(FILE *out, const struct http *http)
{
    metric_head(out, "pyhl_http_answers_total", "counter", "Answers by HTTP, by their status.");
    for (unsigned status = 0; status < HTTP_STATUSES; status++) {
        if (http_count(http, status) > 0) {
            fprintf(out, "pyhl_http_answers_total{status=\"%u\"} %llu\n", status,
                    (unsigned long long)http_count(http, status));
        }
    }
}

/* http.h */
static void metrics_answer(struct http_exchange *x, void *arg)
{
    const struct http_metrics *metrics = arg;
    const struct service *s = metrics->service;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out != NULL) {
        metric_runs(out, &s->metrics);
        metric_number(out, "pyhl_rejected_total", "counter",
                      "Requests that were refused because there was too much to do.",
                      s->metrics.rejected);
        metric_number(out, "pyhl_requests", "gauge", "Requests under way that need a VM.", s->jobs);
        metric_number(out, "pyhl_sessions", "gauge", "Sessions that are open.", s->session_count);
        metric_number(out, "pyhl_audit_lost_total", "counter",
                      "Lines of the log that could not be written.", s->audit.lost);
        metric_machines(out, s);
        metric_http(out, metrics->http);
    }
    if (out == NULL || fclose(out) != 0) {
        http_error(x, 503, "OSError", "the server is out of memory");
    } else {
        http_answer(x, 200, "text/plain; version=0.0.4", text, size);
    }
    free(text);
}

static const struct http_route metrics_routes[] = {
    {.method = "GET", .path = "/metrics", .answer = metrics_answer},
    {.method = NULL},
};

int http_metrics_begin(struct http_metrics *metrics, struct http *http,
                       const struct service *service)
{
    *metrics = (struct http_metrics){.http = http, .service = service};
    return http_routes(http, metrics_routes, metrics);
}
