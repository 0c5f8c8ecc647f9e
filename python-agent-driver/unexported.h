// SPDX-License-Identifier: Apache-2.0
/* Functions of CPython 3.11 that python3 does not export; see unexported.c. */
#ifndef UNEXPORTED_H
#define UNEXPORTED_H

#include "driver.h"
#include "pyinternal.h"

/* At the snapshot: what the others call, before a script can have replaced it. */
void unexported_remember(void);

/* _PySignal_Fini: the script's handlers are let go of. */
void unexported_signal_fini(void);
/* _PyAtExit_Call */
void unexported_atexit_call(void);
/* _Py_FinishPendingCalls */
void unexported_finish_pending_calls(PyThreadState *tstate);
/* _PyGC_CollectNoFail: even when disabled, and telling no callback. */
void unexported_collect(PyThreadState *tstate);
/* _PyGC_DumpShutdownStats */
void unexported_garbage_stats(PyInterpreterState *interp);
/* _PyInterpreterState_ClearModules */
void unexported_clear_modules(PyInterpreterState *interp);
/* The part of _PySys_UpdateConfig that is about sys.flags; max_str_digits of -1 stays as it is.
 * -1 with an exception. */
int unexported_update_flags(const PyConfig *config, int utf8_mode, int max_str_digits);

#endif
