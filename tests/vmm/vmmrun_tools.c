// SPDX-License-Identifier: Apache-2.0
/*
 * The functions that vmmrun offers to guests, to try what a host can do with a call:
 *   echo         the arguments are the reply
 *   fail         an error: TestError, with the arguments as its message
 *   size N       a reply of N bytes, which count from 0
 *   thread MS    a thread answers after so many ms, by the arguments
 *   late         is left open; when the run is suspended it is answered by the arguments, the call
 *                that was made last before the others
 *   never        has no answer
 *   small        as echo, but 8 bytes are allowed
 */
#include "vmmrun.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS_MAX 256

static atomic_int threads;

static int echo(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    (void)arg, (void)tools_arg;
    int rc = vmm_reply(vm, call->id, call->bytes, call->size, &err);
    return rc == -E2BIG ? 0 : rc; /* the guest was told */
}

static char *text_of(const struct vmm_call *call)
{
    char *text = calloc(1, call->size + 1);
    return text != NULL ? memcpy(text, call->bytes, call->size) : NULL;
}

static int fail(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    char *text = text_of(call);
    (void)arg, (void)tools_arg;
    int rc = text != NULL ? vmm_reply_error(vm, call->id, "TestError", text, &err) : -ENOMEM;
    free(text);
    return rc;
}

static int size(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    char *text = text_of(call);
    const size_t n = text != NULL ? strtoul(text, NULL, 10) : 0;
    unsigned char *bytes = malloc(n + 1);
    (void)arg, (void)tools_arg;
    for (size_t i = 0; bytes != NULL && i < n; i++) {
        bytes[i] = (unsigned char)i;
    }
    int rc = bytes != NULL ? vmm_reply(vm, call->id, bytes, n, &err) : -ENOMEM;
    free(bytes);
    free(text);
    return rc == -E2BIG ? 0 : rc;
}

struct late {
    struct vmm *vm;
    uint64_t id;
    char *text;
};

static void *late_answer(void *arg)
{
    struct late *late = arg;
    struct vmm_err err;
    usleep((useconds_t)strtoul(late->text, NULL, 10) * 1000);
    if (vmm_reply(late->vm, late->id, late->text, strlen(late->text), &err) < 0) {
        fprintf(stderr, "vmmrun: %s\n", err.msg);
    }
    free(late->text);
    free(late);
    threads--;
    return NULL;
}

static int thread(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    pthread_t id;
    struct late *late = malloc(sizeof(*late));
    (void)arg, (void)tools_arg;
    if (late == NULL) {
        return -ENOMEM;
    }
    *late = (struct late){vm, call->id, text_of(call)};
    threads++;
    if (late->text == NULL || pthread_create(&id, NULL, late_answer, late) != 0) {
        threads--;
        return -EAGAIN;
    }
    return -pthread_detach(id);
}

static const struct vmm_function functions[] = {
    {.name = "echo", .schema = "{}", .max_request = 16 << 20, .max_reply = 16 << 20, .call = echo},
    {.name = "fail", .call = fail},
    {.name = "size", .max_reply = 16 << 20, .call = size},
    {.name = "thread", .call = thread},
    {.name = "late"},
    {.name = "never"},
    {.name = "small", .max_request = 8, .max_reply = 8, .call = echo},
};

int run_tools(struct vmm_tools **out, struct vmm_err *err)
{
    return vmm_tools_create(functions, sizeof(functions) / sizeof(functions[0]), out, err);
}

int run_to_end(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_call calls[CALLS_MAX];
    size_t count;
    int rc = 0;
    while (rc == 0 && outcome->kind == VMM_CALLED) {
        rc = vmm_calls(vm, calls, CALLS_MAX, &count);
        while (rc == 0 && count-- > 0) {
            if (strcmp(calls[count].name, "late") == 0) {
                rc = vmm_reply(vm, calls[count].id, calls[count].bytes, calls[count].size, err);
            }
        }
        rc = rc == 0 ? vmm_resume(vm, 10000000000, outcome, err) : rc;
    }
    return rc;
}

void run_tools_wait(void)
{
    while (threads > 0) {
        usleep(1000);
    }
}
