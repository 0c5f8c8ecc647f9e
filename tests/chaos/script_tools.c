// SPDX-License-Identifier: Apache-2.0
/*
 * Recipe: calls of functions of the host, with the requests, the table and the order that a kernel
 * makes, and with others.
 */
#include "script_int.h"

#define TOOLS_ROOM                                                                                 \
    0x20000u /* the table, a request and a reply, in memory that nobody else uses                  \
              */
#define TEXT_AT  0x4000u
#define REPLY_AT 0x8000u
#define TABLE_AT offsetof(struct hv_shared, requests)

static void poke(struct maker *m, uint64_t at, uint64_t value)
{
    struct act *act = script_add(m, ACT_POKE);
    act->a[0] = at;
    act->a[1] = rng_percent(&m->rng, 96) ? value : script_value(m);
}

static void ring(struct maker *m, uint32_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct act *act = script_add(m, ACT_CALL);
    const uint64_t args[] = {a, b, c, d};
    act->flags = ACT_BELL;
    act->a[0] = number;
    for (int i = 0; i < 4; i++) {
        act->a[i + 1] = rng_percent(&m->rng, 96) ? args[i] : script_value(m);
    }
}

/* What follows a call: any of the others. */
static void go_on(struct maker *m, uint64_t index, uint64_t at)
{
    switch (script_below(m, 4)) {
    case 0:
        ring(m, HV_CALL_ANSWERED, 0, 0, 0, 0);
        break;
    case 1:
        ring(m, HV_CALL_REPLY, index, script_below(m, 100), at + REPLY_AT, script_below(m, 0x4000));
        break;
    case 2:
        ring(m, HV_CALL_FORGET, index, 0, 0, 0);
        break;
    default: /* is suspended */
        poke(m, HV_SHARED_GPA + offsetof(struct hv_shared, watched), 1ull << HV_HANDLE_TOOL);
        ring(m, HV_CALL_WAIT, rng_percent(&m->rng, 60) ? HV_NO_DEADLINE : script_below(m, 1000000),
             0, 0, 0);
    }
}

void make_tools(struct maker *m)
{
    static const uint64_t names[] = {0x6f686365 /* echo */, 0x6e65706f /* open */, 0x656e6f6e};
    const struct script_world *w = m->world;
    const uint64_t index = script_below(m, rng_percent(&m->rng, 90) ? 2 : HV_REQUESTS);
    const uint64_t room = w->ram_size - w->data_end - TOOLS_ROOM;
    const uint64_t at = (w->data_end + script_below(m, room)) & ~(HV_PAGE_SIZE - 1ull);
    const uint64_t entry = at + index * sizeof(struct hv_request);
    poke(m, HV_SHARED_GPA + TABLE_AT, at);
    poke(m, at + TEXT_AT, names[rng_percent(&m->rng, 60) ? 1 : script_below(m, 3)]);
    poke(m, entry, 1 + script_below(m, 100));
    poke(m, entry + offsetof(struct hv_request, bytes), at + TEXT_AT);
    poke(m, entry + offsetof(struct hv_request, size), 5 + script_below(m, 0x4000));
    ring(m, HV_CALL_TOOL, index, at + REPLY_AT, script_below(m, 0x10000), 0);
    for (uint64_t n = script_below(m, 4); n > 0; n--) {
        go_on(m, index, at);
    }
}
