// SPDX-License-Identifier: Apache-2.0
/*
 * Between exec.c and stack.c: what the first stack of a program is made from.
 */
#ifndef EXEC_H
#define EXEC_H

#include "kernel.h"

struct exec_start {
    char *const *argv;
    char *const *envp;
    const char *path; /* AT_EXECFN */
    vaddr_t phdr;     /* AT_PHDR */
    unsigned phnum;
    vaddr_t base;  /* AT_BASE: the interpreter */
    vaddr_t entry; /* AT_ENTRY */
    vaddr_t vdso;  /* AT_SYSINFO_EHDR */
};

/* Fills the top of the new stack; *sp is where the program starts. -E2BIG when the strings do not
 * fit a quarter of it. */
int exec_stack(struct process *p, const struct exec_start *s, vaddr_t *sp);

#endif
