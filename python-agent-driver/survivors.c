// SPDX-License-Identifier: Apache-2.0
/*
 * What a run made and would be seen to die: the collector's lists hold exactly what was made since
 * the snapshot. What cannot be told by its type counts as seen.
 */
#include "final.h"

#include <string.h>

/* A set of addresses: of the modules of the snapshot and of their namespaces. */
static PyObject *preloaded;

static PyObject *threads, *closed_name, *suspended_name;

/* Under python3, too, these live when the rest is collected: handlers of fork and C code hold
 * functions of theirs. */
static const char *const living[] = {"sys", "asyncio.events", "logging", "random", "threading"};
#define LIVING (sizeof(living) / sizeof(living[0]))
static PyObject *living_names[LIVING];

static PyObject *need(PyObject *object)
{
    if (object == NULL) {
        drv_fail("no memory to end the interpreter");
    }
    return object;
}

static bool has(PyObject *addresses, PyObject *op)
{
    PyObject *address = need(PyLong_FromVoidPtr(op));
    bool found = PySet_Contains(addresses, address) == 1;
    Py_DECREF(address);
    return found;
}

static void add(PyObject *addresses, PyObject *op)
{
    PyObject *address = need(PyLong_FromVoidPtr(op));
    if (PySet_Add(addresses, address) < 0) {
        drv_fail("no memory to end the interpreter");
    }
    Py_DECREF(address);
}

static bool take_away(PyObject *addresses, PyObject *op)
{
    PyObject *address = need(PyLong_FromVoidPtr(op));
    bool found = PySet_Discard(addresses, address) == 1;
    Py_DECREF(address);
    return found;
}

void survivors_remember(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *main_one = PyDict_GetItemString(modules, "__main__");
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    preloaded = need(PySet_New(NULL));
    closed_name = need(PyUnicode_InternFromString("closed"));
    suspended_name = need(PyUnicode_InternFromString("gi_suspended"));
    for (size_t i = 0; i < LIVING; i++) {
        PyObject *module = PyDict_GetItemString(modules, living[i]);
        living_names[i] = module == NULL ? need(PyDict_New()) : PyModule_GetDict(module);
    }
    threads = need(PyObject_GetAttrString(drv_import("threading"), "_active"));
    while (PyDict_Next(modules, &pos, &key, &value)) {
        if (value != main_one) {
            add(preloaded, value);
            add(preloaded, PyModule_Check(value) ? PyModule_GetDict(value) : value);
        }
    }
}

static bool attribute_is(PyObject *op, PyObject *name, PyObject *wanted)
{
    PyObject *value = PyObject_GetAttr(op, name);
    bool same = value == wanted;
    Py_XDECREF(value);
    PyErr_Clear();
    return same;
}

/* A weak reference's callback in C, or of a preloaded module, only keeps tables in order. */
static bool callback_visible(PyObject *callback)
{
    if (callback == NULL || PyCFunction_Check(callback)) {
        return false;
    }
    if (PyMethod_Check(callback)) {
        callback = PyMethod_GET_FUNCTION(callback);
    }
    return !PyFunction_Check(callback) || !has(preloaded, PyFunction_GET_GLOBALS(callback));
}

/* A file of C's own kinds. */
static bool file_visible(PyObject *op, const char *type)
{
    return strcmp(type, "_io.BytesIO") != 0 && strcmp(type, "_io.StringIO") != 0 &&
           !attribute_is(op, closed_name, Py_True);
}

/* Could anything outside the process tell when this object is destroyed? */
static bool death_visible(PyObject *op, void *unused)
{
    PyTypeObject *type = Py_TYPE(op);
    (void)unused;
    if (PyWeakref_Check(op)) {
        return callback_visible(((PyWeakReference *)op)->wr_callback);
    }
    if (PyType_Check(op) && !PyType_IS_GC((PyTypeObject *)op)) {
        type = (PyTypeObject *)op; /* The collector does not know its instances. */
    }
    if (type->tp_finalize == NULL) {
        return type->tp_del != NULL;
    }
    if (PyGen_CheckExact(op)) {
        return attribute_is(op, suspended_name, Py_True);
    }
    return strncmp(type->tp_name, "_io.", 4) != 0 || file_visible(op, type->tp_name);
}

bool survivors_any(void)
{
    const int enabled = PyGC_Disable();
    bool any = internal_gc_visit(death_visible, NULL, true);
    if (enabled) {
        (void)PyGC_Enable();
    }
    return any;
}

struct search {
    PyObject *seen;    /* a list of what would be seen to die */
    PyObject *unknown; /* the addresses of all that nothing is known to refer to */
    PyObject *reached; /* a list of what is not among them any more */
};

static bool note(PyObject *op, void *arg)
{
    struct search *search = arg;
    add(search->unknown, op);
    if (Py_TYPE(op)->tp_finalize != NULL && death_visible(op, NULL) &&
        PyList_Append(search->seen, op) < 0) {
        drv_fail("no memory to end the interpreter");
    }
    return false;
}

static int reach(PyObject *op, void *arg)
{
    struct search *search = arg;
    if (take_away(search->unknown, op) && PyList_Append(search->reached, op) < 0) {
        drv_fail("no memory to end the interpreter");
    }
    return 0;
}

static void reach_from(PyObject *root, struct search *search)
{
    Py_ssize_t done = PyList_GET_SIZE(search->reached);
    if (root != NULL) {
        (void)Py_TYPE(root)->tp_traverse(root, reach, search);
    }
    for (; done < PyList_GET_SIZE(search->reached); done++) {
        PyObject *op = PyList_GET_ITEM(search->reached, done);
        (void)Py_TYPE(op)->tp_traverse(op, reach, search);
    }
}

static void search_run(struct search *search)
{
    PyObject *context = PyContext_CopyCurrent();
    (void)internal_gc_visit(note, search, false);
    for (size_t i = 0; i < LIVING; i++) {
        reach_from(living_names[i], search);
    }
    reach_from(PyThreadState_GetDict(), search);
    reach_from(context, search);
    Py_XDECREF(context);
    PyErr_Clear();
}

/* What living modules and the thread refer to is left alone, as it is under python3. What frames of
 * other threads refer to as well; they cannot be seen any more, so where there are some nothing is
 * ended. */
void survivors_finalize(void)
{
    struct search search = {need(PyList_New(0)), need(PySet_New(NULL)), need(PyList_New(0))};
    if (PyObject_Size(threads) > 1) {
        return;
    }
    const int enabled = PyGC_Disable();
    search_run(&search);
    if (enabled) {
        (void)PyGC_Enable();
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(search.seen); i++) {
        if (has(search.unknown, PyList_GET_ITEM(search.seen, i))) {
            PyObject_CallFinalizer(PyList_GET_ITEM(search.seen, i));
        }
    }
    Py_DECREF(search.reached);
    Py_DECREF(search.seen);
    Py_DECREF(search.unknown);
}

void survivors_hide_preloaded(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *rest = need(PyDict_New());
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(modules, &pos, &key, &value)) {
        if (!has(preloaded, value) && PyDict_SetItem(rest, key, value) < 0) {
            drv_fail("no memory to end the interpreter");
        }
    }
    internal_swap_dicts(modules, rest);
    /* Now it is `rest` that has all of them. Of the preloaded ones it keeps hold. */
    pos = 0;
    while (PyDict_Next(modules, &pos, &key, &value)) {
        if (PyDict_SetItem(rest, key, Py_None) < 0) {
            drv_fail("no memory to end the interpreter");
        }
    }
}
