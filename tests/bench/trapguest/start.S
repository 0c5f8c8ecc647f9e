// SPDX-License-Identifier: Apache-2.0
/*
 * Entry and vector page of the kernel that measures traps. The stubs are those of images/kernel/cpu/vectors.S. Unlike
 * vmm_test's they come back: from `syscall` at once, from `ud2` to the next instruction, and from a page fault after
 * they have written the page-table entry that fault_entry points to.
 */
#include "vmm/abi.h"

    .section .note.pyhl, "a", @note
    .balign 4
    .long 5, 4, HV_NOTE_ABI
    .asciz "pyhl"
    .balign 4
    .long HV_ABI_VERSION

    .text
    .globl _start
_start:
    lea stack_top(%rip), %rsp
    xor %ebp, %ebp
    call guest_main
    ud2

    /* RSP points to the struct hv_trap. */
trap_entry:
    cmpq $6, (%rsp)
    je invalid_opcode
    cmpq $14, (%rsp)
    je page_fault
    mov %rsp, %rdi
    lea trap_stack_top(%rip), %rsp
    call guest_trap
    ud2

invalid_opcode:
    addq $2, 16(%rsp)
    add $16, %rsp
    iretq

    /* Writes the next entry of a table: fault_entry points to it, fault_value is its new value. */
page_fault:
    push %rax
    push %rcx
    mov fault_entry, %rcx
    mov fault_value, %rax
    mov %rax, (%rcx)
    addq $8, fault_entry
    addq $4096, fault_value
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    .globl upcall_entry
upcall_entry:
    movl $0, 0x1000 + 224
    add $16, %rsp
    iretq

syscall_entry:
    jmp *%rcx

    .macro stub number, has_error
    .balign 32
    .if \number == 1
    movb $1, HV_DEBUG_MARK
    .endif
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\number
    jmp reflect
    .endm

    .section .vectors, "ax", @progbits
    .irp n, 0,1,2,3,4,5,6,7
    stub \n, 0
    .endr
    stub 8, 1
    stub 9, 0
    .irp n, 10,11,12,13,14
    stub \n, 1
    .endr
    stub 15, 0
    stub 16, 0
    stub 17, 1
    .irp n, 18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stub \n, 0
    .endr
    .balign 32
reflect:
    mov $frame_trap, %rsp
    iretq
    .balign 8
frame_trap:
    .quad trap_entry, 0x33, 2, 0x5000 - 56, 0x2b
    .org 0x600
    mov %rsp, frame_syscall + 24
    mov $frame_syscall, %rsp
    iretq

    .data
    .balign 8
frame_syscall:
    .quad syscall_entry, 0x33, 2, 0, 0x2b

    .bss
    .balign 16
    .skip 0x4000
stack_top:
    .skip 0x4000
trap_stack_top:
    .section .note.GNU-stack, "", @progbits
