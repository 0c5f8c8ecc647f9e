// SPDX-License-Identifier: Apache-2.0
#include "work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Makes an array of the next strings, with a NULL after the last. */
static const char **work_strings(const char **next, const char *end, size_t count)
{
    const char **list = calloc(count + 1, sizeof(*list));

    for (size_t i = 0; list != NULL && i < count; i++) {
        const char *nul = *next < end ? memchr(*next, 0, (size_t)(end - *next)) : NULL;

        if (nul == NULL) {
            free(list);
            return NULL;
        }
        list[i] = *next;
        *next = nul + 1;
    }
    return list;
}

/* The functions of an agent. */
static const struct {
    const char *name;
    size_t max_reply;
} work_agent[] = {
    {WORKER_NEXT, 4u << 20}, /* a command with all its strings fits */
    {WORKER_OUT, 0},
    {WORKER_WAIT, 0},
};

#define WORK_AGENT (sizeof(work_agent) / sizeof(work_agent[0]))

static int work_tools(struct work *work, work_call *on_call, struct vmm_err *err)
{
    const size_t tools = work->head.tool_count, hidden = work->head.agent != 0 ? WORK_AGENT : 0;
    struct vmm_function *functions = calloc(tools + hidden + 1, sizeof(*functions));
    int rc;

    if (functions == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < tools; i++) {
        functions[i] = (struct vmm_function){
            .name = work->tools[2 * i], .schema = work->tools[2 * i + 1], .call = on_call};
    }
    for (size_t i = 0; i < hidden; i++) {
        functions[tools + i] = (struct vmm_function){.name = work_agent[i].name,
                                                     .max_reply = work_agent[i].max_reply,
                                                     .call = on_call,
                                                     .hidden = true};
    }
    rc = tools + hidden > 0 ? vmm_tools_create(functions, tools + hidden, &work->set, err) : 0;
    free(functions);
    return rc;
}

int work_make(struct work *work, work_call *on_call, const char *bytes, size_t size,
              struct vmm_err *err)
{
    const struct worker_run *head = &work->head;
    const char *next = bytes, *end = bytes + head->strings;
    const char **two = NULL;

    if (size != head->strings + head->source + 1 || (two = work_strings(&next, end, 2)) == NULL ||
        (work->args = work_strings(&next, end, head->arg_count)) == NULL ||
        (work->env = work_strings(&next, end, head->env_count)) == NULL ||
        (work->tools = work_strings(&next, end, 2ul * head->tool_count)) == NULL) {
        free(two);
        return vmm_err_set(err, EPROTO, "a run that is none");
    }
    work->run = (struct pyhl_run){
        .args = head->sort == WORKER_SCRIPT ? work->args : NULL,
        .env = work->env,
        .cwd = two[0][0] != 0 ? two[0] : NULL,
        .context = two[1][0] != 0 ? two[1] : NULL,
        .timeout_ns = head->timeout_ns,
        .cpu_ns = head->cpu_ns,
        .memory = head->memory,
        .max_output = head->max_output,
        .max_calls = head->max_calls,
        .deterministic = head->deterministic != 0,
    };
    free(two);
    *(head->sort == WORKER_SCRIPT ? &work->run.code : &work->run.cell) = bytes + head->strings;
    return work_tools(work, on_call, err);
}

void work_free(struct work *work)
{
    vmm_tools_destroy(work->set);
    free(work->args);
    free(work->env);
    free(work->tools);
}
