// SPDX-License-Identifier: Apache-2.0
#include "job_install.h"
#include "events.h"
#include "finder.h"
#include "outcome.h"
#include "packages_words.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTALLS_AT_ONCE 4u /* processes with uv; others wait */
#define INSTALL_LATE_NS  2000000000ull

enum install_state {
    INSTALL_BEGAN,   /* the worker has not asked yet */
    INSTALL_WAITS,   /* for other installs */
    INSTALL_FINDS,   /* its process goes on */
    INSTALL_ANSWERED /* the worker knows what to take */
};

struct job_install {
    TAILQ_ENTRY(job_install) link; /* of those that wait */
    struct service *service;
    struct job *job;
    enum install_state state;
    char text[INSTALL_WORDS]; /* the words, each with its NUL */
    size_t size;
    struct opt_list words;
    char *have_text; /* what the machine has */
    struct opt_list have;
    struct finder *finder;
    int bundle;  /* what is to be taken; -1: nothing */
    json_t *got; /* names of packages */
    bool replaces, cancelled;
    bool fresh;  /* it is a run without a session */
    bool queued; /* which has what it needs */
    struct bundle_info info;
    const char *failed; /* a type of PROTOCOL.md; NULL: nothing has gone wrong */
    char why[sizeof(((struct vmm_err *)0)->msg)];
};

bool job_install_allowed(const struct client *client, struct request_error *error)
{
    return client->service->config.install != NULL ||
           request_wrong(error, "PermissionError",
                         "this server gets no packages: start it with --install");
}

static bool packages_words(struct job_install *install, const json_t *packages,
                           struct request_error *error)
{
    const json_t *item;
    size_t i;

    json_array_foreach(packages, i, item)
    {
        const char *word = json_string_value(item);
        const size_t len = word != NULL ? strlen(word) + 1 : 0;

        if (word == NULL) {
            return request_wrong(error, "ValueError", "'packages[%zu]' must be a string", i);
        }
        if (len > sizeof(install->text) - install->size) {
            return request_wrong(error, "ValueError",
                                 "'packages': at most %u bytes of names are taken", INSTALL_WORDS);
        }
        memcpy(install->text + install->size, word, len);
        install->size += len;
    }
    return words_split(install->text, install->size, &install->words) ||
           request_wrong(error, "OSError", "the server is out of memory");
}

/* The packages of a run are looked for at once. */
static bool packages_begin(struct job_install *install)
{
    install->fresh = true;
    install->state = INSTALL_WAITS;
    TAILQ_INSERT_TAIL(&install->service->installs, install, link);
    return true;
}

bool job_install_begin(struct job *job, const json_t *packages, bool fresh,
                       struct request_error *error)
{
    struct job_install *install = calloc(1, sizeof(*install));
    struct service *s = job->client->service;
    struct vmm_err err = {0};

    if (install == NULL) {
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    job->install = install;
    install->service = s;
    install->job = job;
    install->bundle = -1;
    if (!json_is_array(packages)) {
        return request_wrong(error, "ValueError", "'packages' must be a list of strings");
    }
    return packages_words(install, packages, error) &&
           (words_check(s->config.install, &install->words, &err) == 0 ||
            request_wrong(error, "ValueError", "'packages': %s", err.msg)) &&
           (!fresh || packages_begin(install));
}

/* Tells the worker what to take; info is NULL: nothing. */
static void packages_answer(struct job_install *install, const struct bundle_info *info)
{
    const struct worker_message take = {.kind = WORKER_TAKE,
                                        .size = info != NULL ? sizeof(*info) : 0};
    struct job *job = install->job;

    install->state = INSTALL_ANSWERED;
    if (install->fresh) {
        install->info = info != NULL ? *info : (struct bundle_info){0};
        return;
    }
    job->end_ns = report_now() + 2 * job->head.timeout_ns + INSTALL_LATE_NS;
    if (pool_send(job->member, &take, info) < 0) {
        pool_kill(job->member);
    }
}

static void packages_fail(struct job_install *install, const char *type, const char *why)
{
    install->failed = type;
    (void)snprintf(install->why, sizeof(install->why), "%s", why);
    packages_answer(install, NULL);
}

static void packages_said(void *arg, const void *bytes, size_t size)
{
    const struct job_install *install = arg;

    event_bytes(install->job->client, install->job->id, "stderr", bytes, size);
}

static json_t *packages_names(const char *lines)
{
    json_t *list = json_array();

    for (; list != NULL && *lines; lines += strcspn(lines, "\n"), lines += *lines == '\n') {
        (void)json_array_append_new(list, json_stringn(lines, strcspn(lines, "\n")));
    }
    return list;
}

static const char *packages_type(int code)
{
    switch (code) {
    case EINVAL:
    case EEXIST:
        return "ValueError";
    case EINTR:
        return "Cancelled";
    case ETIMEDOUT:
        return "TimeoutError";
    default:
        return "OSError";
    }
}

static void packages_over(void *arg, const struct finder_found *found, int fd)
{
    struct job_install *install = arg;
    struct service *s = install->service;

    s->installing--;
    install->bundle = fd;
    install->got = packages_names(found->names);
    install->replaces = found->replaces;
    if (found->err.code != 0) {
        packages_fail(install, packages_type(found->err.code), found->err.msg);
    } else {
        packages_answer(install, fd >= 0 ? &found->info : NULL);
    }
    finder_free(install->finder);
    install->finder = NULL;
}

static void packages_find(struct job_install *install)
{
    struct service *s = install->service;
    const struct finder_task task = {.wish = s->config.install,
                                     .words = install->words,
                                     .have = install->have,
                                     .fresh = install->fresh,
                                     .timeout_ns = install->fresh ? REQUEST_INSTALL_NS
                                                                  : install->job->head.timeout_ns,
                                     .said = packages_said,
                                     .over = packages_over,
                                     .arg = install};
    struct vmm_err err = {0};

    if (finder_start(s->base, &task, &install->finder, &err) < 0) {
        packages_fail(install, "OSError", err.msg);
        return;
    }
    s->installing++;
    install->state = INSTALL_FINDS;
}

void job_install_turn(struct service *s)
{
    struct job_install *install;

    while (s->installing < INSTALLS_AT_ONCE && (install = TAILQ_FIRST(&s->installs)) != NULL) {
        TAILQ_REMOVE(&s->installs, install, link);
        packages_find(install);
    }
}

/* Notes what the machine has. A guest may have written it. */
static bool packages_wants(struct job_install *install, const uint8_t *bytes, size_t size)
{
    if (install->state != INSTALL_BEGAN || size > INSTALL_HAVE ||
        (size > 0 && bytes[size - 1] != 0)) {
        return false;
    }
    install->have_text = malloc(size + 1);
    if (install->have_text == NULL) {
        return false;
    }
    memcpy(install->have_text, bytes, size);
    if (!words_split(install->have_text, size, &install->have)) {
        return false;
    }
    install->job->end_ns = 0; /* the machine does nothing until it is answered */
    if (install->cancelled) {
        packages_fail(install, "Cancelled", "it was cancelled");
        return true;
    }
    install->state = INSTALL_WAITS;
    TAILQ_INSERT_TAIL(&install->service->installs, install, link);
    return true;
}

static bool packages_fetch(const struct job_install *install, const uint8_t *bytes, size_t size)
{
    struct worker_message piece = {.kind = WORKER_PIECE};
    struct worker_fetch fetch;
    uint8_t *data;
    ssize_t n;
    int rc;

    if (size != sizeof(fetch) || install->bundle < 0) {
        return false;
    }
    memcpy(&fetch, bytes, sizeof(fetch));
    if (fetch.size > BUNDLE_PIECE || fetch.offset > INT64_MAX) {
        return false;
    }
    data = malloc(fetch.size + 1);
    if (data == NULL) {
        return false;
    }
    n = pread(install->bundle, data, fetch.size, (off_t)fetch.offset);
    piece.size = n > 0 ? (uint64_t)n : 0;
    rc = pool_send(install->job->member, &piece, data);
    free(data);
    return rc == 0;
}

bool job_install_message(struct service *s, struct job *job, const struct worker_message *message,
                         const uint8_t *bytes)
{
    (void)s;
    if (job->install == NULL) {
        return false;
    }
    return message->kind == WORKER_WANTS ? packages_wants(job->install, bytes, message->size)
                                         : packages_fetch(job->install, bytes, message->size);
}

bool job_install_cancel(struct service *s, struct job *job)
{
    struct job_install *install = job->install;

    if (install == NULL || install->queued || (!install->fresh && job->member == NULL)) {
        return false;
    }
    install->cancelled = true;
    if (install->fresh && install->state == INSTALL_ANSWERED && install->failed == NULL) {
        packages_fail(install, "Cancelled", "it was cancelled");
    }
    if (install->state == INSTALL_WAITS) {
        TAILQ_REMOVE(&s->installs, install, link);
        packages_fail(install, "Cancelled", "it was cancelled");
    } else if (install->state == INSTALL_FINDS) {
        finder_stop(install->finder);
    }
    return install->state != INSTALL_ANSWERED || install->failed != NULL;
}

bool job_install_ready(struct job *job, struct request_error *failed)
{
    struct job_install *install = job->install;
    struct worker_run head;
    uint8_t *at = job->run.out.bytes + job->run.out.at;

    if (install->state != INSTALL_ANSWERED) {
        return false;
    }
    failed->type = install->failed;
    (void)snprintf(failed->text, sizeof(failed->text), "%.*s", (int)sizeof(failed->text) - 1,
                   install->why);
    memcpy(&head, at, sizeof(head));
    head.entries = install->info.entries;
    head.index = install->info.index;
    memcpy(at, &head, sizeof(head));
    install->queued = true;
    return true;
}

void job_install_done(const struct job *job, const struct vmm_outcome *outcome)
{
    const struct job_install *install = job->install;
    const struct outcome_limits limits = {.timeout = "the timeout",
                                          .timeout_ns = job->head.timeout_ns};
    char text[OUTCOME_TEXT];

    if (install->failed != NULL) {
        event_failed(job->client, job->id, install->failed, install->why);
    } else if (outcome->kind == VMM_READY && outcome->status == 0) {
        event_put(
            job->client, job->id, "done",
            json_pack("{s:O?, s:b}", "packages", install->got, "replaces", (int)install->replaces),
            NULL, 0);
    } else if (install->cancelled) {
        event_failed(job->client, job->id, "Cancelled", "it was cancelled");
    } else if (outcome->kind == VMM_READY) {
        event_failed(job->client, job->id, "OSError", outcome->detail);
    } else {
        outcome_text(outcome, &limits, text);
        event_failed(job->client, job->id, "OSError", text);
    }
}

void job_install_drop(struct service *s, struct job *job)
{
    struct job_install *install = job->install;

    if (install == NULL) {
        return;
    }
    if (install->state == INSTALL_WAITS) {
        TAILQ_REMOVE(&s->installs, install, link);
    } else if (install->finder != NULL) {
        finder_free(install->finder);
        s->installing--;
    }
    if (install->bundle >= 0) {
        close(install->bundle);
    }
    free(install->have.items);
    free(install->have_text);
    free(install->words.items);
    json_decref(install->got);
    free(install);
    job->install = NULL;
}
