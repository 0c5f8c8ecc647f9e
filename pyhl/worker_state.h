// SPDX-License-Identifier: Apache-2.0
/*
 * The states of a worker's machine: they are written for other workers, and come from them.
 */
#ifndef PYHL_WORKER_STATE_H
#define PYHL_WORKER_STATE_H

#include "worker.h"

#include <stdatomic.h>
#include <stdbool.h>

struct states {
    struct vmm *vm;
    /* Sends a message to the server. */
    void (*tell)(void *arg, uint32_t kind, const void *bytes, size_t size);
    void *arg;
    atomic_int save_fd; /* where the state is to be written at the next chance; -1: nowhere */
    struct vmm_snapshot *last; /* the state that has come last, and its number */
    uint64_t last_number;
    bool suspended; /* the machine is in the middle of a run that came with its state */
    bool loaded;    /* its state has come from elsewhere: the machine is never put back */
};

/* On the thread that reads the socket while a run goes on: its state is to be written to fd when
 * it waits for replies, or is over. */
void states_ask(struct states *states, int fd);
/* The run waits for replies. arg: the states. */
void states_on_suspended(void *arg);
/* The run is over. stays: the machine is as the run has left it. */
void states_on_over(struct states *states, bool stays);

/* WORKER_SAVE between runs. */
void states_save(struct states *states, int fd);
/* WORKER_LOAD. Returns 0 or, with *err, -errno when the machine broke. */
int states_load(struct states *states, int fd, uint64_t how, struct vmm_err *err);

#endif
