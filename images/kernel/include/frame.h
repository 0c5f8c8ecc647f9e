// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers that assembly and C share. The assembler knows neither structs nor suffixes, so those of
 * vmm/abi.h and of struct trapframe stand here once more; sys/trap.c asserts that they agree.
 */
#ifndef FRAME_H
#define FRAME_H

/* vmm/abi.h */
#define USER_CS       0x33
#define USER_SS       0x2b
#define TRAP_PAGE     0x4000
#define TRAP_TOP      0x5000
#define SYSCALL_ENTRY 0x600 /* in the vector page */

/* struct trapframe (kernel.h) */
#define FRAME_R10    40
#define FRAME_R9     48
#define FRAME_R8     56
#define FRAME_RDI    64
#define FRAME_RSI    72
#define FRAME_RDX    96
#define FRAME_RAX    112
#define FRAME_TRAP   120 /* struct hv_trap */
#define FRAME_RIP    136
#define FRAME_RFLAGS 152
#define FRAME_RSP    160
#define FRAME_SIZE   176
#define TRAP_SIZE    56

#define VECTOR_SYSCALL 512 /* of a system call's frame */
#define SITES_CALL_LEN 16  /* bytes from a slot's restart to its resume address (mm/sites.c) */
#define RFLAGS_TF      0x100
#define RFLAGS_CLEAR   0x44500 /* AC NT DF TF: FMASK of vmm/abi.h without IF */

#endif
