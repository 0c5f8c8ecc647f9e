// SPDX-License-Identifier: Apache-2.0
/*
 * Ends the interpreter as Py_FinalizeEx visibly does, without the part nobody can see: freeing
 * every preloaded module costs more than most scripts. Threads are joined, atexit handlers run,
 * streams are flushed. Then, of what the run made, everything whose death could be seen (__del__,
 * suspended generators, open files, weakref callbacks) is looked for. Nothing found: done.
 * Something found: the script's own modules are torn down in CPython's order. Something still
 * alive: all modules are. Stands in for Py_FinalizeEx, which Py_RunMain calls, and for Py_Exit.
 */
#include "final.h"
#include "hook.h"
#include "unexported.h"

static struct hook finalize_hook, exit_hook;

/* Put an object of before the snapshot back among the collector's. */
static void show(PyObject *op)
{
    if (PyObject_GC_IsTracked(op)) {
        PyObject_GC_UnTrack(op);
        PyObject_GC_Track(op);
    }
}

/* What hears of things that happen in Py_FinalizeEx alone. */
static bool needs_real_end(PyInterpreterState *interp)
{
    return interp->next != NULL || interp->audit_hooks != NULL || interp->config.verbose != 0 ||
           !PyDict_CheckExact(interp->modules);
}

/* The collector itself is watched, or the script froze something. */
static bool needs_whole_end(PyInterpreterState *interp)
{
    struct _gc_runtime_state *gc = &interp->gc;
    return gc->debug != 0 || gc->collecting != 0 || PyList_GET_SIZE(gc->callbacks) != 0 ||
           PyList_GET_SIZE(gc->garbage) != 0 ||
           _PyGCHead_NEXT(&gc->permanent_generation.head) != &gc->permanent_generation.head;
}

static bool stream_open(PyObject *stream)
{
    if (stream == NULL || stream == Py_None) {
        return false;
    }
    PyObject *closed = PyObject_GetAttr(stream, &_Py_ID(closed));
    int is_closed = closed == NULL ? -1 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    PyErr_Clear();
    return is_closed <= 0;
}

/* Errors show for stdout alone, as in CPython; either makes the exit status 120. */
static int flush_stream(PyThreadState *tstate, PyObject *name, bool show)
{
    PyObject *stream = _PySys_GetAttr(tstate, name);
    if (!stream_open(stream)) {
        return 0;
    }
    PyObject *result = PyObject_CallMethodNoArgs(stream, &_Py_ID(flush));
    if (result == NULL && show) {
        PyErr_WriteUnraisable(stream);
    }
    PyErr_Clear();
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int flush_streams(PyThreadState *tstate)
{
    int out = flush_stream(tstate, &_Py_ID(stdout), true);
    int err = flush_stream(tstate, &_Py_ID(stderr), false);
    return out < 0 ? out : err;
}

static void set_finalizing(PyThreadState *tstate, bool on)
{
    _PyRuntimeState_SetFinalizing(&_PyRuntime, on ? tstate : NULL);
    _PyRuntime.initialized = !on;
    _PyRuntime.core_initialized = !on;
}

/* Under CPython the last words of destructors leave the process when the stream's own destructor
 * flushes it, which keeps quiet about errors. */
static void flush_quietly(PyObject *stream)
{
    if (stream_open(stream)) {
        Py_XDECREF(PyObject_CallMethodNoArgs(stream, &_Py_ID(flush)));
        PyErr_Clear();
    }
    Py_XDECREF(stream);
}

static void destroy_visibly(PyThreadState *tstate)
{
    PyObject *out = Py_XNewRef(PySys_GetObject("__stdout__"));
    PyObject *err = Py_XNewRef(PySys_GetObject("__stderr__"));
    bool whole = needs_whole_end(tstate->interp);
    unexported_signal_fini();
    PyGC_Collect();
    if (!whole) {
        teardown_run(tstate);
    }
    if (whole || survivors_any(tstate->interp)) {
        teardown_all(tstate);
    }
    flush_quietly(out);
    flush_quietly(err);
}

static int finalize(void)
{
    if (!_PyRuntime.initialized) {
        return 0;
    }
    PyThreadState *tstate = _PyThreadState_GET();
    shutdown_run(tstate);
    set_finalizing(tstate, true);
    if (tstate->interp->threads.head->next != NULL) {
        _PyThreadState_DeleteExcept(&_PyRuntime, tstate);
    }
    int status = flush_streams(tstate);
    if (needs_real_end(tstate->interp)) {
        set_finalizing(tstate, false);
        hook_unset(&finalize_hook);
        return Py_FinalizeEx() < 0 ? -1 : status;
    }
    if (needs_whole_end(tstate->interp) || survivors_any(tstate->interp)) {
        destroy_visibly(tstate);
    }
    return status;
}

void final_rehearse(void)
{
    PyThreadState *tstate = _PyThreadState_GET();
    if (flush_streams(tstate) < 0) {
        drv_fail("the streams cannot be flushed");
    }
    shutdown_rehearse(tstate->interp);
    (void)survivors_any(tstate->interp);
}

/* What SystemExit ends in. */
static void leave(int status)
{
    drv_leave(finalize() < 0 ? 120 : status);
}

void final_remember(void)
{
    /* __main__ is the script's: cycles through it must be found. */
    PyObject *module = PyImport_AddModule("__main__");
    if (module == NULL) {
        drv_fail("there is no __main__");
    }
    show(module);
    show(PyModule_GetDict(module));
    shutdown_remember(_PyInterpreterState_GET());
    survivors_remember(_PyInterpreterState_GET());
    unexported_remember();
    hook_set(&finalize_hook, "Py_FinalizeEx", (void (*)(void))finalize);
    hook_set(&exit_hook, "Py_Exit", (void (*)(void))leave);
}
