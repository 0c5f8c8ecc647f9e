// SPDX-License-Identifier: Apache-2.0
/*
 * Destroys modules the way finalize_modules of CPython does, so that destructors run in its order
 * and see what they would see there: those of the run alone, or all of them.
 */
#include "final.h"
#include "unexported.h"

#include <internal/pycore_moduleobject.h>

#include <stdlib.h>

static void unraisable(bool failed)
{
    if (failed) {
        PyErr_WriteUnraisable(NULL);
    }
}

/* The attributes of sys in which user values hide, cleared before any module. */
static void clear_specials(PyInterpreterState *interp)
{
    static const char *const cleared[] = {"path",
                                          "argv",
                                          "ps1",
                                          "ps2",
                                          "last_type",
                                          "last_value",
                                          "last_traceback",
                                          "path_hooks",
                                          "path_importer_cache",
                                          "meta_path",
                                          "__interactivehook__"};
    static const char *const streams[][2] = {
        {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
    unraisable(PyDict_SetItemString(interp->builtins, "_", Py_None) < 0);
    for (size_t i = 0; i < sizeof(cleared) / sizeof(cleared[0]); i++) {
        unraisable(PyDict_SetItemString(interp->sysdict, cleared[i], Py_None) < 0);
    }
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        PyObject *original = PyDict_GetItemString(interp->sysdict, streams[i][1]);
        original = original == NULL ? Py_None : original;
        unraisable(PyDict_SetItemString(interp->sysdict, streams[i][0], original) < 0);
    }
}

static bool made_by_run(const struct survivors *found, PyObject *module)
{
    for (size_t i = 0; i < found->module_count; i++) {
        if (found->modules[i] == module) {
            return true;
        }
    }
    return false;
}

/* Let go of modules in sys.modules' order: __main__ and those that were found, or with NULL all.
 * The list of weak references tells later which of them live on. */
static PyObject *drop_modules(PyInterpreterState *interp, const struct survivors *found)
{
    PyObject *weak = PyList_New(0);
    PyObject *main_one = survivors_main(interp);
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (weak != NULL && PyDict_Next(interp->modules, &pos, &key, &value)) {
        if (!PyModule_Check(value) ||
            (found != NULL && value != main_one && !made_by_run(found, value))) {
            continue;
        }
        PyObject *ref = PyWeakref_NewRef(value, NULL);
        unraisable(ref == NULL || PyList_Append(weak, ref) < 0);
        Py_XDECREF(ref);
        unraisable(PyDict_SetItem(interp->modules, key, Py_None) < 0);
    }
    return weak;
}

/* To the script sys.modules is empty from here on, while the preloaded modules live on in `aside`:
 * swapping two dicts' contents touches none of the modules. */
static void swap_dicts(PyObject *a, PyObject *b)
{
    PyDictObject *one = (PyDictObject *)a;
    PyDictObject *two = (PyDictObject *)b;
    PyDictObject kept = *one;
    one->ma_used = two->ma_used;
    one->ma_version_tag = two->ma_version_tag;
    one->ma_keys = two->ma_keys;
    one->ma_values = two->ma_values;
    two->ma_used = kept.ma_used;
    two->ma_version_tag = kept.ma_version_tag;
    two->ma_keys = kept.ma_keys;
    two->ma_values = kept.ma_values;
}

static bool same_dict(PyObject *a, PyObject *b)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (PyDict_GET_SIZE(a) != PyDict_GET_SIZE(b)) {
        return false;
    }
    while (PyDict_Next(a, &pos, &key, &value)) {
        if (PyDict_GetItemWithError(b, key) != value) {
            return false;
        }
    }
    return true;
}

static void restore_builtins(PyInterpreterState *interp)
{
    if (same_dict(interp->builtins, interp->builtins_copy)) {
        return;
    }
    PyObject *kept = PyDict_Copy(interp->builtins);
    PyDict_Clear(interp->builtins);
    if (PyDict_Update(interp->builtins, interp->builtins_copy) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(kept);
}

static void wipe_living_modules(PyInterpreterState *interp, PyObject *weak)
{
    for (Py_ssize_t i = PyList_GET_SIZE(weak) - 1; i >= 0; i--) {
        PyObject *module = PyWeakref_GET_OBJECT(PyList_GET_ITEM(weak, i));
        PyObject *dict = module == Py_None ? interp->sysdict : PyModule_GetDict(module);
        if (dict != interp->sysdict && dict != interp->builtins) {
            Py_INCREF(module);
            _PyModule_Clear(module);
            Py_DECREF(module);
        }
    }
}

/* finalize_modules of CPython, for the modules of the run. */
void teardown_run(PyThreadState *tstate)
{
    PyInterpreterState *interp = tstate->interp;
    struct survivors found = survivors_search(interp);
    PyObject *aside = PyDict_New();
    clear_specials(interp);
    PyObject *weak = drop_modules(interp, &found);
    free(found.modules);
    if (aside == NULL || weak == NULL) {
        drv_fail("no memory to end the interpreter");
    }
    swap_dicts(interp->modules, aside);
    restore_builtins(interp);
    unexported_collect(tstate);
    wipe_living_modules(interp, weak);
    Py_DECREF(weak);
    unexported_collect(tstate);
    swap_dicts(interp->modules, aside);
    /* `aside` now has what destructors imported; it is left to die with the process. */
}

/* The same for all modules, the preloaded ones included. */
void teardown_all(PyThreadState *tstate)
{
    PyInterpreterState *interp = tstate->interp;
    hidden_give_back(&interp->gc);
    clear_specials(interp);
    /* So many modules more than under python3 must not set off a collection of their own. */
    interp->gc.enabled = 0;
    PyObject *weak = drop_modules(interp, NULL);
    PyDict_Clear(interp->modules);
    restore_builtins(interp);
    unexported_collect(tstate);
    unexported_garbage_stats(interp);
    if (weak != NULL) {
        wipe_living_modules(interp, weak);
        Py_DECREF(weak);
    }
    _PyModule_ClearDict(interp->sysdict);
    _PyModule_ClearDict(interp->builtins);
    unexported_clear_modules(interp);
    unexported_collect(tstate);
}
