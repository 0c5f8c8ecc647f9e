// SPDX-License-Identifier: Apache-2.0
/*
 * SIGINT, SIGTERM and SIGHUP: they go to the VM, or to the process that has it. A signal that was
 * ignored at the start (nohup, a background job) stays ignored.
 */
#ifndef PYHL_SIGNALS_H
#define PYHL_SIGNALS_H

#include "vmm/vmm.h"

#include <sys/types.h>

/* Catches the signals. System calls in progress then fail with EINTR. With wait there will be a VM.
 * Until signals_to_vm() names it, a signal ends the process by its exit status, because a process
 * in jail cannot set the default action again. */
void signals_catch(bool wait);

/* Sets the default action again, but for signals that are ignored. */
void signals_default(void);

/* Whom the signals go to; NULL and 0: nobody. A VM gets the first signal as an interrupt of the
 * guest (SIGINT, or SIGTERM for SIGTERM and SIGHUP); the second ends its run. A process is killed,
 * also by a signal that came before it was named. */
void signals_to_vm(struct vmm *vm);
void signals_to_process(pid_t pid);

/* Passes the signals on to a process that does the same with them; 0: to nobody. It gets the first
 * two as they are, of which the second ends its run, and is killed by the third. */
void signals_forward(pid_t pid);

/* Acts on signals from this process alone, which forwards them. */
void signals_only_from(pid_t pid);

/* The last signal that came; 0: none. */
int signals_last(void);

/* From now on SIGINT only interrupts the guest, however often it comes: for a session. */
void signals_gentle(void);
/* Forgets the signals that came, because what they were for is over. */
void signals_forget(void);

/* Whether a second signal came, which ends the run. */
bool signals_urgent(void);

/* signals_interrupted() notes that the script died of SIGINT, as python3 does of a
 * KeyboardInterrupt. Then signals_finish(), at the end of the process, makes it die of SIGINT, too.
 * A program that only exits with 130 would not do: a shell goes on with its loop after it. */
void signals_interrupted(void);
void signals_finish(void);

#endif
