// SPDX-License-Identifier: Apache-2.0
/* The switch between kernel stacks (context.c), and the two things that the kernel asks of the
 * vector page, which answers their ud2: a TLB flush, and another tree of page tables. */
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

    // The first switch to a thread that cpu_thread_call() has set up comes here: rbx is the
    // function, rbp the way back to the program, rsp the trapframe.
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

    // void root_load(u64 root)
    .globl root_load
root_load:
    mov %rdi, %rax
    .globl root_load_site
root_load_site:
    ud2
    ret

    .section .note.GNU-stack, "", @progbits
