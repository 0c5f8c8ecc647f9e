// SPDX-License-Identifier: Apache-2.0
/*
 * States of sessions: what workers are asked for with WORKER_SAVE and WORKER_LOAD, and the states
 * that are kept as checkpoints. A state is a memfd that this process has made. It is sealed before
 * anybody reads it, because a guest may have taken over the worker that has written it.
 */
#ifndef PYHL_STATES_H
#define PYHL_STATES_H

#include "commands.h"

#define STATES_KEPT   64u          /* checkpoints of a session, at most */
#define STATES_NAME   64u          /* characters of a checkpoint's name, at most */
#define STATES_MEMORY (4ull << 30) /* for states, where nothing else is said */

enum state_kind {
    STATE_CHECKPOINT, /* saves */
    STATE_FORK,       /* saves; then its children load */
    STATE_REWIND,     /* loads */
    STATE_CHILD,      /* loads, in a new session */
    STATE_PAUSE,      /* saves, to a file (op_pause.h) */
    STATE_WAKE,       /* loads from it */
};

/* Of a job that is about a state. */
struct job_state {
    enum state_kind kind;
    bool begun;      /* it does not wait any more */
    bool over;       /* it is in service.answered */
    bool answered;   /* it came to a good end */
    int fd;          /* of the state; -1: there is none yet */
    bool suspended;  /* the state is in the middle of a run */
    uint64_t number; /* of the checkpoint that it is; 0: none */
    enum commands_state commands;
    char name[STATES_NAME + 1];
    size_t count;               /* of forks */
    size_t left;                /* of its children, those that have not answered */
    struct job *parent;         /* of a child */
    struct request_error error; /* why it failed */
};

/* A checkpoint. */
struct kept {
    TAILQ_ENTRY(kept) link;
    char name[STATES_NAME + 1];
    int fd;
    uint64_t number; /* no other one has had it */
    uint64_t size;
    bool suspended;
    enum commands_state commands;
};

/* Makes a job one about a state. Returns false with *error. */
bool states_of(struct job *job, enum state_kind kind, struct request_error *error);
/* Such a job without a client. NULL: there is no memory. */
struct job *states_job(struct service *s, struct session_vm *session, enum state_kind kind);

/* Whether a job that waits may begin, as far as states are concerned. false with *error: never. */
bool states_may_begin(const struct session_vm *session, const struct job *job,
                      struct request_error *error);
/* Asks the session's worker. A job that ends, well or not, comes into service.answered. */
void states_begin(struct service *s, struct job *job, struct member *member);
/* A WORKER_SAVED or WORKER_LOADED. Returns false when no worker sends it. */
bool states_answer(struct service *s, const struct member *member,
                   const struct worker_message *message, const uint8_t *bytes);
/* The session of a job that has begun is no more. */
void states_lost(struct service *s, struct job *job, const char *type, const char *text);
/* A job that waits fails, or one is dropped: its parent hears of it. */
void states_tell(const struct job *job, const char *type, const char *text);
void states_drop(struct job *job);

struct kept *kept_find(const struct session_vm *session, const char *name);
/* Keeps the state of a job, in the place of one of that name. Returns false with *error. */
bool kept_add(struct service *s, struct session_vm *session, struct job_state *state,
              struct request_error *error);
void kept_remove(struct service *s, struct session_vm *session, struct kept *kept);
void kept_remove_all(struct service *s, struct session_vm *session);

#endif
