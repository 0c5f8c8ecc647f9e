// SPDX-License-Identifier: Apache-2.0
/*
 * The ways into the kernel at CPL 3 (system call, trap) and the one way out. Each way in builds a
 * struct trapframe: 15 general registers (r15 lowest), then struct hv_trap. The VMM makes no upcall
 * (an exception of its own making, vmm/abi.h) while RIP is in kernel text, so nothing here is ever
 * interrupted. Only an access to program memory may fault (mm/usercopy.S).
 */
#include "frame.h"

    .macro PUSH_REGS
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .text
    // From the vector page: rsp is the program's, rcx its next instruction, r11 its RFLAGS.
    .globl syscall_entry
syscall_entry:
    mov %rsp, cpu_user_rsp
    mov cpu_kstack_top, %rsp
    pushq $HV_SEL_USER_SS
    pushq cpu_user_rsp
    push %r11
    pushq $HV_SEL_USER_CS
    push %rcx
    push %rax
    pushq $VECTOR_SYSCALL
    PUSH_REGS
    mov %rsp, %rdi
    call syscall_handle
    // Falls through: rsp is the trapframe.
    .globl user_return
user_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $FRAME_RIP - FRAME_TRAP, %rsp
    iretq

    // From a slot (mm/sites.c), by a jump. rcx is SITES_CALL_LEN below the return address. All else
    // is as the program had it, the flags too: no `syscall` instruction has cleared any of them.
    .globl syscall_entry_call
syscall_entry_call:
    mov %rsp, %r11
    mov cpu_kstack_top, %rsp
    pushq $HV_SEL_USER_SS
    push %r11
    pushfq
called:
    mov (%rsp), %r11
    add $SITES_CALL_LEN, %rcx
    pushq $HV_SEL_USER_CS
    push %rcx
    push %rax
    pushq $VECTOR_SYSCALL
    PUSH_REGS
    test $RFLAGS_CLEAR, %r11d
    jnz 3f
    mov %rsp, %rdi
    call syscall_handle_call
    test %al, %al
    jz user_return
    // The C code has preserved rbx, rbp and r12 to r15. The arithmetic flags are restored here: OF by
    // the addition of 0x7f, the others from ah by sahf.
    mov FRAME_RFLAGS(%rsp), %eax
    mov %eax, %r11d
    mov %al, %ah
    shr $11, %r11d
    and $1, %r11d
    mov %r11b, %al
    mov FRAME_R10(%rsp), %r10
    mov FRAME_R9(%rsp), %r9
    mov FRAME_R8(%rsp), %r8
    mov FRAME_RDI(%rsp), %rdi
    mov FRAME_RSI(%rsp), %rsi
    mov FRAME_RDX(%rsp), %rdx
    mov FRAME_RIP(%rsp), %rcx
    mov FRAME_RFLAGS(%rsp), %r11
    add $0x7f, %al
    sahf
    mov FRAME_RAX(%rsp), %rax
    mov FRAME_RSP(%rsp), %rsp
    jmp *%rcx
    // A flag is set that the syscall instruction would have cleared. All of these are cleared here.
    // The frame keeps them, and iretq brings them back.
3:  pushq $HV_RFLAGS_FIXED
    popfq
    mov %rsp, %rdi
    call syscall_handle_call
    jmp user_return

    // The same way in, for a program with TF set: the debug exception at syscall_entry_call goes on
    // here, and the frame gets TF back.
syscall_entry_step:
    mov %rsp, %r11
    mov cpu_kstack_top, %rsp
    pushq $HV_SEL_USER_SS
    push %r11
    pushfq
    orq $RFLAGS_TF, (%rsp)
    jmp called

    // From the vector page or the VMM's upcall: rsp is the struct hv_trap.
    .globl trap_entry
trap_entry:
    PUSH_REGS
    cld
    mov %rsp, %rdi
    mov FRAME_RIP(%rdi), %rax
    cmp $__text_end, %rax
    jae 1f
    cmp $__text_start, %rax
    jae 2f
1:  mov cpu_kstack_top, %rsp
    sub $FRAME_SIZE, %rsp
    mov %rdi, %rsi
    mov %rsp, %rdi
    mov $FRAME_SIZE / 8, %ecx
    rep movsq
    mov %rsp, %rdi
    call trap_from_user
    jmp user_return
    // A trap in the kernel itself. Its frame stays on the trap page. A program that single-steps itself
    // (TF) traps at the first instruction that a slot jumps to; anything else is an access to program
    // memory, or a bug.
2:  cmp $syscall_entry_call, %rax
    jne 3f
    cmpq $VECTOR_DEBUG, FRAME_TRAP(%rdi)
    jne 3f
    movq $syscall_entry_step, FRAME_RIP(%rdi)
    andq $~RFLAGS_TF, FRAME_RFLAGS(%rdi)
    jmp user_return
3:  mov $fault_stack_top, %rsp
    call trap_from_kernel
    mov $HV_TRAP_TOP - FRAME_SIZE, %rsp
    jmp user_return

    .section .bss.cold, "aw", @nobits
    .balign 16
fault_stack:
    .skip 8192
fault_stack_top:

    .section .note.GNU-stack, "", @progbits
