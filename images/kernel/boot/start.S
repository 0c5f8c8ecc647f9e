// SPDX-License-Identifier: Apache-2.0
/*
 * Entry from the VMM, at CPL 3, with paging on and no interrupts. The code sets
 * up the boot stack and calls kernel_main(), which does not return. Here is
 * also the ABI note, which the VMM checks before it loads anything.
 */
#include "../../../vmm/abi.h"

    .text
    .globl start
start:
    mov $boot_stack_top, %rsp
    xor %ebp, %ebp
    call kernel_main
    ud2

    .section .bss.cold, "aw", @nobits
    .balign 16
boot_stack:
    .skip 16384
boot_stack_top:

    .section .note.pyhl, "a", @note
    .balign 4
    .long 2f - 1f       // size of the owner's name with its NUL
    .long 4             // and of the descriptor
    .long HV_NOTE_ABI
1:  .asciz HV_NOTE_NAME
2:  .balign 4
    .long HV_ABI_VERSION

    .section .note.GNU-stack, "", @progbits
