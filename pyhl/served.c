// SPDX-License-Identifier: Apache-2.0
#include "served.h"
#include "events.h"
#include "outcome.h"

#include <string.h>

/* A guest may say anything: another type is an OSError. */
static const char *known_type(const char *type)
{
    static const char *const types[] = {"FileNotFoundError", "FileExistsError",
                                        "PermissionError",   "NotADirectoryError",
                                        "IsADirectoryError", "ValueError"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], type) == 0) {
            return types[i];
        }
    }
    return "OSError";
}

bool served_record(struct job *job, const char *kind, const uint8_t *bytes, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(bytes, 0, size) : NULL;
    size_t n = 0;

    if (job->head.sort != WORKER_SERVICE || strcmp(kind, "failed") != 0 || nul == NULL) {
        return false;
    }
    job->failure.type = known_type((const char *)bytes);
    n = size - (size_t)(nul + 1 - bytes);
    n = n < sizeof(job->failure.text) ? n : sizeof(job->failure.text) - 1;
    memcpy(job->failure.text, nul + 1, n);
    job->failure.text[n] = 0;
    return true;
}

void served_done(const struct job *job, const struct vmm_outcome *outcome)
{
    const struct outcome_limits limits = {.timeout = "the timeout",
                                          .timeout_ns = job->head.timeout_ns};
    char text[OUTCOME_TEXT];

    if (outcome->kind == VMM_KILLED) {
        event_failed(job->client, job->id, "Cancelled",
                     "it was cancelled, and its session is over");
    } else if (outcome->kind != VMM_READY) {
        outcome_text(outcome, &limits, text);
        event_failed(job->client, job->id, "OSError", text);
    } else if (outcome->status == 0) {
        event_put(job->client, job->id, "done", json_object(), NULL, 0);
    } else if (job->failure.type != NULL) {
        event_failed(job->client, job->id, job->failure.type, job->failure.text);
    } else {
        event_failed(job->client, job->id, "OSError", "the session could not say what has failed");
    }
}
