// SPDX-License-Identifier: Apache-2.0
/*
 * The first half of the end: non-daemon threads are joined and atexit handlers run, as in
 * Py_FinalizeEx. The preloaded modules have handlers of their own, which mostly find nothing to do
 * but touch a hundred pages to find that. So what they work on is watched: while all of it is as it
 * was at the snapshot, and the script started no thread and registered nothing, neither part is
 * run.
 */
#include "final.h"
#include "unexported.h"

/* What preloaded handlers work on: empty, or of the same size as at the snapshot, means idle. */
static const struct {
    const char *module;
    const char *container;
    const char *attribute; /* of container, or NULL: container itself */
} watched[] = {
    {"threading", "_shutdown_locks", NULL},
    {"threading", "_threading_atexits", NULL},
    {"logging", "_handlerList", NULL},
    {"multiprocessing.util", "_finalizer_registry", NULL},
    {"multiprocessing.process", "_children", NULL},
    {"matplotlib._pylab_helpers", "Gcf", "figs"},
    {"openpyxl.worksheet._writer", "ALL_TEMP_FILES", NULL},
};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

/* The handlers that are known to do nothing when what is watched is idle. */
static const struct {
    const char *module;
    const char *function;
} known_idle[] = {
    {"logging", "shutdown"},
    {"multiprocessing.util", "_exit_function"},
    {"matplotlib._pylab_helpers", "destroy_all"},
    {"openpyxl.worksheet._writer", "_openpyxl_shutdown"},
    {"PIL._imaging", "clear_cache"},
};

static struct {
    PyObject *containers[WATCHED]; /* NULL where the module is not loaded */
    Py_ssize_t sizes[WATCHED];
    PyDictObject *threading;
    uint64_t threading_version;
    uint64_t next_thread;
    int handlers;
    bool may_skip;
} kept;

static PyObject *attribute(PyObject *owner, const char *name)
{
    PyObject *value = owner == NULL ? NULL : PyObject_GetAttrString(owner, name);
    Py_XDECREF(owner);
    return value;
}

static void watch(size_t i)
{
    PyObject *name = PyUnicode_FromString(watched[i].module);
    PyObject *module = name == NULL ? NULL : PyImport_GetModule(name);
    Py_XDECREF(name);
    if (module == NULL) {
        PyErr_Clear();
        return;
    }
    PyObject *container = attribute(module, watched[i].container);
    if (watched[i].attribute != NULL) {
        container = attribute(container, watched[i].attribute);
    }
    if (container == NULL || (kept.sizes[i] = PyObject_Size(container)) < 0) {
        PyErr_Print();
        drv_fail("%s.%s is not there to be watched", watched[i].module, watched[i].container);
    }
    kept.containers[i] = container;
}

static bool text_is(PyObject *owner, const char *name, const char *wanted)
{
    PyObject *value = PyObject_GetAttrString(owner, name);
    bool same = value != NULL && PyUnicode_Check(value) &&
                PyUnicode_CompareWithASCIIString(value, wanted) == 0;
    Py_XDECREF(value);
    PyErr_Clear();
    return same;
}

static bool is_known_idle(PyObject *handler)
{
    for (size_t i = 0; i < sizeof(known_idle) / sizeof(known_idle[0]); i++) {
        if (text_is(handler, "__name__", known_idle[i].function) &&
            text_is(handler, "__module__", known_idle[i].module)) {
            return true;
        }
    }
    return false;
}

void shutdown_remember(PyInterpreterState *interp)
{
    PyObject *threading = PyImport_ImportModule("threading");
    if (threading == NULL) {
        drv_fail("there is no module threading");
    }
    kept.threading = (PyDictObject *)PyModule_GetDict(threading);
    kept.threading_version = kept.threading->ma_version_tag;
    kept.next_thread = interp->threads.next_unique_id;
    kept.handlers = interp->atexit.ncallbacks;
    kept.may_skip = true;
    for (size_t i = 0; i < WATCHED; i++) {
        watch(i);
    }
    for (int i = 0; i < kept.handlers; i++) {
        atexit_callback *handler = interp->atexit.callbacks[i];
        kept.may_skip = kept.may_skip && handler != NULL && is_known_idle(handler->func);
    }
    Py_DECREF(threading);
}

static bool nothing_to_do(PyInterpreterState *interp)
{
    if (!kept.may_skip || interp->atexit.ncallbacks != kept.handlers ||
        interp->threads.next_unique_id != kept.next_thread ||
        kept.threading->ma_version_tag != kept.threading_version) {
        return false;
    }
    for (size_t i = 0; i < WATCHED; i++) {
        if (kept.containers[i] != NULL && PyObject_Size(kept.containers[i]) != kept.sizes[i]) {
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

void shutdown_rehearse(PyInterpreterState *interp)
{
    (void)nothing_to_do(interp);
}

static void call_thread_shutdown(void)
{
    PyObject *name = PyUnicode_FromString("threading");
    PyObject *threading = name == NULL ? NULL : PyImport_GetModule(name);
    Py_XDECREF(name);
    if (threading == NULL) {
        if (PyErr_Occurred()) {
            PyErr_WriteUnraisable(NULL);
        }
        return;
    }
    PyObject *result = PyObject_CallMethod(threading, "_shutdown", NULL);
    if (result == NULL) {
        PyErr_WriteUnraisable(threading);
    }
    Py_XDECREF(result);
    Py_DECREF(threading);
}

void shutdown_run(PyThreadState *tstate)
{
    bool idle = nothing_to_do(tstate->interp);
    if (!idle) {
        call_thread_shutdown();
    }
    unexported_finish_pending_calls(tstate);
    if (!idle) {
        unexported_atexit_call();
    }
}
