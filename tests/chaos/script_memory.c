// SPDX-License-Identifier: Apache-2.0
/*
 * Recipes for acts that change memory: by the guest, through page tables of its own, and by the
 * host, which calls ask to write. Also recipes for acts that take time.
 */
#include "script_int.h"

void make_poke(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 4); n > 0; n--) {
        struct act *act = script_add(m, ACT_POKE);
        act->flags = rng_percent(&m->rng, 50) ? ACT_FORCE : 0;
        act->a[0] = script_address(m);
        act->a[1] = script_value(m);
    }
}

void make_descriptors(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 3); n > 0; n--) {
        struct act *act = script_add(m, ACT_POKE);
        act->a[0] = HV_TABLES_GPA + script_below(m, 0x500 / 8) * 8;
        act->a[1] = script_value(m);
    }
    if (rng_percent(&m->rng, 40)) {
        (void)script_insn(m, insn_named("ud2"), false);
    }
}

static uint64_t a_frame(struct maker *m)
{
    return script_address(m) & ~0xfffull;
}

void make_pte(struct maker *m)
{
    static const uint64_t flips[] = {1, 2, 4, 0x20, 0x40, 0x80, 0x100, 1ull << 63, 1ull << 51};
    struct act *act = script_add(m, ACT_PTE);
    act->a[0] = script_address(m);
    act->a[1] = 1 + script_below(m, 4);
    act->a[2] = ~0ull;
    switch (script_below(m, 4)) {
    case 0:
        act->a[2] = 0; /* any frame */
        act->a[3] = a_frame(m) | 0x67 | (act->a[1] == 2 ? 0x80 : 0);
        break;
    case 1:
        act->a[2] = 0;
        act->a[3] = script_value(m);
        break;
    default:
        act->a[3] = flips[script_below(m, sizeof(flips) / sizeof(flips[0]))];
    }
    act = script_add(m, ACT_POKE);
    act->a[0] = script_address(m);
    act->a[1] = script_value(m);
}

void make_alias(struct maker *m)
{
    static const uint64_t places[] = {200ull << 30, 300ull << 30,          1ull << 40,
                                      64ull << 40,  0xffff800000000000ull, -0x200000ull};
    for (uint64_t n = 1 + script_below(m, 2); n > 0; n--) {
        struct act *act = script_add(m, ACT_ALIAS);
        act->a[0] = places[script_below(m, 6)] + script_below(m, 2) * HV_PAGE_SIZE;
        act->a[1] = rng_percent(&m->rng, 85) ? script_address(m) : rng_next(&m->rng);
        act->a[2] = rng_percent(&m->rng, 80) ? 0x67 : 0x25;
        act->a[3] = script_value(m);
    }
}

void make_root(struct maker *m)
{
    struct act *act = script_add(m, ACT_ROOT);
    act->flags = rng_percent(&m->rng, 40) ? ACT_STAY : 0;
    act->a[0] = rng_percent(&m->rng, 80) ? 1 + script_below(m, 511) : 0;
    act->a[1] = rng_percent(&m->rng, 60) ? script_table(m) | 0x67 : script_value(m);
    act->a[2] = script_address(m);
    act->a[3] = script_value(m);
}

/* Makes the host write where the guest may not. An address that is not in memory ends the run. */
void make_host_write(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 3); n > 0; n--) {
        struct act *act = script_add(m, ACT_CALL);
        uint64_t to = script_address(m) + script_below(m, 8);
        uint64_t size = script_value(m);
        if (rng_percent(&m->rng, 95)) {
            to %= m->world->ram_size;
            size = 1 + script_below(m, 8192);
            size = size < m->world->ram_size - to ? size : m->world->ram_size - to;
        }
        act->flags = ACT_BELL;
        if (rng_percent(&m->rng, 50)) {
            act->a[0] = HV_CALL_STDIN;
            act->a[1] = to;
            act->a[2] = size;
        } else {
            act->a[0] = HV_CALL_FRAME;
            act->a[1] = script_below(m, 512);
            act->a[2] = to;
            act->a[3] = size;
        }
    }
}

/* Gives any memory back to the host, and sometimes uses it again. */
void make_discard(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 3); n > 0; n--) {
        const uint64_t at = (script_address(m) % m->world->ram_size) & ~(HV_PAGE_SIZE - 1ull);
        const uint64_t most = (m->world->ram_size - at) / HV_PAGE_SIZE;
        const uint64_t pages = 1 + script_below(m, rng_percent(&m->rng, 70) ? 40 : 4000);
        struct act *act = script_add(m, ACT_CALL);
        act->flags = ACT_BELL;
        act->a[0] = HV_CALL_DISCARD;
        act->a[1] = at;
        act->a[2] = (pages < most ? pages : most) * HV_PAGE_SIZE;
        if (rng_percent(&m->rng, 50)) {
            act = script_add(m, ACT_FILL);
            act->a[0] = at;
            act->a[1] = 1 + script_below(m, pages);
            act->a[2] = 1;
            act->a[3] = script_value(m);
        }
    }
}

void make_calls(struct maker *m)
{
    static const uint32_t numbers[] = {HV_CALL_WAIT,  HV_CALL_TIMER, HV_CALL_DRAIN, HV_CALL_TRACE,
                                       HV_CALL_FRAME, HV_CALL_STDIN, HV_CALL_RUN,   77};
    for (uint64_t n = 1 + script_below(m, 5); n > 0; n--) {
        struct act *act = script_add(m, ACT_CALL);
        act->flags = rng_percent(&m->rng, 50) ? ACT_BELL : 0;
        act->a[0] = numbers[script_below(m, rng_percent(&m->rng, 85) ? 6 : 8)];
        for (int i = 1; i < 6; i++) {
            act->a[i] = script_value(m);
        }
        if (act->a[0] == HV_CALL_WAIT) {
            act->a[1] = script_below(m, 1000000);
        } else if (rng_percent(&m->rng, 90)) { /* what is not in memory ends the run */
            act->a[1] %= m->world->ram_size - 0x2000;
            act->a[2] = act->a[0] == HV_CALL_FRAME ? act->a[1] : 1 + script_below(m, 0x2000);
            act->a[3] = 1 + script_below(m, 0x2000);
        }
    }
}

void make_shared(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 4); n > 0; n--) {
        struct act *act = script_add(m, ACT_POKE);
        act->a[0] = HV_SHARED_GPA + script_below(m, sizeof(struct hv_shared) / 8) * 8;
        act->a[1] = script_value(m);
    }
    if (rng_percent(&m->rng, 40)) {
        struct act *act = script_add(m, ACT_CALL);
        act->flags = ACT_BELL;
        act->a[0] = HV_CALL_DRAIN;
    }
}

void make_fill(struct maker *m)
{
    const struct script_world *w = m->world;
    struct act *act = script_add(m, ACT_FILL);
    act->a[0] = rng_percent(&m->rng, 70)
                    ? (w->data_end + script_below(m, w->ram_size - w->data_end)) & ~0xfffull
                    : a_frame(m);
    act->a[1] = 1 + script_below(m, rng_percent(&m->rng, 20) ? 2000 : 60);
    act->a[2] = 1 + script_below(m, 20);
    act->a[3] = script_value(m);
}

void make_smc(struct maker *m)
{
    script_add(m, ACT_SMC)->a[0] = 1 + script_below(m, 60);
}

void make_spin(struct maker *m)
{
    struct act *act = script_add(m, ACT_SPIN);
    act->a[0] = script_below(m, 500000);
    act->a[1] = script_below(m, 200000);
}

/* Sends the upcall to any address: it goes where the guest has said. */
void make_upcall(struct maker *m)
{
    struct act *act = script_add(m, ACT_POKE);
    act->a[0] = HV_SHARED_GPA + offsetof(struct hv_shared, upcall_entry);
    act->a[1] = script_value(m);
    act = script_add(m, ACT_CALL);
    act->flags = ACT_BELL;
    act->a[0] = HV_CALL_TIMER;
    act->a[1] = script_below(m, 2000000);
    (void)script_insn(m, insn_named("jmp ."), false);
}

void make_python(struct maker *m)
{
    struct act *act = script_add(m, ACT_PYTHON);
    act->a[0] = script_below(m, 13); /* KINDS of chaos.py */
    act->a[1] = rng_next(&m->rng);
    act->a[2] = 1 + script_below(m, 100);
}
