// SPDX-License-Identifier: Apache-2.0
/*
 * The vDSO's ELF image on pages of its own, to be mapped into every program.
 */
    .section .rodata.vdso, "a"
    .balign 4096
    .globl vdso_start, vdso_end
vdso_start:
    .incbin VDSO_SO
    .balign 4096
vdso_end:

    .section .note.GNU-stack, "", @progbits
