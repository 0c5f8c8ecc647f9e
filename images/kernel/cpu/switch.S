// SPDX-License-Identifier: Apache-2.0
/* The switch between kernel stacks (context.c), and the flush of the TLB, which the vector page does. */
    .text
    // void cpu_switch_stack(u64 *save, u64 load)
    .globl cpu_switch_stack
cpu_switch_stack:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    // First switch to a thread made by cpu_thread_call(): rbx is the function, rbp the way
    // back to the program, rsp the trapframe.
    .globl thread_call_entry
thread_call_entry:
    call *%rbx
    jmp *%rbp

    .globl tlb_flush
tlb_flush:
    .globl tlb_flush_site
tlb_flush_site:
    ud2
    ret

    .section .note.GNU-stack, "", @progbits
