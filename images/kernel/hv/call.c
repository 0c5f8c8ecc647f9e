// SPDX-License-Identifier: Apache-2.0
/*
 * Calls to the host (vmm/abi.h): one at a time, through the slot in shared
 * memory and the doorbell.
 */
#include "kernel.h"

bool hv_trace_enabled;

static void doorbell(void)
{
    __asm__ volatile("outb %%al, %0" ::"N"(HV_PORT_DOORBELL) : "memory");
}

s64 hv_call_args(u32 nr, const u64 arg[6])
{
    struct hv_call *c = &hv_shared()->call;
    memcpy(c->arg, arg, sizeof(c->arg));
    c->ret = 0;
    c->nr = nr;
    doorbell();
    return c->ret;
}

void hv_exit(enum hv_exit kind, int status, const char *msg)
{
    hv_shared()->counts.exit_tsc = hv_rdtsc();
    hv_call(HV_CALL_EXIT, kind, (u64)status, (u64)msg, msg != NULL ? strlen(msg) : 0);
    for (;;) {
        doorbell();
    }
}

void hv_trace_line(const char *line, size_t len)
{
    hv_call(HV_CALL_TRACE, (u64)line, len);
}

u32 hv_take_events(void)
{
    return __atomic_exchange_n(&hv_shared()->events, 0, __ATOMIC_ACQ_REL);
}
