// SPDX-License-Identifier: Apache-2.0
/*
 * The functions of the host that the rewind test's scripts call.
 */
#include "rewind_test.h"

#include <stdlib.h>

#define RESUME_NS (60000 * NS_PER_MS)

static int on_echo(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg;
    return vmm_reply(vm, call->id, call->bytes, call->size, NULL);
}

int tools_make(struct vmm_tools **tools, struct vmm_err *err)
{
    static const struct vmm_function functions[] = {
        {.name = "echo", .max_request = 2 << 20, .max_reply = 2 << 20, .call = on_echo},
        {.name = "open"},
    };
    return vmm_tools_create(functions, 2, tools, err);
}

int tools_answer(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_call calls[HV_REQUESTS];
    size_t count;
    int rc = 0;
    while (rc == 0 && outcome->kind == VMM_CALLED) {
        rc = vmm_calls(vm, calls, HV_REQUESTS, &count);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = vmm_reply(vm, calls[i].id, calls[i].bytes, calls[i].size, err);
        }
        rc = rc == 0 ? vmm_resume(vm, RESUME_NS, outcome, err) : rc;
    }
    return rc;
}
