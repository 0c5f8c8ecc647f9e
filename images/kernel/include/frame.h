// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers of the kernel's own that assembly and C share, beside those of vmm/abi.h. The assembler
 * knows no structs, so the offsets of struct trapframe are repeated here; sys/trap.c asserts that
 * they agree.
 */
#ifndef FRAME_H
#define FRAME_H

#include "../../../vmm/abi.h"

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

/* A frame for iretq: rip, cs, rflags, rsp, ss. The one through which the syscall stub
 * (sys/vectors.S) returns lies at the low end of the trap page. cpu_setup() fills it in, except
 * for the program's rsp, which the stub writes. */
#define SYSCALL_FRAME HV_TRAP_GPA
#define IRET_RSP      24

#define VECTOR_DEBUG      1 /* exceptions: SDM volume 3, 6.3.1 */
#define VECTOR_OPCODE     6
#define VECTOR_PAGE_FAULT 14
#define VECTOR_SYSCALL    512 /* in the frame of a system call */

#define SITES_CALL_LEN 16 /* bytes from a slot's restart to its resume address (mm/sites.c) */

#define RFLAGS_TF    0x100
#define RFLAGS_IF    0x200
#define RFLAGS_CLEAR (HV_SYSCALL_FMASK & ~RFLAGS_IF) /* IF stays set at CPL 3 */

#endif
