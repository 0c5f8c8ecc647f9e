// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a run whose time is over. The kernel sends HV_END_SIGNAL and lets the run go on for a
 * moment. In that moment the handler writes what Python has buffered, as a SIGTERM handler of the
 * script would do. The host ends the run when this is done or when the moment is over, so nothing
 * here has to succeed. A main thread inside a C function that never returns to Python writes
 * nothing.
 */
#include "driver.h"
#include "pyinternal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/abi.h"

/* The host decides the status of such a run, not this exit. */
static _Noreturn void flush_and_leave(void)
{
    static const char *const names[] = {"stdout", "stderr"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *stream = PySys_GetObject(names[i]);
        if (stream != NULL && stream != Py_None) {
            Py_XDECREF(PyObject_CallMethod(stream, "flush", NULL));
            PyErr_Clear();
        }
    }
    drv_leave(DRV_FAILED);
}

static int leave_pending(void *unused)
{
    (void)unused;
    flush_and_leave();
}

/* Runs on the main thread; a signal on another thread is sent on to it. When the main thread runs
 * Python, the interpreter is asked to call back between two instructions. When it waits for
 * something it does not hold Python's lock, so the handler can take it. */
static void on_end(int signo)
{
    const int saved = errno;
    if (gettid() != getpid()) {
        (void)tgkill(getpid(), getpid(), signo);
    } else if (PyGILState_Check()) {
        (void)Py_AddPendingCall(leave_pending, NULL);
    } else {
        (void)PyGILState_Ensure();
        flush_and_leave();
    }
    errno = saved;
}

void overtime_watch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_end;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(HV_END_SIGNAL, &action, NULL) != 0) {
        drv_fail("cannot watch for the end of time: %s", strerror(errno));
    }
}
