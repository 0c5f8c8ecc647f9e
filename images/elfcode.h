// SPDX-License-Identifier: Apache-2.0
/*
 * The code of an x86-64 ELF file for images/sites.c: its functions decoded, and every address that
 * code or data might jump to. The file's bytes are untrusted and stay the caller's.
 */
#ifndef IMAGES_ELFCODE_H
#define IMAGES_ELFCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insn {
    uint64_t addr;        /* as linked */
    uint64_t offset;      /* in the file */
    const uint8_t *bytes; /* in the caller's copy */
    uint8_t len;
    bool is_syscall;
    bool movable; /* neither branches nor depends on its address */
};

struct function {
    size_t first, count; /* its instructions: one after the other without a gap */
};

struct range {
    uint64_t start, end;
};

struct elf {
    const uint8_t *data;
    uint64_t size;
    struct insn *insns; /* only of functions with a system call */
    struct function *functions;
    size_t insn_count, function_count;
    /* Private. */
    struct range *ranges, *texts;
    uint64_t *targets;
    size_t range_count, text_count, target_count;
};

/* False when this is no x86-64 ELF file with code in sections, is damaged, or has no system
 * call: then there is nothing to free. */
bool elf_read(struct elf *e, const uint8_t *data, uint64_t size);
void elf_free(struct elf *e);
bool elf_is_target(const struct elf *e, uint64_t addr);

#endif
