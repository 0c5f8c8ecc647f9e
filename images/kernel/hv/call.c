// SPDX-License-Identifier: Apache-2.0
/*
 * Calls to the host (vmm/abi.h): one at a time through the call slots and the
 * doorbell.
 */
#include "kernel.h"

bool hv_trace_enabled;

static void doorbell(void)
{
    __asm__ volatile("outb %%al, %0" ::"N"(HV_PORT_DOORBELL) : "memory");
}

s64 hv_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
    struct hv_shared *s = hv_shared();
    struct hv_call *c = &s->calls[s->call_head % HV_CALL_SLOTS];
    *c = (struct hv_call){.nr = nr, .arg = {a0, a1, a2, a3}};
    s->call_head++;
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
    hv_call(HV_CALL_TRACE, (u64)line, len, 0, 0);
}

u32 hv_take_events(void)
{
    return __atomic_exchange_n(&hv_shared()->events, 0, __ATOMIC_ACQ_REL);
}
