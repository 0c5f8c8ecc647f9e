// SPDX-License-Identifier: Apache-2.0
/*
 * Where in sys.path modules of the snapshot lie. A script that has put another module of the same
 * name before that place gets its own.
 */
#include "driver.h"
#include "pyinternal.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static PyObject *start_path, *endings, *path_finder;

void place_remember(PyObject *path, PyObject *of_modules)
{
    start_path = drv_need(Py_XNewRef(path));
    endings = drv_need(Py_XNewRef(of_modules));
    if (path_finder == NULL) {
        PyObject *external = drv_import("_frozen_importlib_external");
        path_finder = drv_need(PyObject_GetAttrString(external, "PathFinder"));
        Py_DECREF(external);
    }
}

static bool has_file(const char *directory, const char *name)
{
    char path[PATH_MAX];
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(endings); i++) {
        const char *ending = PyUnicode_AsUTF8(PyList_GET_ITEM(endings, i));
        const int len = snprintf(path, sizeof(path), "%s/%s%s", directory, name, ending);
        if (len >= (int)sizeof(path) || access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the import system would find a module of this name in an entry of sys.path that the
 * script has put there. Directories are looked into here: a finder for each would cost more than
 * the rest of an import. */
static bool is_shadowed(PyObject *entry, PyObject *name)
{
    PyObject *path = PyUnicode_EncodeFSDefault(entry);
    const char *file = PyUnicode_AsUTF8(name);
    struct stat status;
    bool shadowed = true; /* when in doubt the import system looks itself */
    if (path != NULL && file != NULL) {
        const char *directory = PyBytes_GET_SIZE(path) == 0 ? "." : PyBytes_AS_STRING(path);
        if (stat(directory, &status) != 0) {
            shadowed = false;
        } else if (S_ISDIR(status.st_mode)) {
            shadowed = has_file(directory, file);
        } else {
            PyObject *spec = PyObject_CallMethod(path_finder, "find_spec", "O[O]", name, entry);
            shadowed = spec != Py_None;
            Py_XDECREF(spec);
        }
    }
    Py_XDECREF(path);
    PyErr_Clear();
    return shadowed;
}

/* Whether the import system would come to where the module lies, and find no other before. */
bool place_is_first(PyObject *name, PyObject *place)
{
    PyObject *path = PySys_GetObject("path");
    const Py_ssize_t len = path != NULL && PyList_CheckExact(path) ? PyList_GET_SIZE(path) : 0;
    for (Py_ssize_t i = 0; i < len; i++) {
        PyObject *entry = PyList_GET_ITEM(path, i);
        if (!PyUnicode_Check(entry)) {
            return false;
        }
        if (PyUnicode_Compare(entry, place) == 0) {
            return true;
        }
        if (PySequence_Contains(start_path, entry) == 1) {
            continue;
        }
        if (is_shadowed(entry, name)) {
            return false;
        }
    }
    return false;
}
