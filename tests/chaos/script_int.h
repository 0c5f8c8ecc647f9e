// SPDX-License-Identifier: Apache-2.0
/*
 * What the recipes are made of, and the recipes themselves, grouped by file. A recipe adds acts to
 * a script.
 */
#ifndef CHAOS_SCRIPT_INT_H
#define CHAOS_SCRIPT_INT_H

#include "chaos.h"

struct maker {
    const struct script_world *world;
    struct rng rng;
    struct script *script;
};

/* script.c */
struct act *script_add(struct maker *m, enum act_op op);
struct act *script_insn(struct maker *m, const struct insn *insn, bool ring0);
uint64_t script_below(struct maker *m, uint64_t n);
uint64_t script_table(struct maker *m);   /* any page table of the image */
uint64_t script_address(struct maker *m); /* where a write may do harm */
uint64_t script_value(struct maker *m);

/* script_cpu.c */
void make_msr(struct maker *m);
void make_msr_flip(struct maker *m);
void make_msr_pv(struct maker *m);
void make_sweep(struct maker *m);
void make_control(struct maker *m);
void make_xcr0(struct maker *m);
void make_debug(struct maker *m);
void make_segment(struct maker *m);
void make_descriptor_table(struct maker *m);
void make_vectors(struct maker *m);
void make_step(struct maker *m);
void make_insn(struct maker *m);
void make_bytes(struct maker *m);
void make_lstar(struct maker *m);

/* script_memory.c */
void make_poke(struct maker *m);
void make_descriptors(struct maker *m);
void make_pte(struct maker *m);
void make_alias(struct maker *m);
void make_root(struct maker *m);
void make_host_write(struct maker *m);
void make_discard(struct maker *m);
void make_calls(struct maker *m);
void make_shared(struct maker *m);
void make_fill(struct maker *m);
void make_smc(struct maker *m);
void make_spin(struct maker *m);
void make_upcall(struct maker *m);
void make_python(struct maker *m);

/* script_tools.c */
void make_tools(struct maker *m);

/* script_files.c */
void make_files(struct maker *m);

#endif
