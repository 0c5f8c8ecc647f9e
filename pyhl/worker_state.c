// SPDX-License-Identifier: Apache-2.0
/*
 * The server has made the descriptors. When it seals one, nobody has it any more that can write to
 * it: it is closed here before the server is told.
 */
#include "worker_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void state_failed(struct worker_state *state, const struct vmm_err *err)
{
    state->code = err->code;
    (void)snprintf(state->text, sizeof(state->text), "%.240s", err->msg);
}

static void state_saved(struct states *s, int fd, const struct worker_state *state)
{
    (void)close(fd);
    s->tell(s->arg, WORKER_SAVED, state, sizeof(*state));
}

/* Returns false when the machine has to go on first: then nothing was written. */
static bool state_write(struct states *s, int fd, bool suspended)
{
    struct worker_state state = {.suspended = suspended};
    struct vmm_err err = {0};
    const int rc = vmm_checkpoint_save(s->vm, fd, &err);

    if (rc == -EBUSY) {
        return false;
    }
    if (rc < 0) {
        state_failed(&state, &err);
    }
    state_saved(s, fd, &state);
    return true;
}

void states_ask(struct states *states, int fd)
{
    atomic_store(&states->save_fd, fd);
    vmm_wake(states->vm);
}

void states_on_suspended(void *arg)
{
    struct states *s = arg;
    const int fd = atomic_exchange(&s->save_fd, -1);

    if (fd >= 0 && !state_write(s, fd, true)) {
        atomic_store(&s->save_fd, fd);
    }
}

void states_on_over(struct states *states, bool stays)
{
    const struct worker_state none = {.code = ESRCH, .text = "the session is over"};
    const int fd = atomic_exchange(&states->save_fd, -1);

    if (fd >= 0 && !(stays && state_write(states, fd, false))) {
        state_saved(states, fd, &none);
    }
}

void states_save(struct states *states, int fd)
{
    (void)state_write(states, fd, states->suspended);
}

/* Another process has made the state, and its guest may have made it what it likes. It is checked
 * before the machine is touched. One that has come just before is there already, and KVM keeps what
 * it knows of the machine's memory. */
static int state_take(struct states *s, int fd, uint64_t how, struct vmm_err *err)
{
    const uint64_t number = how / WORKER_STATE;
    struct vmm_snapshot *snap;
    int rc;

    if (number != 0 && number == s->last_number) {
        return 0;
    }
    rc = vmm_checkpoint_take(s->vm, fd, (how & WORKER_SEALED) != 0, &snap, err);
    if (rc == 0) {
        vmm_snapshot_close(s->last);
        s->last = snap;
        s->last_number = number;
    }
    return rc;
}

int states_load(struct states *states, int fd, uint64_t how, struct vmm_err *err)
{
    struct worker_state state = {0};
    struct vmm_snapshot_info info;
    int rc = state_take(states, fd, how, err);

    (void)close(fd);
    states->loaded = true;
    if (rc < 0) {
        state_failed(&state, err);
        *err = (struct vmm_err){0};
    } else {
        vmm_snapshot_info(states->last, &info);
        state.suspended = states->suspended = info.suspended;
        rc = (how & WORKER_WARM) != 0 ? vmm_rewind_to(states->vm, states->last, err)
                                      : vmm_renew_to(states->vm, states->last, err);
        if (rc < 0) {
            return rc;
        }
    }
    states->tell(states->arg, WORKER_LOADED, &state, sizeof(state));
    return 0;
}
