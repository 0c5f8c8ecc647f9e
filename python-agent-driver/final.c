// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a run, in place of Py_FinalizeEx. A run that started no thread, registered no handler
 * and left nothing that would be seen to die (__del__, a suspended generator, an open file, a
 * callback) has its streams flushed, and that is all. For every other the real Py_FinalizeEx runs,
 * but what was preloaded does not die in it, which nobody would see and which costs more than most
 * scripts. Three objects, planted where Py_FinalizeEx lets go of them at known moments, see to
 * that.
 */
#include "final.h"
#include "hook.h"

#include <setjmp.h>

static struct hook finalize_hook, exit_hook;

static PyObject *flush_name, *closed_name, *builtin_names;

/* The end of the real one. */
static struct {
    PyObject *streams[2];
    bool through; /* nothing of it may be left out */
    int status;
    jmp_buf out;
} end;

static bool stream_open(PyObject *stream)
{
    if (stream == NULL || stream == Py_None) {
        return false;
    }
    PyObject *closed = PyObject_GetAttr(stream, closed_name);
    int is_closed = closed == NULL ? -1 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    PyErr_Clear();
    return is_closed <= 0;
}

static int flush_stream(PyObject *stream, bool show)
{
    if (!stream_open(stream)) {
        return 0;
    }
    PyObject *result = PyObject_CallMethodNoArgs(stream, flush_name);
    if (result == NULL && show) {
        PyErr_WriteUnraisable(stream);
    }
    PyErr_Clear();
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Errors show for stdout alone, as in CPython; either makes the exit status 120. */
static int flush_streams(void)
{
    int out = flush_stream(PySys_GetObject("stdout"), true);
    int err = flush_stream(PySys_GetObject("stderr"), false);
    return out < 0 ? out : err;
}

static void insist(bool done)
{
    if (!done) {
        drv_fail("no memory to end the interpreter");
    }
}

/* A capsule whose destructor tells us that Py_FinalizeEx has come to a certain place. */
static PyObject *witness(PyCapsule_Destructor on_death, void *context)
{
    PyObject *capsule = PyCapsule_New(&end, NULL, on_death);
    insist(capsule != NULL && PyCapsule_SetContext(capsule, context) == 0);
    return capsule;
}

/* All modules are gone. Their last words are written, as under python3 by the destructors of the
 * streams, which here have other owners; and what sys alone kept dies. The rest would not show. */
static void on_builtins_clear(PyObject *capsule)
{
    (void)capsule;
    internal_gc_collect();
    (void)flush_stream(end.streams[0], false);
    (void)flush_stream(end.streams[1], false);
    if (!end.through) {
        longjmp(end.out, 1);
    }
}

/* What could be collected is. The rest of modules is about to be cleared, then sys and builtins. */
static void on_modules_clear(PyObject *capsule)
{
    PyObject *last = witness(on_builtins_clear, NULL);
    (void)capsule;
    survivors_finalize();
    insist(PyDict_SetItemString(builtin_names, "pyhl", last) == 0);
    Py_DECREF(last);
}

/* Whether Py_FinalizeEx could flush the streams is for its caller to know, and one that could not
 * be flushed cannot now. With a stream of the script's own this would show. */
static void learn_status(void)
{
    for (int i = 1; i <= 2; i++) {
        PyObject *stream = PySys_GetObject(drv_stream_names[i][0]);
        if (stream == end.streams[i - 1]) {
            end.status |= flush_stream(stream, false);
        } else if (stream != NULL && stream != Py_None) {
            end.through = true;
        }
    }
}

/* __main__ is the first to go: then what was preloaded can still be imported, and afterwards not.
 * multiprocessing has a name of its own for it. */
static void drop_main(PyObject *modules)
{
    PyObject *main_one = PyDict_GetItemString(modules, "__main__");
    PyObject *weak = main_one == NULL ? NULL : PyWeakref_NewRef(main_one, NULL);
    PyErr_Clear();
    if (PyDict_GetItemString(modules, "__mp_main__") == main_one) {
        (void)PyDict_DelItemString(modules, "__mp_main__");
        PyErr_Clear();
    }
    insist(main_one == NULL || PyDict_SetItemString(modules, "__main__", Py_None) == 0);
    survivors_hide_preloaded();
    if (weak != NULL && PyWeakref_GET_OBJECT(weak) != Py_None) {
        insist(PyDict_SetItemString(modules, "__main__", PyWeakref_GET_OBJECT(weak)) == 0);
    }
    Py_XDECREF(weak);
}

/* The attributes of sys are being cleared; next the streams are put back, and then all modules
 * go. */
static void on_specials_clear(PyObject *capsule)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *last_module = PyModule_New("pyhl");
    Py_XDECREF((PyObject *)PyCapsule_GetContext(capsule));
    learn_status();
    for (int i = 0; i < 3; i++) {
        PyObject *original = PySys_GetObject(drv_stream_names[i][1]);
        insist(PySys_SetObject(drv_stream_names[i][0], original == NULL ? Py_None : original) == 0);
    }
    drop_main(modules);
    insist(last_module != NULL &&
           PyModule_AddObject(last_module, "end", witness(on_modules_clear, NULL)) == 0 &&
           PyDict_SetItemString(modules, "pyhl", last_module) == 0);
}

static void plant(void)
{
    PyObject *special = Py_XNewRef(PySys_GetObject("__interactivehook__"));
    PyObject *first = witness(on_specials_clear, special);
    end.streams[0] = Py_XNewRef(PySys_GetObject("__stdout__"));
    end.streams[1] = Py_XNewRef(PySys_GetObject("__stderr__"));
    insist(PySys_SetObject("__interactivehook__", first) == 0);
    Py_DECREF(first);
}

static int (*finalize_whole)(void); /* Py_FinalizeEx as it was */

static int finalize(void)
{
    if (!Py_IsInitialized()) {
        return 0;
    }
    bool heard = internal_end_is_heard() || !PyDict_CheckExact(PyImport_GetModuleDict());
    if (!heard && shutdown_idle() && !internal_collect_is_seen() && !survivors_any()) {
        return flush_streams();
    }
    if (!heard) {
        plant();
    }
    return setjmp(end.out) == 0 ? finalize_whole() : end.status;
}

void final_rehearse(void)
{
    if (flush_streams() < 0) {
        drv_fail("the streams cannot be flushed");
    }
    (void)shutdown_idle();
    (void)survivors_any();
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
    flush_name = PyUnicode_InternFromString("flush");
    closed_name = PyUnicode_InternFromString("closed");
    builtin_names = PyModule_GetDict(drv_import("builtins"));
    insist(module != NULL && flush_name != NULL && closed_name != NULL);
    internal_gc_show(module);
    internal_gc_show(PyModule_GetDict(module));
    shutdown_remember();
    survivors_remember();
    hook_set(&finalize_hook, "Py_FinalizeEx", (void (*)(void))finalize);
    *(void **)&finalize_whole = hook_original(&finalize_hook, "Py_FinalizeEx");
    hook_set(&exit_hook, "Py_Exit", (void (*)(void))leave);
}
