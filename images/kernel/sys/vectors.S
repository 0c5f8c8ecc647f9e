// SPDX-License-Identifier: Apache-2.0
/*
 * The vector page: all the code that ever runs in ring 0. Each exception is
 * reflected to trap_entry at CPL 3 with a struct hv_trap at HV_TRAP_TOP - TRAP_SIZE.
 * On kvm-pvm ring 0 is emulated at hundreds of cycles an instruction, so every
 * path here is as short as it can be, and only uses what that emulator knows:
 * no sysret, no int3, no swapgs. On kvm-pvm LSTAR is entered at CPL 3 instead,
 * so the system call stub must be right in both rings.
 */
#include "../../../vmm/abi.h"
#include "frame.h"

/* At the low end of the trap page: nothing writes this page of code. Filled in by cpu_setup(). */
#define SYSCALL_FRAME TRAP_PAGE

    .section .vectors, "ax"
vectors:
    .macro VECTOR n, has_error
    .org vectors + \n * 32
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\n
    jmp reflect
    .endm

    VECTOR 0, 0
    .org vectors + 1 * 32
    movb $1, HV_DEBUG_MARK
    pushq $0
    pushq $1
    jmp reflect
    VECTOR 2, 0
    VECTOR 3, 0
    VECTOR 4, 0
    VECTOR 5, 0
    .org vectors + 6 * 32
    jmp invalid_opcode
    VECTOR 7, 0
    VECTOR 8, 1
    VECTOR 9, 0
    VECTOR 10, 1
    VECTOR 11, 1
    VECTOR 12, 1
    VECTOR 13, 1
    .org vectors + 14 * 32
    jmp page_fault
    VECTOR 15, 0
    VECTOR 16, 0
    VECTOR 17, 1
    VECTOR 18, 0
    VECTOR 19, 0
    VECTOR 20, 0
    VECTOR 21, 1
    VECTOR 22, 0
    VECTOR 23, 0
    VECTOR 24, 0
    VECTOR 25, 0
    VECTOR 26, 0
    VECTOR 27, 0
    VECTOR 28, 0
    VECTOR 29, 1
    VECTOR 30, 1
    VECTOR 31, 0

    // MSR_LSTAR: rcx is the return address, r11 RFLAGS, rsp still the program's.
    .org vectors + SYSCALL_ENTRY
    mov %rsp, SYSCALL_FRAME + 24
    mov $SYSCALL_FRAME, %rsp
    iretq

reflect:
    mov $trap_frame, %rsp
    iretq

    // CR2 can only be read here.
page_fault:
    push %rax
    mov %cr2, %rax
    mov %rax, cpu_fault_address
    pop %rax
    pushq $14
    jmp reflect

    // The one private call of the kernel into ring 0: the ud2 at tlb_flush_site reloads CR3.
invalid_opcode:
    cmpq $tlb_flush_site, (%rsp)
    je 1f
    pushq $0
    pushq $6
    jmp reflect
1:  push %rax
    mov %cr3, %rax
    mov %rax, %cr3
    pop %rax
    addq $2, (%rsp)
    iretq

    .balign 8
trap_frame:
    .quad trap_entry, USER_CS, 0x202, TRAP_TOP - TRAP_SIZE, USER_SS

    .section .note.GNU-stack, "", @progbits
