// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a run whose time is over. The kernel sends HV_END_SIGNAL and lets the run go on for a
 * moment: what Python has buffered is written, as a SIGTERM handler of the script would do it. The
 * host ends the run when this is done or when the moment is over, so nothing here has to succeed:
 * a main thread that is inside a C function which never returns to Python writes nothing.
 */
#include "driver.h"
#include "pyinternal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/abi.h"

/* The status is the host's to decide. */
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

/* On the main thread. While it runs Python the interpreter is asked to call back between two
 * instructions; while it waits for something it holds no lock of Python's and can take it. */
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
