// SPDX-License-Identifier: Apache-2.0
#include "events.h"
#include "jsontext.h"
#include "outcome.h"
#include "result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void event_bytes(struct client *client, uint64_t id, const char *event, const void *bytes,
                 size_t size)
{
    if (client != NULL && !client->failed) {
        client->ops->event(client, id, event, NULL, bytes, size);
    }
}

void event_put(struct client *client, uint64_t id, const char *event, json_t *members,
               const void *bytes, size_t size)
{
    if (client != NULL && members == NULL) {
        client->failed = true;
    }
    if (client != NULL && !client->failed) {
        client->ops->event(client, id, event, members, bytes, size);
    }
    json_decref(members);
}

void event_failed(struct client *client, uint64_t id, const char *type, const char *text)
{
    char clean[sizeof(((struct request_error *)0)->text)];
    const size_t size = strnlen(text, sizeof(clean) - 1);

    /* A guest may have given parts of a message, and it may have been cut inside a character. */
    for (size_t n = 0, whole; n < size; n += whole) {
        whole =
            (unsigned char)text[n] < ' ' || text[n] == 127 ? 0 : json_character(text + n, size - n);
        if (whole == 0) {
            clean[n] = '?';
            whole = 1;
        } else {
            memcpy(clean + n, text + n, whole);
        }
    }
    clean[size] = 0;
    event_put(client, id, "failed", json_pack("{s:s, s:s}", "type", type, "message", clean), NULL,
              0);
}

void event_done(const struct service *s, const struct job *job, const struct vmm_outcome *outcome)
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
    event_put(job->client, job->id, "done",
              json_pack("{s:s, s:i, s:s?, s:s?, s:{s:f, s:f, s:f}, s:o}", "outcome",
                        ready ? "ready" : outcome_name(outcome), "status",
                        ready ? outcome->status : outcome_status(outcome, SIGKILL), "limit",
                        outcome_limit(outcome), "error",
                        ready || outcome->kind == VMM_EXITED ? NULL : text, "times", "restore_ms",
                        (double)c->restore_ns / 1e6, "run_ms", (double)c->run_ns / 1e6, "cpu_ms",
                        (double)c->cpu_ns / 1e6, "counts", result_counts(c)),
              NULL, 0);
}
