// SPDX-License-Identifier: Apache-2.0
/*
 * What a run made and would be seen to die: the collector's young generations hold exactly what was
 * made since the snapshot, because everything older is hidden. Looks at types only; calls no Python
 * code.
 */
#include "final.h"

#include <internal/pycore_frame.h>

#include <stdlib.h>

/* The namespaces of the preloaded modules, sorted; for asking where a function comes from. */
static PyObject **preloaded;
static size_t preloaded_count;

/* Known kinds of files, and what ends all of them. */
static PyTypeObject *file_io, *reader, *writer, *random_access, *text, *bytes_io, *string_io;

/* The warnings filters of the snapshot, as a list and item by item. With them unclosed files die in
 * silence. */
static PyObject *filters, *filters_copy;

static int by_address(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (PyObject *const *)a;
    uintptr_t right = (uintptr_t) * (PyObject *const *)b;
    return left < right ? -1 : left > right;
}

static PyTypeObject *io_type(const char *name)
{
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *type = io == NULL ? NULL : PyObject_GetAttrString(io, name);
    if (type == NULL || !PyType_Check(type)) {
        drv_fail("there is no _io.%s", name);
    }
    Py_DECREF(io);
    return (PyTypeObject *)type;
}

/* Borrowed, or NULL. */
static PyObject *current_filters(PyInterpreterState *interp)
{
    static PyObject *names; /* of the module warnings */
    if (names == NULL) {
        PyObject *key = PyUnicode_FromString("warnings");
        PyObject *module = key == NULL ? NULL : PyDict_GetItemWithError(interp->modules, key);
        Py_XDECREF(key);
        names = module == NULL ? NULL : PyModule_GetDict(module);
    }
    PyObject *list = names == NULL ? NULL : PyDict_GetItemWithError(names, &_Py_ID(filters));
    return list != NULL && PyList_CheckExact(list) ? list : NULL;
}

static bool filters_changed(PyInterpreterState *interp)
{
    PyObject *now = current_filters(interp);
    if (now != filters || PyList_GET_SIZE(now) != PyTuple_GET_SIZE(filters_copy)) {
        return true;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(now); i++) {
        if (PyList_GET_ITEM(now, i) != PyTuple_GET_ITEM(filters_copy, i)) {
            return true;
        }
    }
    return false;
}

void survivors_remember(PyInterpreterState *interp)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    file_io = io_type("FileIO");
    reader = io_type("BufferedReader");
    writer = io_type("BufferedWriter");
    random_access = io_type("BufferedRandom");
    text = io_type("TextIOWrapper");
    bytes_io = io_type("BytesIO");
    string_io = io_type("StringIO");
    filters = current_filters(interp);
    filters_copy = filters == NULL ? NULL : PyList_AsTuple(filters);
    if (filters_copy == NULL) {
        drv_fail("there are no warnings filters");
    }
    preloaded = malloc((size_t)PyDict_GET_SIZE(interp->modules) * sizeof(*preloaded));
    if (preloaded == NULL) {
        drv_fail("no memory for the list of modules");
    }
    PyObject *main_one = survivors_main(interp);
    while (PyDict_Next(interp->modules, &pos, &key, &value)) {
        if (PyModule_Check(value) && value != main_one) {
            preloaded[preloaded_count++] = PyModule_GetDict(value);
        }
    }
    qsort(preloaded, preloaded_count, sizeof(*preloaded), by_address);
}

static bool is_preloaded(PyObject *globals)
{
    return bsearch(&globals, preloaded, preloaded_count, sizeof(*preloaded), by_address) != NULL;
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
    return !PyFunction_Check(callback) || !is_preloaded(PyFunction_GET_GLOBALS(callback));
}

static bool generator_visible(PyObject *op)
{
    PyGenObject *gen = (PyGenObject *)op;
    if (gen->gi_frame_state >= FRAME_COMPLETED) {
        return false;
    }
    if (!PyGen_CheckExact(op)) {
        return true;
    }
    _PyInterpreterFrame *frame = (_PyInterpreterFrame *)gen->gi_iframe;
    return gen->gi_frame_state != FRAME_CREATED && !is_preloaded(frame->f_globals);
}

static bool is_open(PyObject *file)
{
    PyObject *closed = PyObject_GetAttr(file, &_Py_ID(closed));
    bool open = closed != Py_True;
    Py_XDECREF(closed);
    PyErr_Clear();
    return open;
}

static bool buffer_visible(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    if (type == file_io || type == reader || type == bytes_io || type == string_io) {
        return false;
    }
    return (type != writer && type != random_access) || is_open(op);
}

/* A text file, of a class that changes nothing about how it is closed. */
static bool is_text(PyTypeObject *type)
{
    PyObject *const names[] = {&_Py_ID(close), &_Py_ID(closed), &_Py_ID(flush), &_Py_ID(buffer)};
    if (type == text) {
        return true;
    }
    if (!PyType_IsSubtype(type, text)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (_PyType_Lookup(type, names[i]) != _PyType_Lookup(text, names[i])) {
            return false;
        }
    }
    return true;
}

/* Open files that may hold unwritten bytes. Looks into C's own types alone, and runs no Python
 * code. */
static bool file_visible(PyObject *op)
{
    if (!is_text(Py_TYPE(op))) {
        return buffer_visible(op);
    }
    PyObject *buffer = PyObject_GenericGetAttr(op, &_Py_ID(buffer));
    bool visible =
        buffer == NULL || buffer_visible(buffer) || (Py_TYPE(buffer) == file_io && is_open(buffer));
    Py_XDECREF(buffer);
    PyErr_Clear();
    return visible;
}

/* Could anything outside the process tell when this object is destroyed? */
static bool death_visible(PyObject *op, bool strict)
{
    PyTypeObject *type = Py_TYPE(op);
    if (PyWeakref_Check(op)) {
        return callback_visible(((PyWeakReference *)op)->wr_callback);
    }
    if (type->tp_del != NULL) {
        return true;
    }
    if (type->tp_finalize == NULL) {
        return false;
    }
    if (PyGen_CheckExact(op) || PyCoro_CheckExact(op) || PyAsyncGen_CheckExact(op)) {
        return generator_visible(op);
    }
    return strict || type->tp_finalize != file_io->tp_finalize || file_visible(op);
}

static void note_module(struct survivors *found, PyObject *module)
{
    if (found->module_count == found->module_room) {
        found->module_room = found->module_room == 0 ? 64 : 2 * found->module_room;
        found->modules = realloc(found->modules, found->module_room * sizeof(*found->modules));
        if (found->modules == NULL) {
            drv_fail("no memory to end the interpreter");
        }
    }
    found->modules[found->module_count++] = module;
}

static void search_generation(struct survivors *found, PyGC_Head *head, bool strict)
{
    for (PyGC_Head *gc = _PyGCHead_NEXT(head); gc != head; gc = _PyGCHead_NEXT(gc)) {
        PyObject *op = (PyObject *)(gc + 1);
        if (PyModule_Check(op)) {
            note_module(found, op);
        } else if (death_visible(op, strict)) {
            found->visible++;
        }
    }
}

PyObject *survivors_main(PyInterpreterState *interp)
{
    return PyDict_GetItemString(interp->modules, "__main__");
}

/* Objects without a GC header are not in any list; those in __main__ itself are looked at here. */
static void search_main(struct survivors *found, PyInterpreterState *interp, bool strict)
{
    PyObject *module = survivors_main(interp);
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (module == NULL || !PyModule_Check(module)) {
        return;
    }
    while (PyDict_Next(PyModule_GetDict(module), &pos, &key, &value)) {
        if (!PyObject_IS_GC(value) && death_visible(value, strict)) {
            found->visible++;
        }
    }
}

struct survivors survivors_search(PyInterpreterState *interp)
{
    struct survivors found = {0};
    bool strict = filters_changed(interp);
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        search_generation(&found, &interp->gc.generations[i].head, strict);
    }
    search_main(&found, interp, strict);
    return found;
}

bool survivors_any(PyInterpreterState *interp)
{
    struct survivors found = survivors_search(interp);
    free(found.modules);
    return found.visible != 0;
}
