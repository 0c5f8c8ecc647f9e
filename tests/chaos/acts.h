// SPDX-License-Identifier: Apache-2.0
/*
 * The hostile acts: made by the host from a seed (gen.c), carried out in the guest (guest/acts.c),
 * in the bare test kernel as well as in a Python process. Guest and host read the same structures.
 */
#ifndef CHAOS_ACTS_H
#define CHAOS_ACTS_H

#include <stdint.h>

enum act_op {
    ACT_NONE,
    ACT_RING0, /* take ring 0: the vector page made writable, its stubs replaced */
    ACT_INSN,  /* code with rax, rcx, rdx, rbx, rsi, rdi = a[0..5] */
    ACT_POKE,  /* 8 bytes at a[0] become a[1] */
    ACT_PTE,   /* the entry for address a[0] at level a[1] becomes (it & a[2]) ^ a[3] */
    ACT_ALIAS, /* address a[0] shows frame a[1] with the flags a[2]; a[3] is written there */
    ACT_ROOT,  /* a copy of the root with entry a[0] = a[1] goes to CR3; a[3] is written to a[2] */
    ACT_CALL,  /* a call slot is filled: number a[0], arguments a[1..5] */
    ACT_FILL,  /* a[1] pages from a[0] on, a[2] apart, get a[3] */
    ACT_SMC,   /* code that is run and changed in turn, a[0] times */
    ACT_VECTORS, /* vector state from random bytes, seed a[0]; a[1]: tiles, too */
    ACT_SPIN,    /* HV_CALL_TIMER in a[0] ns, then a[1] turns of a loop */
    ACT_SWEEP,   /* a[2] written to the a[1] MSRs from a[0] on */
    ACT_PYTHON,  /* what only a process can do: chaos.py's act a[0], a[1] and a[2] for it */
    ACT_OPS,
};

#define ACT_AT_RING0   1u  /* ACT_INSN is executed there, if it was taken */
#define ACT_BELL       2u  /* a doorbell follows at once, in the same ring */
#define ACT_SCRATCH    4u  /* ACT_INSN: rbx points to random bytes, seed a[4] */
#define ACT_FORCE      8u  /* ACT_POKE: the page is made writable for that */
#define ACT_STAY       16u /* ACT_ROOT: the new root remains */
#define ACT_DESCRIPTOR 32u /* with ACT_SCRATCH: the bytes are a[1], a[2], for lgdt and lidt */

#define ACTS_MAX     24u /* of a run */
#define ACT_CODE_MAX 15u
struct act {
    uint32_t op;
    uint32_t flags;
    uint64_t a[6];
    uint8_t code[ACT_CODE_MAX];
    uint8_t code_len;
};
_Static_assert(sizeof(struct act) == 72, "unpacked by chaos.py");

/* What the acts work with in the guest. */
#define WORK_PAGES   64u
#define WORK_SCRATCH 1u /* page, and so many: code is in the one before */
#define WORK_TABLES  8u /* the first of the rest, for page tables */
struct chaos {
    uint64_t work;   /* WORK_PAGES pages that can be written and executed, address == frame */
    uint64_t tables; /* handed out of WORK_TABLES */
    uint64_t ring0;  /* was taken */
    uint64_t result; /* rax behind the last ACT_INSN */
};

#endif
