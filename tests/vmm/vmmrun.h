// SPDX-License-Identifier: Apache-2.0
/* The parts of vmmrun: the program, and the functions of the host that it offers to guests. */
#ifndef VMMRUN_H
#define VMMRUN_H

#include "vmm/vmm.h"

/* vmmrun_tools.c */
int run_tools(struct vmm_tools **out, struct vmm_err *err);
/* Answers what a suspended run waits for, until it has ended. */
int run_to_end(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err);
void run_tools_wait(void); /* until no thread will answer any more: before vmm_destroy() */

#endif
