// SPDX-License-Identifier: Apache-2.0
/*
 * The hostile acts. The host makes them from a seed (script.c), and the guest carries them out
 * (guest/acts.c), in the bare test kernel as well as in a Python process. Guest and host read the
 * same structures.
 */
#ifndef CHAOS_ACTS_H
#define CHAOS_ACTS_H

#include <stdint.h>

enum act_op {
    ACT_NONE,
    ACT_RING0, /* take ring 0: make the vector page writable and replace its stubs */
    ACT_INSN,  /* run code with rax, rcx, rdx, rbx, rsi, rdi = a[0..5] */
    ACT_POKE,  /* write a[1] to the 8 bytes at a[0] */
    ACT_PTE,   /* change the entry for address a[0] at level a[1] to (entry & a[2]) ^ a[3] */
    ACT_ALIAS, /* map frame a[1] at address a[0] with the flags a[2]; write a[3] there */
    ACT_ROOT, /* load CR3 with a copy of the root in which entry a[0] is a[1]; write a[3] to a[2] */
    ACT_CALL, /* fill a call slot: number a[0], arguments a[1..5] */
    ACT_FILL, /* write a[3] to a[1] pages from a[0] on, a[2] pages apart */
    ACT_SMC,  /* run code and change it in turn, a[0] times */
    ACT_VECTORS, /* load vector state from random bytes, seed a[0]; if a[1], tiles, too */
    ACT_SPIN,    /* ask for a timer in a[0] ns, then turn a[1] times in a loop */
    ACT_SWEEP,   /* write a[2] to the a[1] MSRs from a[0] on */
    ACT_PYTHON,  /* do what only a process can: act a[0] of chaos.py, with a[1] and a[2] */
    ACT_OPS,
};

#define ACT_AT_RING0   1u  /* ACT_INSN is executed in ring 0, if that was taken */
#define ACT_BELL       2u  /* a doorbell follows at once, at the same privilege level */
#define ACT_SCRATCH    4u  /* ACT_INSN: rbx points to random bytes, seed a[4] */
#define ACT_FORCE      8u  /* ACT_POKE: the page is made writable first */
#define ACT_STAY       16u /* ACT_ROOT: the new root remains */
#define ACT_DESCRIPTOR 32u /* with ACT_SCRATCH: the bytes are a[1], a[2], for lgdt and lidt */

#define ACTS_MAX     24u /* in one run */
#define ACT_CODE_MAX 15u
struct act {
    uint32_t op;
    uint32_t flags;
    uint64_t a[6];
    uint8_t code[ACT_CODE_MAX];
    uint8_t code_len;
};
_Static_assert(sizeof(struct act) == 72, "unpacked by chaos.py");

/* The memory and state that the acts work with in the guest. */
#define WORK_PAGES   64u
#define WORK_SCRATCH 1u /* from this page to WORK_TABLES; the page before has code */
#define WORK_TABLES  8u /* from this page on: page tables */
struct chaos {
    uint64_t work;   /* WORK_PAGES pages that can be written and executed, address == frame */
    uint64_t tables; /* how many page tables were handed out */
    uint64_t ring0;  /* ring 0 was taken */
    uint64_t result; /* rax after the last ACT_INSN */
};

#endif
