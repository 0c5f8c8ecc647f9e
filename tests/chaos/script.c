// SPDX-License-Identifier: Apache-2.0
/*
 * Makes acts from a seed: a few recipes one after the other, then an end. Each recipe adds one act,
 * or some that belong together. The same seed gives the same acts on machines of the same kind.
 */
#include "script_int.h"

#include <string.h>

struct act *script_add(struct maker *m, enum act_op op)
{
    static struct act none;
    if (m->script->count == ACTS_MAX) {
        return &none;
    }
    struct act *act = &m->script->acts[m->script->count++];
    *act = (struct act){.op = op};
    return act;
}

struct act *script_insn(struct maker *m, const struct insn *insn, bool ring0)
{
    struct act *act = script_add(m, ACT_INSN);
    act->flags = insn->flags | (ring0 ? ACT_AT_RING0 : 0);
    act->code_len = insn->code_len;
    memcpy(act->code, insn->code, insn->code_len);
    return act;
}

uint64_t script_below(struct maker *m, uint64_t n)
{
    return rng_below(&m->rng, n);
}

/* Any page of the image that is a page table. */
uint64_t script_table(struct maker *m)
{
    return m->world->tables[script_below(m, m->world->table_count)];
}

/* An address where a write may do harm. */
uint64_t script_address(struct maker *m)
{
    const struct script_world *w = m->world;
    const uint64_t within = script_below(m, HV_PAGE_SIZE / 8) * 8;
    switch (script_below(m, 16)) {
    case 0:
        return HV_SHARED_GPA + within;
    case 1:
        return HV_TABLES_GPA + within;
    case 2:
        return HV_VECTORS_GPA + within;
    case 3:
        return HV_TRAP_GPA + within;
    case 4:
        return HV_STDOUT_GPA + script_below(m, 2 * HV_RING_SIZE / 8) * 8;
    case 5:
        return w->kernel_start + script_below(m, (w->kernel_text_end - w->kernel_start) / 8) * 8;
    case 6:
        return w->kernel_text_end + script_below(m, 0x20000 / 8) * 8;
    case 7:
    case 8:
        return script_table(m) + within;
    case 9:
        return w->data_end + script_below(m, (w->ram_size - w->data_end) / 8) * 8;
    case 10:
        return w->ram_size - 8 * (1 + script_below(m, 2));
    case 11:
        return rng_percent(&m->rng, 30) ? HV_INITRD_GPA + within : HV_SHARED_GPA + within;
    case 12:
        return rng_percent(&m->rng, 80) ? script_below(m, w->ram_size / 8) * 8
                                        : w->ram_size + script_below(m, 1ull << 36);
    default:
        return 0x200000 + script_below(m, (w->data_end - 0x200000) / 8) * 8;
    }
}

uint64_t script_value(struct maker *m)
{
    static const uint64_t usual[] = {0,     1,          2,      0x1000,     0xffffffff,
                                     ~0ull, 1ull << 63, 0x2001, 0x80050033, 0x50620,
                                     0xe7,  0x33,       0x2b,   0x10};
    switch (script_below(m, 6)) {
    case 0:
        return usual[script_below(m, sizeof(usual) / sizeof(usual[0]))];
    case 1:
        return 1ull << script_below(m, 64);
    case 2:
        return script_address(m);
    case 3:
        return (script_address(m) & ~63ull) | 1;
    case 4:
        return script_below(m, 1 << 16);
    default:
        return rng_next(&m->rng);
    }
}

/* A quarter of the seeds is mild. They write none of the pages by which a rewind knows that a run
 * may have had ring 0 or page tables of its own. So they try the state that the rewind then leaves
 * alone. Roots of a Python run's own write one such page, the kernel's mark, and no other. */
enum recipe_kind { RECIPE_ANY, RECIPE_MILD, RECIPE_PYTHON };
static const struct recipe {
    void (*make)(struct maker *m);
    unsigned weight;
    enum recipe_kind kind;
} recipes[] = {
    {make_msr, 8, RECIPE_ANY},
    {make_msr_flip, 5, RECIPE_ANY},
    {make_msr_pv, 8, RECIPE_ANY},
    {make_sweep, 2, RECIPE_ANY},
    {make_control, 9, RECIPE_ANY},
    {make_debug, 5, RECIPE_ANY},
    {make_xcr0, 3, RECIPE_ANY},
    {make_segment, 5, RECIPE_MILD},
    {make_poke, 7, RECIPE_ANY},
    {make_descriptors, 4, RECIPE_ANY},
    {make_pte, 7, RECIPE_ANY},
    {make_alias, 6, RECIPE_ANY},
    {make_root, 5, RECIPE_ANY},
    {make_host_write, 6, RECIPE_ANY},
    {make_discard, 4, RECIPE_ANY},
    {make_calls, 5, RECIPE_MILD},
    {make_tools, 5, RECIPE_MILD},
    {make_shared, 3, RECIPE_MILD},
    {make_fill, 5, RECIPE_MILD},
    {make_smc, 2, RECIPE_MILD},
    {make_vectors, 5, RECIPE_MILD},
    {make_spin, 2, RECIPE_MILD},
    {make_step, 5, RECIPE_MILD},
    {make_insn, 8, RECIPE_MILD},
    {make_bytes, 3, RECIPE_MILD},
    {make_lstar, 2, RECIPE_ANY},
    {make_files, 4, RECIPE_MILD},
    {make_upcall, 1, RECIPE_MILD},
    {make_descriptor_table, 3, RECIPE_ANY},
    {make_python, 25, RECIPE_PYTHON},
};
#define RECIPES (sizeof(recipes) / sizeof(recipes[0]))

static bool recipe_fits(const struct maker *m, const struct recipe *r, bool mild)
{
    return (r->kind != RECIPE_PYTHON || m->world->python) &&
           (!mild || r->kind == (m->world->python ? RECIPE_PYTHON : RECIPE_MILD));
}

static void make_one(struct maker *m, bool mild)
{
    uint64_t total = 0;
    for (size_t i = 0; i < RECIPES; i++) {
        total += recipe_fits(m, &recipes[i], mild) ? recipes[i].weight : 0;
    }
    uint64_t left = script_below(m, total);
    for (size_t i = 0; i < RECIPES; i++) {
        const uint64_t weight = recipe_fits(m, &recipes[i], mild) ? recipes[i].weight : 0;
        if (left < weight) {
            recipes[i].make(m);
            return;
        }
        left -= weight;
    }
}

/* Fills the call that ends the run. The doorbell for it belongs to one last act, and rings at that
 * act's privilege level. */
static void make_end(struct maker *m)
{
    struct act *act = script_add(m, ACT_CALL);
    act->a[0] = HV_CALL_EXIT;
    act->a[1] = script_below(m, 5);
    act->a[2] = script_below(m, 256);
    if (rng_percent(&m->rng, 30)) {
        make_msr_pv(m);
    } else if (rng_percent(&m->rng, 30)) {
        make_control(m);
    } else {
        make_insn(m);
    }
    m->script->acts[m->script->count - 1].flags |= ACT_BELL;
}

/* Makes an act do nothing if its instruction must not be executed on this host. */
static void leave_out(struct act *act, const char *insn)
{
    const char *name = act->op == ACT_INSN ? insn_name(act->code, act->code_len) : NULL;
    if (name != NULL && strcmp(name, insn) == 0) {
        act->op = ACT_NONE;
    }
}

void script_make(const struct script_world *world, uint64_t seed, struct script *script)
{
    struct maker m = {.world = world, .rng = {seed}, .script = script};
    *script = (struct script){0};
    const bool mild = rng_percent(&m.rng, 25);
    if (!mild && rng_percent(&m.rng, 85)) {
        (void)script_add(&m, ACT_RING0);
    }
    for (uint64_t n = 1 + script_below(&m, 5); n > 0; n--) {
        make_one(&m, mild);
    }
    if (!mild && rng_percent(&m.rng, 60)) {
        make_end(&m);
    }
    for (size_t i = 0; world->without != NULL && i < script->count; i++) {
        leave_out(&script->acts[i], world->without);
    }
}
