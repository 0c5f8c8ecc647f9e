// SPDX-License-Identifier: Apache-2.0
/*
 * Guest clocks from the TSC. At every resume the host says what time it is, and
 * the guest reads its TSC at once, so no TSC offset matters. The page with both
 * is mapped into the program, too, for the vDSO.
 */
#include "kernel.h"
#include "hv/clock.h"

static union {
    struct clock_page clock;
    u8 page[PAGE_SIZE];
} shown __attribute__((aligned(4096), section(".bss.pages")));

static u64 armed = HV_NO_DEADLINE;

u64 time_mono(void)
{
    return clock_read(&shown.clock, shown.clock.mono_base);
}

u64 time_wall(void)
{
    return clock_read(&shown.clock, shown.clock.wall_base);
}

paddr_t time_page(void)
{
    return (paddr_t)&shown;
}

void time_resume(const struct hv_resume *r)
{
    if (!r->tsc_khz) {
        panic("the host gave no TSC frequency");
    }
    shown.clock = (struct clock_page){.mono_base = r->mono_ns,
                                      .wall_base = r->wall_ns,
                                      .tsc_base = hv_rdtsc(),
                                      .mult = (1000000ull << 32) / r->tsc_khz};
    armed = HV_NO_DEADLINE; /* sched_resume() asks again */
}

static u64 from_now(u64 deadline)
{
    u64 now = time_mono();
    if (deadline == HV_NO_DEADLINE) {
        return deadline;
    }
    return deadline > now ? deadline - now : 0;
}

void time_arm(u64 deadline)
{
    if (deadline >= armed) {
        return;
    }
    armed = deadline;
    hv_call(HV_CALL_TIMER, from_now(deadline));
}

void time_arm_expired(void)
{
    armed = HV_NO_DEADLINE;
}

void hv_idle(u64 deadline)
{
    hv_call(HV_CALL_WAIT, from_now(deadline));
}
