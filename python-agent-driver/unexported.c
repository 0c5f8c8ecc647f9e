// SPDX-License-Identifier: Apache-2.0
/*
 * What CPython 3.11 does in functions that its program does not export, written once more in terms
 * of what it does. Each says which one it stands for.
 */
#include "unexported.h"

#include <signal.h>

static PyObject *get_handler, *set_handler, *run_handlers;

static PyObject *function(const char *module, const char *name)
{
    PyObject *owner = PyImport_ImportModule(module);
    PyObject *value = owner == NULL ? NULL : PyObject_GetAttrString(owner, name);
    if (value == NULL) {
        drv_fail("there is no %s.%s", module, name);
    }
    Py_DECREF(owner);
    return value;
}

void unexported_remember(void)
{
    get_handler = function("_signal", "getsignal");
    set_handler = function("_signal", "signal");
    run_handlers = function("atexit", "_run_exitfuncs");
}

static void forget_handler(int number)
{
    PyObject *handler = PyObject_CallFunction(get_handler, "i", number);
    if (handler != NULL && PyCallable_Check(handler)) {
        PyObject *default_handler = PyLong_FromVoidPtr((void *)SIG_DFL);
        PyObject *old = default_handler == NULL
                            ? NULL
                            : PyObject_CallFunction(set_handler, "iO", number, default_handler);
        Py_XDECREF(old);
        Py_XDECREF(default_handler);
    }
    Py_XDECREF(handler);
    PyErr_Clear();
}

void unexported_signal_fini(void)
{
    for (int number = 1; number < NSIG; number++) {
        forget_handler(number);
    }
}

void unexported_atexit_call(void)
{
    PyObject *done = PyObject_CallNoArgs(run_handlers);
    PyErr_Clear();
    Py_XDECREF(done);
}

void unexported_finish_pending_calls(PyThreadState *tstate)
{
    if (_Py_atomic_load_relaxed(&tstate->interp->ceval.pending.calls_to_do) != 0 &&
        Py_MakePendingCalls() < 0) {
        PyErr_Print();
    }
}

void unexported_collect(PyThreadState *tstate)
{
    struct _gc_runtime_state *gc = &tstate->interp->gc;
    PyObject *callbacks = gc->callbacks;
    const int enabled = gc->enabled;
    gc->callbacks = NULL;
    gc->enabled = 1;
    PyGC_Collect();
    gc->enabled = enabled;
    gc->callbacks = callbacks;
}

static void list_garbage(PyObject *garbage)
{
    PyObject *repr = PyObject_Repr(garbage);
    PyObject *bytes = repr == NULL ? NULL : PyUnicode_EncodeFSDefault(repr);
    if (bytes == NULL) {
        PyErr_WriteUnraisable(garbage);
    } else {
        PySys_WriteStderr("      %s\n", PyBytes_AS_STRING(bytes));
    }
    Py_XDECREF(bytes);
    Py_XDECREF(repr);
}

#define DEBUG_UNCOLLECTABLE 4
#define DEBUG_SAVEALL       32

void unexported_garbage_stats(PyInterpreterState *interp)
{
    struct _gc_runtime_state *gc = &interp->gc;
    Py_ssize_t count = gc->garbage == NULL ? 0 : PyList_GET_SIZE(gc->garbage);
    if (count == 0 || (gc->debug & DEBUG_SAVEALL) != 0) {
        return;
    }
    bool listed = (gc->debug & DEBUG_UNCOLLECTABLE) != 0;
    const char *message = listed ? "gc: %zd uncollectable objects at shutdown"
                                 : "gc: %zd uncollectable objects at shutdown; "
                                   "use gc.set_debug(gc.DEBUG_UNCOLLECTABLE) to list them";
    if (PyErr_WarnExplicitFormat(PyExc_ResourceWarning, "gc", 0, "gc", NULL, message, count) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    if (listed) {
        list_garbage(gc->garbage);
    }
}

void unexported_clear_modules(PyInterpreterState *interp)
{
    PyObject *modules = interp->modules_by_index;
    Py_ssize_t count = modules == NULL ? 0 : PyList_GET_SIZE(modules);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *module = PyList_GET_ITEM(modules, i);
        PyModuleDef *def = PyModule_Check(module) ? PyModule_GetDef(module) : NULL;
        if (def != NULL) {
            Py_CLEAR(def->m_base.m_copy);
        }
    }
    if (count != 0 && PyList_SetSlice(modules, 0, count, NULL) < 0) {
        PyErr_WriteUnraisable(modules);
    }
}

static int set_flag(PyObject *flags, int at, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    PyObject *old = PyStructSequence_GetItem(flags, at);
    PyStructSequence_SetItem(flags, at, value);
    Py_XDECREF(old);
    return 0;
}

/* In the order of sys.flags. What cannot change after the start is -1: site was imported and the
 * hash seed chosen. */
int unexported_update_flags(const PyConfig *config, int utf8_mode, int max_str_digits)
{
    const int values[] = {
        config->parser_debug,
        config->inspect,
        config->interactive,
        config->optimization_level,
        !config->write_bytecode,
        !config->user_site_directory,
        -1, /* no_site */
        !config->use_environment,
        config->verbose,
        config->bytes_warning,
        config->quiet,
        -1, /* hash_randomization */
        config->isolated,
        config->dev_mode,
        utf8_mode,
        config->warn_default_encoding,
        config->safe_path,
        max_str_digits,
    };
    enum { DEV_MODE = 13, SAFE_PATH = 16 };
    PyObject *flags = PySys_GetObject("flags");
    for (int i = 0; flags != NULL && i < (int)(sizeof(values) / sizeof(values[0])); i++) {
        bool is_bool = i == DEV_MODE || i == SAFE_PATH;
        if (values[i] >= 0 &&
            set_flag(flags, i, is_bool ? PyBool_FromLong(values[i]) : PyLong_FromLong(values[i])) <
                0) {
            return -1;
        }
    }
    return flags == NULL ? -1
                         : PySys_SetObject("dont_write_bytecode",
                                           config->write_bytecode ? Py_False : Py_True);
}
