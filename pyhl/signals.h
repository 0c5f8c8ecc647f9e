// SPDX-License-Identifier: Apache-2.0
/*
 * SIGINT, SIGTERM and SIGHUP: they go to the VM, or to the process that has it. What was ignored at
 * the start (nohup, a background job) stays ignored.
 */
#ifndef PYHL_SIGNALS_H
#define PYHL_SIGNALS_H

#include "vmm/vmm.h"

#include <sys/types.h>

/* Catches them. System calls in progress fail with EINTR. wait: for a VM; before it is named they
 * end the process, by its exit status, because in jail their default cannot be set any more. */
void signals_catch(bool wait);

/* As at the start of a process, but for those that are ignored. */
void signals_default(void);

/* Whom they go to; NULL and 0: nobody. The first SIGINT is the guest's, the second ends the VM;
 * SIGTERM and SIGHUP alike. A process is killed, also for one that came before. */
void signals_to_vm(struct vmm *vm);
void signals_to_process(pid_t pid);

/* The last that came; 0: none. */
int signals_last(void);

/* The script died of SIGINT, as python3 does of a KeyboardInterrupt: so does the process, at its
 * end, in signals_finish(), because a shell goes on with its loop after a program that only exits
 * with 130. */
void signals_interrupted(void);
void signals_finish(void);

#endif
