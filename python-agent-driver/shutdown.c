// SPDX-License-Identifier: Apache-2.0
/*
 * Is there nothing to do in the first half of the end, where Py_FinalizeEx joins threads and calls
 * atexit handlers? The preloaded modules have handlers of their own, which mostly find nothing to
 * do but touch a hundred pages to find that. So what they work on is watched: all of it is as it
 * was at the snapshot, and the script started no thread and registered nothing.
 */
#include "final.h"

/* What preloaded handlers work on: of the same size as at the snapshot, it means that the handler
 * has nothing to do. Both are expressions in the module. */
static const struct {
    const char *module;
    const char *container; /* or NULL */
    const char *handler;   /* or NULL */
} watched[] = {
    {"threading", "_shutdown_locks", NULL},
    {"threading", "_threading_atexits", NULL},
    {"logging", "_handlerList", "shutdown"},
    {"multiprocessing.util", "_finalizer_registry", "_exit_function"},
    {"multiprocessing.process", "_children", NULL},
    {"matplotlib._pylab_helpers", "Gcf.figs", "Gcf.destroy_all"},
    {"openpyxl.worksheet._writer", "ALL_TEMP_FILES", "_openpyxl_shutdown"},
    {"PIL.Image", NULL, "core.clear_cache"},
};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static struct {
    PyObject *containers[WATCHED]; /* NULL where the module is not loaded */
    Py_ssize_t sizes[WATCHED];
    PyObject *threading; /* its names */
    uint64_t threading_version;
    uint64_t threads;
    int handlers;
    int idle_handlers;
} kept;

static PyObject *evaluate(PyObject *module, const char *expression)
{
    PyObject *names = PyModule_GetDict(module);
    PyObject *value = PyRun_String(expression, Py_eval_input, names, names);
    if (value == NULL) {
        PyErr_Print();
        drv_fail("%s is not there to be watched", expression);
    }
    return value;
}

static void count_handler(PyObject *function)
{
    for (int i = 0; i < kept.handlers; i++) {
        PyObject *handler = internal_atexit_function(i);
        kept.idle_handlers +=
            handler != NULL && PyObject_RichCompareBool(handler, function, Py_EQ) == 1;
    }
    Py_DECREF(function);
}

static void watch(size_t i)
{
    PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(), watched[i].module);
    if (module == NULL) {
        return;
    }
    if (watched[i].container != NULL) {
        kept.containers[i] = evaluate(module, watched[i].container);
        kept.sizes[i] = PyObject_Size(kept.containers[i]);
    }
    if (watched[i].handler != NULL) {
        count_handler(evaluate(module, watched[i].handler));
    }
}

void shutdown_remember(void)
{
    kept.threading = PyModule_GetDict(drv_import("threading"));
    kept.threading_version = internal_dict_version(kept.threading);
    kept.threads = internal_threads_started();
    kept.handlers = internal_atexit_count();
    for (size_t i = 0; i < WATCHED; i++) {
        watch(i);
    }
}

bool shutdown_idle(void)
{
    bool idle = kept.idle_handlers == kept.handlers && internal_atexit_count() == kept.handlers &&
                internal_threads_started() == kept.threads &&
                internal_dict_version(kept.threading) == kept.threading_version;
    for (size_t i = 0; i < WATCHED && idle; i++) {
        idle = kept.containers[i] == NULL || PyObject_Size(kept.containers[i]) == kept.sizes[i];
    }
    PyErr_Clear();
    return idle;
}
