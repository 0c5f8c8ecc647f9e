// SPDX-License-Identifier: Apache-2.0
/*
 * Packages for a session that goes on.
 */
#include "job_install.h"
#include "jobs.h"
#include "ops.h"
#include "sessions.h"

bool op_install(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                size_t size, struct request_error *error)
{
    struct session_vm *session;
    struct job *job;

    (void)bytes;
    (void)size;
    if (!job_install_allowed(c, error)) {
        return false;
    }
    session = session_find(c, request, error);
    job = session != NULL ? job_new(c, id, session, error) : NULL;
    if (job == NULL) {
        return false;
    }
    if (!request_install(request, &job->run, error) ||
        !job_install_begin(job, json_object_get(request, "packages"), false, error)) {
        job_drop(c->service, job);
        return false;
    }
    return job_wait(c->service, job, error);
}
