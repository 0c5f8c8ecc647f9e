// SPDX-License-Identifier: Apache-2.0
/*
 * The vector page: all the code that ever runs in ring 0. Each exception is reflected to trap_entry
 * at CPL 3 with a struct hv_trap at HV_TRAP_TOP - TRAP_SIZE. kvm-pvm emulates ring 0 at hundreds of
 * cycles an instruction. So every path here is as short as it can be, and uses only instructions
 * that the emulator knows: no sysret, no int3, no swapgs. LSTAR, where `syscall` goes, is entered
 * in ring 0 on hardware KVM and at CPL 3 on kvm-pvm, so its stub must be right in both.
 */
#include "frame.h"

    .section .vectors, "ax"
vectors:
    .macro VECTOR n, has_error
    .org vectors + \n * HV_VECTOR_STRIDE
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\n
    jmp reflect
    .endm

    VECTOR 0, 0
    .org vectors + VECTOR_DEBUG * HV_VECTOR_STRIDE
    movb $1, HV_DEBUG_MARK
    pushq $0
    pushq $VECTOR_DEBUG
    jmp reflect
    VECTOR 2, 0
    VECTOR 3, 0
    VECTOR 4, 0
    VECTOR 5, 0
    .org vectors + VECTOR_OPCODE * HV_VECTOR_STRIDE
    jmp invalid_opcode
    VECTOR 7, 0
    VECTOR 8, 1
    VECTOR 9, 0
    VECTOR 10, 1
    VECTOR 11, 1
    VECTOR 12, 1
    VECTOR 13, 1
    .org vectors + VECTOR_PAGE_FAULT * HV_VECTOR_STRIDE
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
    .org vectors + HV_SYSCALL_OFFSET
    mov %rsp, SYSCALL_FRAME + IRET_RSP
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
    pushq $VECTOR_PAGE_FAULT
    jmp reflect

    // The kernel asks ring 0 for two things only. Its ud2 at tlb_flush_site makes this code reload
    // CR3. The one at root_load_site loads CR3 from rax, after a write to a watched page, which lets
    // the host see it (vmm/abi.h).
invalid_opcode:
    cmpq $tlb_flush_site, (%rsp)
    je 1f
    cmpq $root_load_site, (%rsp)
    je 2f
    pushq $0
    pushq $VECTOR_OPCODE
    jmp reflect
1:  push %rax
    mov %cr3, %rax
    mov %rax, %cr3
    pop %rax
    addq $2, (%rsp)
    iretq
2:  movb $1, HV_ROOT_MARK
    mov %rax, %cr3
    addq $2, (%rsp)
    iretq

    .balign 8
trap_frame:
    .quad trap_entry, HV_SEL_USER_CS, HV_RFLAGS_FIXED, HV_TRAP_TOP - TRAP_SIZE, HV_SEL_USER_SS

    .section .note.GNU-stack, "", @progbits
