// SPDX-License-Identifier: Apache-2.0
/*
 * Sends calls to the parent and takes its replies. The channel's lock is also around the VM as far
 * as replies are concerned.
 */
#include "tools_child.h"
#include "replies.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct tools_child {
    struct channel *channel;
    struct vmm_tools *set;
    struct vmm *vm; /* that runs; NULL: none does */
    sem_t began;
    struct tools_function {
        struct tools_child *owner;
        size_t number; /* in the list */
    } * functions;
};

/* Fetches a reply and gives it to the VM. One for which the VM has no open call is dropped: the
 * guest has given the call up, or the run is over. With the lock. */
static void tools_fetch(struct tools_child *t, uint64_t id)
{
    struct channel_message message = {.kind = TOOLS_REPLY, .number = {id}};
    const char *text = (const char *)t->channel->bytes;
    size_t type;

    if (channel_call(t->channel, &message) < 0 || message.result < 0 || t->vm == NULL) {
        return;
    }
    if (message.result == 0) {
        (void)vmm_reply(t->vm, id, text, message.size, NULL);
        return;
    }
    type = strnlen(text, message.size);
    if (type + 1 < message.size && message.size < TOOLS_BYTES) {
        t->channel->bytes[message.size] = 0;
        (void)vmm_reply_error(t->vm, id, text, text + type + 1, NULL);
    } else {
        (void)vmm_reply_error(t->vm, id, "OSError", "the reply was lost", NULL);
    }
}

/* Takes all notices that are there. With the lock. Returns 0, or -errno when the parent is gone. */
static int tools_take(struct tools_child *t)
{
    struct channel_message notice;
    int rc;

    while ((rc = channel_notice(t->channel, 0, &notice)) == 0) {
        if (notice.kind == TOOLS_DONE) {
            tools_fetch(t, notice.number[0]);
        }
    }
    return rc == -EAGAIN ? 0 : rc;
}

/* The thread. When the parent is gone this process dies, too. */
static void *tools_wait(void *arg)
{
    struct tools_child *t = arg;
    struct pollfd pfd = {.fd = t->channel->fd, .events = POLLIN};
    int rc = 0;

    (void)sem_post(&t->began);
    while (rc == 0) {
        (void)poll(&pfd, 1, -1);
        (void)pthread_mutex_lock(&t->channel->lock);
        rc = tools_take(t);
        (void)pthread_mutex_unlock(&t->channel->lock);
    }
    return NULL;
}

int tools_child_thread(void *tools, struct vmm_err *err)
{
    struct tools_child *t = tools;
    const int rc = replies_thread(tools_wait, t, err);

    while (rc == 0 && sem_wait(&t->began) < 0) {
    }
    return rc;
}

/* A call by the guest. */
static int tools_call(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    const struct tools_function *f = arg;
    struct tools_child *t = f->owner;
    struct channel_message message = {
        .kind = TOOLS_CALL, .size = call->size, .number = {call->id, f->number}};
    int rc;

    (void)tools_arg;
    (void)pthread_mutex_lock(&t->channel->lock);
    memcpy(t->channel->bytes, call->bytes, call->size); /* at most max_request */
    rc = channel_call(t->channel, &message);
    if (rc == 0 && message.result < 0) {
        (void)vmm_reply_error(vm, call->id, "OSError",
                              message.result == -EAGAIN ? "too many calls are open at once"
                                                        : strerror(-message.result),
                              NULL);
    }
    rc = rc == 0 ? tools_take(t) : rc;
    (void)pthread_mutex_unlock(&t->channel->lock);
    return rc;
}

static int tools_make_set(struct tools_child *t, const struct tool_list *list, struct vmm_err *err)
{
    struct vmm_function *made = calloc(list->count + 1, sizeof(*made));
    int rc;

    t->functions = calloc(list->count + 1, sizeof(*t->functions));
    if (made == NULL || t->functions == NULL) {
        free(made);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < list->count; i++) {
        t->functions[i] = (struct tools_function){t, i};
        made[i] = (struct vmm_function){
            .name = list->items[i].name,
            .schema = list->items[i].schema,
            .max_request = TOOLS_BYTES,
            .max_reply = TOOLS_BYTES,
            .call = tools_call,
            .arg = &t->functions[i],
        };
    }
    rc = vmm_tools_create(made, list->count, &t->set, err);
    free(made);
    return rc;
}

int tools_child_make(const struct tool_list *list, struct channel *channel,
                     struct tools_child **out, struct vmm_err *err)
{
    struct tools_child *t = calloc(1, sizeof(*t));
    int rc;

    *out = NULL;
    if (t == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    t->channel = channel;
    (void)sem_init(&t->began, 0, 0);
    rc = tools_make_set(t, list, err);
    if (rc < 0) {
        free(t->functions);
        free(t);
        return rc;
    }
    *out = t;
    return 0;
}

/* From now on replies go to this VM. */
static void tools_attach(struct tools_child *t, struct vmm *vm, uint64_t timeout_ns)
{
    (void)pthread_mutex_lock(&t->channel->lock);
    t->vm = vm;
    t->channel->until_ns = timeout_ns != 0 ? report_now() + 2 * timeout_ns + 1000000000u : 0;
    t->channel->give_up = signals_urgent;
    (void)pthread_mutex_unlock(&t->channel->lock);
}

/* The run is over, and the calls that it has left open. */
static void tools_detach(struct tools_child *t)
{
    struct channel_message message = {.kind = TOOLS_END};

    (void)pthread_mutex_lock(&t->channel->lock);
    t->vm = NULL;
    (void)channel_call(t->channel, &message);
    (void)tools_take(t);
    (void)pthread_mutex_unlock(&t->channel->lock);
}

int tools_child_run(struct tools_child *tools, struct vmm *vm, const struct vmm_run *run,
                    struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_run with = *run;
    int rc;

    if (tools == NULL) {
        return vmm_run(vm, run, outcome, err);
    }
    with.tools = tools->set;
    tools_attach(tools, vm, run->timeout_ns);
    rc = vmm_run(vm, &with, outcome, err);
    if (rc == 0) {
        rc = replies_wait(vm, run->timeout_ns, NULL, NULL, outcome, err);
    }
    tools_detach(tools);
    return rc;
}

void tools_child_end(struct tools_child *tools)
{
    if (tools != NULL) {
        vmm_tools_destroy(tools->set);
    }
}
