// SPDX-License-Identifier: Apache-2.0
/*
 * Recipes for acts that change the vCPU: MSRs, control, debug and segment registers, descriptor
 * tables, vector state, and ways to leave the guest in the middle of something.
 */
#include "script_int.h"

#include <string.h>

static uint64_t an_msr(struct maker *m)
{
    static const uint32_t named[] = {
        0x10,       0x3b,       0x1b,       0x48,       0x49,       0x140,      0x1a0,
        0x1d9,      0x277,      0x2ff,      0xda0,      0x6e0,      0xc0000080, 0xc0000081,
        0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
        0xc0010015, 0xc0011029, 0x40000000, 0x40000001, 0x40000073, 0x40000080};
    if (rng_percent(&m->rng, 60)) {
        return m->world->msrs[script_below(m, m->world->msr_count)];
    }
    return rng_percent(&m->rng, 80) ? named[script_below(m, sizeof(named) / sizeof(named[0]))]
                                    : rng_next(&m->rng) & 0xffffffff;
}

static void wrmsr(struct maker *m, uint64_t msr, uint64_t value)
{
    struct act *act = script_insn(m, insn_named("wrmsr"), true);
    act->a[0] = value & 0xffffffff;
    act->a[1] = msr;
    act->a[2] = value >> 32;
}

void make_msr(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 4); n > 0; n--) {
        wrmsr(m, an_msr(m), script_value(m));
    }
}

void make_msr_flip(struct maker *m)
{
    struct act *act = script_insn(m, insn_named("rdmsr; xor %esi, %eax; wrmsr"), true);
    act->a[1] = an_msr(m);
    act->a[4] = 1ull << script_below(m, 32);
}

/* Writes MSRs that make KVM itself write to memory, or change how KVM runs the vCPU. */
void make_msr_pv(struct maker *m)
{
    static const uint32_t pv[] = {0x11,       0x12,       0x4b564d00, 0x4b564d01, 0x4b564d02,
                                  0x4b564d03, 0x4b564d04, 0x4b564d05, 0x4b564d06, 0x4b564d07,
                                  0x4b564d08, 0x4b564d10, 0x4b564d11};
    for (uint64_t n = 1 + script_below(m, 2); n > 0; n--) {
        const uint64_t value =
            rng_percent(&m->rng, 75) ? (script_address(m) & ~63ull) | 1 : script_value(m);
        wrmsr(m, pv[script_below(m, sizeof(pv) / sizeof(pv[0]))], value);
    }
}

void make_sweep(struct maker *m)
{
    struct act *act = script_add(m, ACT_SWEEP);
    act->a[0] = an_msr(m);
    act->a[1] = 1 + script_below(m, 32);
    act->a[2] = script_value(m);
}

void make_control(struct maker *m)
{
    static const char *const names[] = {"mov %rax, %cr0", "mov %rax, %cr2", "mov %rax, %cr3",
                                        "mov %rax, %cr4", "mov %rax, %cr8", "mov %rax, %cr8",
                                        "cr0 ^= rax",     "cr4 ^= rax",     "clts",
                                        "lmsw %ax",       "mov %rax, %cr8"};
    const char *name = names[script_below(m, sizeof(names) / sizeof(names[0]))];
    struct act *act = script_insn(m, insn_named(name), true);
    act->a[0] = script_value(m);
    if (strchr(name, '^') != NULL) {
        act->a[0] = 1ull << script_below(m, 32);
    } else if (strcmp(name, "mov %rax, %cr8") == 0) {
        act->a[0] = script_below(m, 16);
    } else if (strcmp(name, "mov %rax, %cr4") == 0) {
        act->a[0] = 0x50620 ^ 1ull << script_below(m, 24);
    }
}

void make_xcr0(struct maker *m)
{
    static const uint8_t valid[] = {1, 3, 7, 0xe7};
    struct act *act = script_insn(m, insn_named("xsetbv"), true);
    act->a[0] = rng_percent(&m->rng, 75) ? valid[script_below(m, 4)] : 1 | script_below(m, 1 << 19);
}

/* Sets breakpoints on addresses that the next run goes over. */
void make_debug(struct maker *m)
{
    static const char *const names[] = {"mov %rax, %dr0", "mov %rax, %dr1", "mov %rax, %dr2",
                                        "mov %rax, %dr3", "mov %rax, %dr6"};
    for (uint64_t n = 1 + script_below(m, 3); n > 0; n--) {
        struct act *act = script_insn(m, insn_named(names[script_below(m, 5)]), true);
        act->a[0] = rng_percent(&m->rng, 70) ? script_address(m) : script_value(m);
    }
    if (rng_percent(&m->rng, 60)) {
        struct act *act = script_insn(m, insn_named("mov %rax, %dr7"), true);
        act->a[0] = (script_below(m, 1ull << 32) & 0xffff03ff) | 0x400;
    }
}

void make_segment(struct maker *m)
{
    static const char *const names[] = {
        "mov %ax, %ss", "mov %ax, %ds", "mov %ax, %es", "mov %ax, %fs",  "mov %ax, %gs",
        "lldt %ax",     "ltr %ax",      "swapgs",       "wrfsbase %rax", "wrgsbase %rax"};
    const char *name = names[script_below(m, sizeof(names) / sizeof(names[0]))];
    struct act *act = script_insn(m, insn_named(name), rng_percent(&m->rng, 70));
    act->a[0] =
        rng_percent(&m->rng, 60) ? script_below(m, 16) * 8 | script_below(m, 4) : script_value(m);
}

/* The descriptor tables stay where they are or move, with any limit. */
void make_descriptor_table(struct maker *m)
{
    const uint64_t base =
        rng_percent(&m->rng, 60) ? HV_TABLES_GPA + script_below(m, 3) * 0x100 : script_address(m);
    const uint64_t limit = rng_percent(&m->rng, 50) ? 0xfff : script_below(m, 0x1000);
    struct act *act =
        script_insn(m, insn_named(rng_percent(&m->rng, 50) ? "lgdt (%rbx)" : "lidt (%rbx)"), true);
    act->flags |= ACT_DESCRIPTOR;
    act->a[1] = (limit & 0xffff) | base << 16;
    act->a[2] = base >> 48;
}

void make_vectors(struct maker *m)
{
    static const char *const names[] = {
        "fninit; fld1; fldpi", "fldcw (%rbx)",  "ldmxcsr (%rbx)",
        "fxrstor (%rbx)",      "frstor (%rbx)", "ldtilecfg (%rbx)",
        "kxnorq %k7",          "wrpkru",        "vpternlogd $0xff, %zmm31"};
    script_add(m, ACT_VECTORS)->a[0] = rng_next(&m->rng);
    struct act *act =
        script_insn(m, insn_named(names[script_below(m, 9)]), rng_percent(&m->rng, 20));
    act->a[4] = rng_next(&m->rng);
}

/* Makes the guest be left while TF, or the interrupt shadow of mov ss, is set. */
void make_step(struct maker *m)
{
    const bool flags = rng_percent(&m->rng, 60);
    struct act *act =
        script_insn(m, insn_named(flags ? "push %rax; popf" : "mov %ss, %eax; mov %eax, %ss"),
                    rng_percent(&m->rng, 30));
    act->flags |= ACT_BELL;
    act->a[0] = 0x102 | (script_below(m, 1 << 22) & 0x254ed5);
}

void make_insn(struct maker *m)
{
    for (uint64_t n = 1 + script_below(m, 4); n > 0; n--) {
        struct act *act =
            script_insn(m, &insns[script_below(m, insn_count)], rng_percent(&m->rng, 70));
        act->flags |= rng_percent(&m->rng, 20) ? ACT_BELL : 0;
        for (int i = 0; i < 6; i++) {
            act->a[i] = script_value(m);
        }
        act->a[2] = rng_percent(&m->rng, 50) ? HV_PORT_DOORBELL : act->a[2];
        act->a[1] = rng_percent(&m->rng, 50) ? script_below(m, 3) : act->a[1];
    }
}

/* Bytes that may or may not be instructions. */
void make_bytes(struct maker *m)
{
    struct act *act = script_add(m, ACT_INSN);
    act->flags = (rng_percent(&m->rng, 70) ? ACT_AT_RING0 : 0) | ACT_SCRATCH;
    act->code_len = (uint8_t)(1 + script_below(m, ACT_CODE_MAX));
    for (int i = 0; i < act->code_len; i++) {
        act->code[i] = (uint8_t)script_below(m, 256);
    }
    if (rng_percent(&m->rng, 60)) {
        act->code[0] = 0x0f;
    }
    for (int i = 0; i < 6; i++) {
        act->a[i] = script_value(m);
    }
}

/* Makes system calls enter somewhere else, at the privilege level that LSTAR has on this host. */
void make_lstar(struct maker *m)
{
    wrmsr(m, 0xc0000081 + script_below(m, 4), script_value(m));
    (void)script_insn(m, insn_named("syscall"), false);
}
