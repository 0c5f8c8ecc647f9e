// SPDX-License-Identifier: Apache-2.0
/*
 * Service runs (HV_RUN_SERVICE): what the host does in a session between two cells. The handlers
 * are written in Python (session/services.py). The session's program is not to notice them:
 * meanwhile handlers of signals wait, no garbage is collected, and neither tracers, profilers nor
 * audit hooks hear of it. Other threads of the program go on, and hooks are called for them.
 */
#include "driver.h"
#include "pyinternal.h"

#define FAILED 1    /* the status when not even a record could be given */
#define DEPTH  1000 /* calls that a handler may nest, whatever sys.setrecursionlimit() says */

static PyObject *serve; /* of services.py */

/* What is set aside of the program's. */
static struct {
    unsigned long main_thread;
    int collects;
    PyObject *hooks; /* its audit hooks, a list, or NULL, */
    PyObject *heard; /* and the list that stands in for it: hear(), and what is added meanwhile */
} aside;

static unsigned long own_thread;

/* The audit hook that stands in for those of the program. */
static PyObject *hear(PyObject *hooks, PyObject *args)
{
    if (PyThread_get_thread_ident() == own_thread) {
        Py_RETURN_NONE;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(hooks); i++) {
        PyObject *hook = Py_NewRef(PyList_GET_ITEM(hooks, i));
        PyObject *result = PyObject_Call(hook, args, NULL);
        Py_DECREF(hook);
        if (result == NULL) {
            return NULL;
        }
        Py_DECREF(result);
    }
    Py_RETURN_NONE;
}

static void hooks_aside(void)
{
    static PyMethodDef method = {"hear", hear, METH_VARARGS, NULL};
    aside.hooks = internal_audit_hooks(NULL);
    aside.heard = NULL;
    if (aside.hooks != NULL) {
        own_thread = PyThread_get_thread_ident();
        aside.heard = drv_need(PyList_New(1));
        PyList_SET_ITEM(aside.heard, 0, drv_need(PyCFunction_New(&method, aside.hooks)));
        (void)internal_audit_hooks(Py_NewRef(aside.heard));
    }
}

/* Hooks that another thread has added meanwhile are the program's, too. */
static void hooks_back(void)
{
    if (aside.hooks == NULL) {
        return;
    }
    Py_XDECREF(internal_audit_hooks(NULL));
    for (Py_ssize_t i = 1; i < PyList_GET_SIZE(aside.heard); i++) {
        drv_must(PyList_Append(aside.hooks, PyList_GET_ITEM(aside.heard, i)));
    }
    Py_DECREF(aside.heard);
    (void)internal_audit_hooks(aside.hooks);
}

static void set_aside(void)
{
    aside.main_thread = internal_main_thread(0);
    aside.collects = PyGC_Disable();
    hooks_aside();
    PyThreadState_EnterTracing(PyThreadState_Get());
    internal_allow_depth(DEPTH);
}

static void bring_back(void)
{
    internal_allow_depth(-DEPTH);
    PyThreadState_LeaveTracing(PyThreadState_Get());
    hooks_back();
    if (aside.collects) {
        (void)PyGC_Enable();
    }
    (void)internal_main_thread(aside.main_thread); /* session_run() looks for signals */
}

/* argv as a list of bytes. */
static PyObject *words_of(const struct drv_frame *frame)
{
    PyObject *words = drv_need(PyList_New((Py_ssize_t)frame->argc));
    for (size_t i = 0; i < frame->argc; i++) {
        PyList_SET_ITEM(words, (Py_ssize_t)i, drv_need(PyBytes_FromString(frame->argv[i])));
    }
    return words;
}

/* The source is not copied: it may be large, and memory be short. */
static int call_handler(const struct drv_frame *frame)
{
    PyObject *words = words_of(frame);
    PyObject *data = drv_need(PyMemoryView_FromMemory((char *)(uintptr_t)frame->source,
                                                      (Py_ssize_t)frame->source_len, PyBUF_READ));
    PyObject *result = PyObject_CallFunctionObjArgs(serve, words, data, NULL);
    const long status = result == NULL ? FAILED : PyLong_AsLong(result);
    PyErr_Clear();
    Py_XDECREF(result);
    Py_DECREF(data);
    Py_DECREF(words);
    return status < 0 || status > 255 ? FAILED : (int)status;
}

/* may_collect() of services.py */
static PyObject *may_collect(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    if (aside.collects) {
        (void)PyGC_Enable();
    }
    aside.collects = 0;
    return Py_NewRef(Py_None);
}

void service_remember(PyObject *services)
{
    static PyMethodDef method = {"may_collect", may_collect, METH_NOARGS, NULL};
    PyObject *function = drv_need(PyCFunction_New(&method, NULL));
    drv_must(PyObject_SetAttrString(services, method.ml_name, function));
    Py_DECREF(function);
    serve = drv_need(PyObject_GetAttrString(services, "serve"));
}

int service_run(const struct drv_frame *frame)
{
    set_aside();
    const int status = call_handler(frame);
    bring_back();
    return status;
}
