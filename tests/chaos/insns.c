// SPDX-License-Identifier: Apache-2.0
/*
 * Instructions that change the state of a vCPU: system registers, tables, vector state, and ways
 * out of the guest. Their operands are in rax, rcx, rdx, rbx, rsi, rdi; [rbx] is memory.
 */
#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE(...)                                                                                  \
    (uint8_t)sizeof((const uint8_t[]){__VA_ARGS__}),                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

const struct insn insns[] = {
    {"wrmsr", CODE(0x0f, 0x30), 0},
    {"rdmsr", CODE(0x0f, 0x32), 0},
    {"rdmsr; xor %esi, %eax; wrmsr", CODE(0x0f, 0x32, 0x31, 0xf0, 0x0f, 0x30), 0},
    {"mov %rax, %cr0", CODE(0x0f, 0x22, 0xc0), 0},
    {"mov %rax, %cr2", CODE(0x0f, 0x22, 0xd0), 0},
    {"mov %rax, %cr3", CODE(0x0f, 0x22, 0xd8), 0},
    {"mov %rax, %cr4", CODE(0x0f, 0x22, 0xe0), 0},
    {"mov %rax, %cr8", CODE(0x44, 0x0f, 0x22, 0xc0), 0},
    {"cr0 ^= rax", CODE(0x0f, 0x20, 0xc1, 0x48, 0x31, 0xc1, 0x0f, 0x22, 0xc1), 0},
    {"cr4 ^= rax", CODE(0x0f, 0x20, 0xe1, 0x48, 0x31, 0xc1, 0x0f, 0x22, 0xe1), 0},
    {"mov %cr3, %rax; mov %rax, %cr3", CODE(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8), 0},
    {"xsetbv", CODE(0x0f, 0x01, 0xd1), 0},
    {"mov %rax, %dr0", CODE(0x0f, 0x23, 0xc0), 0},
    {"mov %rax, %dr1", CODE(0x0f, 0x23, 0xc8), 0},
    {"mov %rax, %dr2", CODE(0x0f, 0x23, 0xd0), 0},
    {"mov %rax, %dr3", CODE(0x0f, 0x23, 0xd8), 0},
    {"mov %rax, %dr6", CODE(0x0f, 0x23, 0xf0), 0},
    {"mov %rax, %dr7", CODE(0x0f, 0x23, 0xf8), 0},
    {"lgdt (%rbx)", CODE(0x0f, 0x01, 0x13), ACT_SCRATCH},
    {"lidt (%rbx)", CODE(0x0f, 0x01, 0x1b), ACT_SCRATCH},
    {"lldt %ax", CODE(0x0f, 0x00, 0xd0), 0},
    {"ltr %ax", CODE(0x0f, 0x00, 0xd8), 0},
    {"lmsw %ax", CODE(0x0f, 0x01, 0xf0), 0},
    {"mov %ax, %ss", CODE(0x8e, 0xd0), 0},
    {"mov %ax, %ds", CODE(0x8e, 0xd8), 0},
    {"mov %ax, %es", CODE(0x8e, 0xc0), 0},
    {"mov %ax, %fs", CODE(0x8e, 0xe0), 0},
    {"mov %ax, %gs", CODE(0x8e, 0xe8), 0},
    {"mov %ss, %eax; mov %eax, %ss", CODE(0x8c, 0xd0, 0x8e, 0xd0), 0},
    {"lss (%rbx), %eax", CODE(0x0f, 0xb2, 0x03), ACT_SCRATCH},
    {"swapgs", CODE(0x0f, 0x01, 0xf8), 0},
    {"wrfsbase %rax", CODE(0xf3, 0x48, 0x0f, 0xae, 0xd0), 0},
    {"wrgsbase %rax", CODE(0xf3, 0x48, 0x0f, 0xae, 0xd8), 0},
    {"push %rax; popf", CODE(0x50, 0x9d), 0},
    {"clts", CODE(0x0f, 0x06), 0},
    {"cli", CODE(0xfa), 0},
    {"sti", CODE(0xfb), 0},
    {"sti; hlt", CODE(0xfb, 0xf4), 0},
    {"hlt", CODE(0xf4), 0},
    {"std", CODE(0xfd), 0},
    {"stac", CODE(0x0f, 0x01, 0xcb), 0},
    {"invd", CODE(0x0f, 0x08), 0},
    {"wbinvd", CODE(0x0f, 0x09), 0},
    {"invlpg (%rbx)", CODE(0x0f, 0x01, 0x3b), ACT_SCRATCH},
    {"invpcid (%rbx), %rax", CODE(0x66, 0x0f, 0x38, 0x82, 0x03), ACT_SCRATCH},
    {"iretq", CODE(0x48, 0xcf), 0},
    {"sysretq", CODE(0x48, 0x0f, 0x07), 0},
    {"sysexit", CODE(0x0f, 0x35), 0},
    {"sysenter", CODE(0x0f, 0x34), 0},
    {"syscall", CODE(0x0f, 0x05), 0},
    {"int $0x80", CODE(0xcd, 0x80), 0},
    {"int $14", CODE(0xcd, 0x0e), 0},
    {"int3", CODE(0xcc), 0},
    {"icebp", CODE(0xf1), 0},
    {"ud2", CODE(0x0f, 0x0b), 0},
    {"lretq", CODE(0x48, 0xcb), 0},
    {"to compatibility mode", CODE(0x6a, 0x23, 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50, 0x48, 0xcb), 0},
    {"vmcall", CODE(0x0f, 0x01, 0xc1), 0},
    {"vmmcall", CODE(0x0f, 0x01, 0xd9), 0},
    {"vmrun", CODE(0x0f, 0x01, 0xd8), 0},
    {"vmload", CODE(0x0f, 0x01, 0xda), 0},
    {"vmsave", CODE(0x0f, 0x01, 0xdb), 0},
    {"stgi", CODE(0x0f, 0x01, 0xdc), 0},
    {"clgi", CODE(0x0f, 0x01, 0xdd), 0},
    {"vmxon (%rbx)", CODE(0xf3, 0x0f, 0xc7, 0x33), ACT_SCRATCH},
    {"cpuid", CODE(0x0f, 0xa2), 0},
    {"rdtscp", CODE(0x0f, 0x01, 0xf9), 0},
    {"rdpmc", CODE(0x0f, 0x33), 0},
    {"monitor", CODE(0x0f, 0x01, 0xc8), 0},
    {"mwait", CODE(0x0f, 0x01, 0xc9), 0},
    {"xgetbv", CODE(0x0f, 0x01, 0xd0), 0},
    {"wrpkru", CODE(0x0f, 0x01, 0xef), 0},
    {"rsm", CODE(0x0f, 0xaa), 0},
    {"in %dx, %al", CODE(0xec), 0},
    {"out %al, %dx", CODE(0xee), 0},
    {"out %eax, %dx", CODE(0xef), 0},
    {"in $0xe0, %al", CODE(0xe4, 0xe0), 0},
    {"out %eax, $0xe0", CODE(0xe7, 0xe0), 0},
    {"rep outsb", CODE(0xf3, 0x6e), 0},
    {"rep insb", CODE(0xf3, 0x6c), 0},
    {"fninit; fld1; fldpi", CODE(0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xeb), 0},
    {"fldcw (%rbx)", CODE(0xd9, 0x2b), ACT_SCRATCH},
    {"ldmxcsr (%rbx)", CODE(0x0f, 0xae, 0x13), ACT_SCRATCH},
    {"fxrstor (%rbx)", CODE(0x0f, 0xae, 0x0b), ACT_SCRATCH},
    {"xrstor (%rbx)", CODE(0x0f, 0xae, 0x2b), ACT_SCRATCH},
    {"xrstors (%rbx)", CODE(0x0f, 0xc7, 0x1b), ACT_SCRATCH},
    {"frstor (%rbx)", CODE(0xdd, 0x23), ACT_SCRATCH},
    {"ldtilecfg (%rbx)", CODE(0xc4, 0xe2, 0x78, 0x49, 0x03), ACT_SCRATCH},
    {"vpternlogd $0xff, %zmm31", CODE(0x62, 0x03, 0x05, 0x40, 0x25, 0xff, 0xff), 0},
    {"kxnorq %k7", CODE(0xc4, 0xe1, 0xc4, 0x46, 0xff), 0},
    {"jmp .", CODE(0xeb, 0xfe), 0},
    {"mov %rax, %rsp; push %rax", CODE(0x48, 0x89, 0xc4, 0x50), 0},
    {"cmpxchg16b (%rbx)", CODE(0x48, 0x0f, 0xc7, 0x0b), ACT_SCRATCH},
    {"mov %rax, (%rsi)", CODE(0x48, 0x89, 0x06), 0},
    {"movnti %rax, (%rsi)", CODE(0x48, 0x0f, 0xc3, 0x06), 0},
    {"lock xadd %rax, (%rsi)", CODE(0xf0, 0x48, 0x0f, 0xc1, 0x06), 0},
    {"rep stosq", CODE(0xf3, 0x48, 0xab), 0},
    {"mov %cs, %eax", CODE(0x8c, 0xc8), 0},
};
const size_t insn_count = sizeof(insns) / sizeof(insns[0]);

const struct insn *insn_named(const char *name)
{
    for (size_t i = 0; i < insn_count; i++) {
        if (strcmp(insns[i].name, name) == 0) {
            return &insns[i];
        }
    }
    fprintf(stderr, "chaos: no instruction '%s'\n", name);
    exit(2);
}

const char *insn_name(const uint8_t *code, uint8_t len)
{
    for (size_t i = 0; i < insn_count; i++) {
        if (insns[i].code_len == len && memcmp(insns[i].code, code, len) == 0) {
            return insns[i].name;
        }
    }
    return NULL;
}
