// SPDX-License-Identifier: Apache-2.0
/*
 * The functions that the acts may call, and runs that wait for them: some are answered, others are
 * left as they are.
 */
#include "chaos.h"

#define RESUMES_MAX 20u

static int on_echo(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg;
    return vmm_reply(vm, call->id, call->bytes, call->size, NULL);
}

int tools_make(struct vmm_tools **tools, struct vmm_err *err)
{
    static const struct vmm_function functions[] = {{.name = "echo", .call = on_echo},
                                                    {.name = "open"}};
    return vmm_tools_create(functions, 2, tools, err);
}

int tools_answer(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_call calls[HV_REQUESTS];
    size_t count;
    int rc = 0;
    for (unsigned n = 0; rc == 0 && n < RESUMES_MAX && outcome->kind == VMM_CALLED; n++) {
        rc = vmm_calls(vm, calls, HV_REQUESTS, &count);
        if (rc == 0 && count > 0 && calls[0].id % 2 != 0) {
            rc = vmm_reply(vm, calls[0].id, calls[0].bytes, calls[0].size, err);
        }
        rc = rc == 0 ? vmm_resume(vm, NS_PER_MS, outcome, err) : rc;
    }
    return rc;
}
