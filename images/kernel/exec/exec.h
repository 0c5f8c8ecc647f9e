// SPDX-License-Identifier: Apache-2.0
/*
 * What exec.c hands to stack.c: the contents of a program's first stack.
 */
#ifndef EXEC_H
#define EXEC_H

#include "proc/cred.h"

struct exec_start {
    char *const *argv;
    char *const *envp;
    const char *path; /* AT_EXECFN */
    vaddr_t phdr;     /* AT_PHDR */
    unsigned phnum;
    vaddr_t base;  /* AT_BASE: where the interpreter lies */
    vaddr_t entry; /* AT_ENTRY */
    vaddr_t vdso;  /* AT_SYSINFO_EHDR */
    const struct cred *cred;
    bool secure; /* AT_SECURE */
};

/* Fills the top of the new stack; *sp becomes the program's first stack pointer. -E2BIG when the
 * strings and the pointers to them need more than a quarter of the stack. */
int exec_stack(struct process *p, const struct exec_start *s, vaddr_t *sp);

#endif
