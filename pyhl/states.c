// SPDX-License-Identifier: Apache-2.0
#include "states.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_SEALS   (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define STATE_LATE_NS 60000000000ull /* a worker without a run that has not answered is stuck */

static bool state_saves(const struct job_state *state)
{
    return state->kind == STATE_CHECKPOINT || state->kind == STATE_FORK ||
           state->kind == STATE_PAUSE;
}

static bool state_fails(struct job_state *state, int code, const char *what)
{
    return request_wrong(&state->error, "OSError", "%s: %s", what, strerror(code));
}

bool states_of(struct job *job, enum state_kind kind, struct request_error *error)
{
    job->head.keeps = 1;
    job->state = calloc(1, sizeof(*job->state));
    if (job->state == NULL) {
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    job->state->kind = kind;
    job->state->fd = -1;
    return true;
}

struct job *states_job(struct service *s, struct session_vm *session, enum state_kind kind)
{
    struct request_error none;
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL || !states_of(job, kind, &none)) {
        free(job);
        return NULL;
    }
    s->jobs++;
    job->session = session;
    return job;
}

bool states_may_begin(const struct session_vm *session, const struct job *job,
                      struct request_error *error)
{
    const struct job *running = session->running;

    if (session->doing != NULL) {
        return false;
    }
    if (job->state != NULL) {
        return running == NULL || (state_saves(job->state) && running->call_count > 0);
    }
    if (running != NULL) {
        return false;
    }
    if (session->suspended && job->head.sort != WORKER_RESUME) {
        return request_wrong(error, "ValueError",
                             "the session is in the middle of a run: resume or rewind it");
    }
    return session->suspended || job->head.sort != WORKER_RESUME ||
           request_wrong(error, "ValueError", "the session is not in the middle of a run");
}

/* A file without a name. */
static int state_file(const struct service *s)
{
    char name[64];
    int fd;

    (void)snprintf(name, sizeof(name), ".pyhl-%ld-%llu", (long)getpid(),
                   (unsigned long long)report_now());
    fd = openat(s->state_dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && unlinkat(s->state_dir, name, 0) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The file for a state, and what the worker may write there at most: the kernel sees to that. */
static bool state_make(const struct service *s, const struct member *member,
                       struct job_state *state)
{
    const bool disk = state->kind == STATE_PAUSE;
    const uint64_t most = disk ? s->config.state_limit : s->config.state_memory;
    const uint64_t have = disk ? s->disk_bytes : s->kept_bytes;
    struct rlimit limit;

    if (have >= most) {
        return request_wrong(&state->error, "Busy", "%s have %llu bytes, and no more are allowed",
                             disk ? "states on disk" : "checkpoints", (unsigned long long)have);
    }
    if (prlimit(member->pid, RLIMIT_FSIZE, NULL, &limit) < 0) {
        return state_fails(state, errno, "the worker's limits");
    }
    limit.rlim_cur = limit.rlim_max < most - have ? limit.rlim_max : most - have;
    if (prlimit(member->pid, RLIMIT_FSIZE, &limit, NULL) < 0) {
        return state_fails(state, errno, "the worker's limits");
    }
    state->fd = disk ? state_file(s) : memfd_create("pyhl-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return state->fd >= 0 || state_fails(state, errno, disk ? "--state" : "memory for the state");
}

/* The descriptor that a child loads is its parent's. A file is not sealed, so what a worker gets to
 * read is read-only. */
static int state_descriptor(const struct job_state *state)
{
    const int fd = state->parent != NULL ? state->parent->state->fd : state->fd;
    char name[32];

    if (state->kind == STATE_WAKE) {
        (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        return open(name, O_RDONLY | O_CLOEXEC);
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* A rewind is of a machine that has run, and is to be fast again at once. */
static uint64_t state_how(const struct job_state *state)
{
    return state->kind == STATE_REWIND  ? WORKER_SEALED | WORKER_WARM | WORKER_STATE * state->number
           : state->kind == STATE_CHILD ? WORKER_SEALED
                                        : 0;
}

static bool state_ask(const struct service *s, struct member *member, struct job_state *state)
{
    const bool saves = state_saves(state);
    const struct worker_message message = {.kind = saves ? WORKER_SAVE : WORKER_LOAD,
                                           .number = state_how(state)};
    int fd, rc;

    if (saves && !state_make(s, member, state)) {
        return false;
    }
    fd = state_descriptor(state);
    if (fd < 0) {
        return state_fails(state, errno, "the state");
    }
    member->used_up = member->used_up || !saves;
    rc = pool_pass(member, &message, fd);
    return rc == 0 || state_fails(state, -rc, "the worker");
}

/* The job is over, but for what is then to be done. */
static void state_over(struct service *s, struct job *job)
{
    job->end_ns = 0;
    job->state->over = true;
    TAILQ_REMOVE(&s->running, job, link);
    TAILQ_INSERT_TAIL(&s->answered, job, link);
}

void states_begin(struct service *s, struct job *job, struct member *member)
{
    struct session_vm *session = job->session;

    TAILQ_REMOVE(&session->waiting, job, link);
    TAILQ_INSERT_TAIL(&s->running, job, link);
    session->doing = job;
    job->state->begun = true;
    job->end_ns = session->running == NULL ? report_now() + STATE_LATE_NS : 0;
    if (!state_ask(s, member, job->state)) {
        state_over(s, job);
    }
}

/* What the worker says of its failure goes to the client. */
static void state_refused(struct job_state *state, const struct worker_state *said)
{
    char text[sizeof(said->text)];

    memcpy(text, said->text, sizeof(text));
    text[sizeof(text) - 1] = 0;
    if (said->code == EFBIG || said->code == ENOSPC) {
        (void)request_wrong(&state->error, "Busy", "the state is larger than what is left %s",
                            state->kind == STATE_PAUSE ? "on the disk for states"
                                                       : "of the memory for checkpoints");
    } else {
        (void)request_wrong(&state->error, said->code == ESRCH ? "LookupError" : "OSError", "%s",
                            text);
    }
}

bool states_answer(struct service *s, const struct member *member,
                   const struct worker_message *message, const uint8_t *bytes)
{
    const bool saved = message->kind == WORKER_SAVED;
    struct session_vm *v;
    struct job_state *state;
    struct worker_state said;

    TAILQ_FOREACH (v, &s->sessions, link) {
        if (v->member == member) {
            break;
        }
    }
    if (v == NULL || v->doing == NULL) {
        return saved; /* the session was closed meanwhile, or its run has ended it */
    }
    state = v->doing->state;
    if (message->size != sizeof(said) || state_saves(state) != saved || state->over) {
        return false;
    }
    memcpy(&said, bytes, sizeof(said));
    if (said.code != 0) {
        state_refused(state, &said);
    } else if (saved && state->kind != STATE_PAUSE &&
               fcntl(state->fd, F_ADD_SEALS, STATE_SEALS) < 0) {
        (void)state_fails(state, errno, "sealing the state");
    } else {
        state->suspended = said.suspended != 0;
        state->answered = true;
        v->suspended = saved ? v->suspended : state->suspended;
    }
    state_over(s, v->doing);
    return true;
}

void states_lost(struct service *s, struct job *job, const char *type, const char *text)
{
    job->session = NULL;
    if (!job->state->over) {
        (void)request_wrong(&job->state->error, type, "%s", text);
        state_over(s, job);
    }
}

void states_tell(const struct job *job, const char *type, const char *text)
{
    struct job *parent = job->state != NULL ? job->state->parent : NULL;

    if (parent != NULL && parent->state->error.type == NULL) {
        (void)request_wrong(&parent->state->error, type, "%s", text);
    }
}

void states_drop(struct job *job)
{
    struct job_state *state = job->state;

    if (state == NULL) {
        return;
    }
    if (state->parent != NULL) {
        state->parent->state->left--;
        if (!state->answered) {
            states_tell(job, state->error.type != NULL ? state->error.type : "Cancelled",
                        state->error.type != NULL ? state->error.text : "a session was closed");
        }
    }
    if (state->fd >= 0) {
        close(state->fd);
    }
    free(state);
    job->state = NULL;
}

struct kept *kept_find(const struct session_vm *session, const char *name)
{
    struct kept *kept;

    if (name == NULL) {
        return TAILQ_LAST(&session->kept, kept_list);
    }
    TAILQ_FOREACH (kept, &session->kept, link) {
        if (strcmp(kept->name, name) == 0) {
            return kept;
        }
    }
    return NULL;
}

void kept_remove(struct service *s, struct session_vm *session, struct kept *kept)
{
    TAILQ_REMOVE(&session->kept, kept, link);
    session->kept_count--;
    s->kept_bytes -= kept->size;
    close(kept->fd);
    free(kept);
}

void kept_remove_all(struct service *s, struct session_vm *session)
{
    struct kept *next;

    for (struct kept *kept = TAILQ_FIRST(&session->kept); kept != NULL; kept = next) {
        next = TAILQ_NEXT(kept, link);
        kept_remove(s, session, kept);
    }
}

bool kept_add(struct service *s, struct session_vm *session, struct job_state *state,
              struct request_error *error)
{
    struct kept *old = kept_find(session, state->name), *kept = calloc(1, sizeof(*kept));
    struct stat st;

    if (kept == NULL || fstat(state->fd, &st) < 0) {
        free(kept);
        return request_wrong(error, "OSError", "the server is out of memory");
    }
    (void)snprintf(kept->name, sizeof(kept->name), "%s", state->name);
    kept->fd = state->fd;
    state->fd = -1;
    kept->size = (uint64_t)st.st_size;
    kept->suspended = state->suspended;
    kept->number = ++s->kept_numbers;
    kept->commands = state->commands;
    TAILQ_INSERT_TAIL(&session->kept, kept, link);
    session->kept_count++;
    s->kept_bytes += kept->size;
    if (old != NULL) {
        kept_remove(s, session, old);
    }
    return true;
}
