// SPDX-License-Identifier: Apache-2.0
/*
 * The only instructions of the kernel that touch program memory. A fault in
 * [usercopy_start, usercopy_end) that mm_handle_fault() cannot resolve continues at
 * usercopy_fault, which returns 1.
 */
    .text
    .globl usercopy_start, usercopy_end, usercopy_fault
    // int usercopy(void *dst, const void *src, size_t n): 0, or 1 after a fault.
    .globl usercopy
    .globl userclear
    .globl usercmpxchg
usercopy_start:
usercopy:
    mov %rdx, %rcx
    rep movsb
    xor %eax, %eax
    ret
    // int userclear(void *dst, size_t n)
userclear:
    mov %rsi, %rcx
    xor %eax, %eax
    rep stosb
    ret
    // int usercmpxchg(u32 *p, u32 expect, u32 desired, u32 *old)
usercmpxchg:
    mov %esi, %eax
    mov %rcx, %r8
    lock cmpxchg %edx, (%rdi)
    mov %eax, (%r8)
    xor %eax, %eax
    ret
usercopy_end:
usercopy_fault:
    mov $1, %eax
    ret

    .section .note.GNU-stack, "", @progbits
