// SPDX-License-Identifier: Apache-2.0
#include "events.h"
#include "outcome.h"
#include "result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void event_raw(struct service *s, const char *text, size_t text_size, const void *bytes,
                      size_t size)
{
    const uint8_t head[8] = {
        (uint8_t)text_size,
        (uint8_t)(text_size >> 8),
        (uint8_t)(text_size >> 16),
        (uint8_t)(text_size >> 24),
        (uint8_t)size,
        (uint8_t)(size >> 8),
        (uint8_t)(size >> 16),
        (uint8_t)(size >> 24),
    };

    if (s->failed) {
        return; /* half an event may be the last thing that the client gets */
    }
    if (flow_put(&s->client, head, sizeof(head)) < 0 || flow_put(&s->client, text, text_size) < 0 ||
        flow_put(&s->client, bytes, size) < 0) {
        s->failed = true;
    }
}

void event_put(struct service *s, uint64_t id, const char *event, json_t *members,
               const void *bytes, size_t size)
{
    char *text = NULL;

    if (members != NULL && json_object_set_new(members, "event", json_string(event)) == 0 &&
        (id == EVENT_NO_ID ||
         json_object_set_new(members, "id", json_integer((json_int_t)id)) == 0)) {
        text = json_dumps(members, JSON_COMPACT);
    }
    if (text == NULL) {
        s->failed = true;
    } else {
        event_raw(s, text, strlen(text), bytes, size);
    }
    free(text);
    json_decref(members);
}

void event_failed(struct service *s, uint64_t id, const char *type, const char *text)
{
    char clean[sizeof(((struct request_error *)0)->text)];
    size_t n = 0;

    /* A message may have been cut inside a character. */
    for (; n < sizeof(clean) - 1 && text[n] != 0; n++) {
        clean[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
    }
    clean[n] = 0;
    event_put(s, id, "failed", json_pack("{s:s, s:s}", "type", type, "message", clean), NULL, 0);
}

/* The event that comes most often. */
void event_output(struct service *s, uint64_t id, const char *event, const void *bytes, size_t size)
{
    char text[80];
    const int n = snprintf(text, sizeof(text), "{\"id\":%llu,\"event\":\"%s\"}",
                           (unsigned long long)id, event);

    event_raw(s, text, (size_t)n, bytes, size);
}

static json_t *done_counts(const struct vmm_counters *counters)
{
    struct result_count rows[RESULT_COUNTS];
    json_t *counts = json_object();

    result_counts(counters, rows);
    for (size_t i = 0; i < RESULT_COUNTS; i++) {
        (void)json_object_set_new(counts, rows[i].name, json_integer((json_int_t)rows[i].count));
    }
    return counts;
}

void event_done(struct service *s, const struct job *job, const struct vmm_outcome *outcome)
{
    const struct vmm_counters *c = &outcome->counters;
    const bool ready = outcome->kind == VMM_READY;
    const struct outcome_limits limits = {
        .memory = job->head.memory != 0 ? job->head.memory : s->config.vm_memory,
        .timeout = "the timeout",
        .timeout_ns = job->head.timeout_ns,
        .cpu_ns = job->head.cpu_ns,
        .max_output = job->head.max_output,
        .max_calls = job->head.max_calls,
    };
    char text[OUTCOME_TEXT];

    outcome_text(outcome, &limits, text);
    event_put(s, job->id, "done",
              json_pack("{s:s, s:i, s:s?, s:s?, s:{s:f, s:f, s:f}, s:o}", "outcome",
                        ready ? "ready" : outcome_name(outcome), "status",
                        ready ? outcome->status : outcome_status(outcome, SIGKILL), "limit",
                        outcome_limit(outcome), "error",
                        ready || outcome->kind == VMM_EXITED ? NULL : text, "times", "restore_ms",
                        (double)c->restore_ns / 1e6, "run_ms", (double)c->run_ns / 1e6, "cpu_ms",
                        (double)c->cpu_ns / 1e6, "counts", done_counts(c)),
              NULL, 0);
}
