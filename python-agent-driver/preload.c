// SPDX-License-Identifier: Apache-2.0
/*
 * What a line of a list means of what is to be imported before the snapshot: a module, which may be
 * missing when its name ends in '?', or after >>> a statement, which takes a lazy path once.
 */
#include "driver.h"
#include "pyinternal.h"

#include <ctype.h>
#include <string.h>

/* Whether the import failed because there is no such module, and not because it is broken. */
static bool is_missing(const char *name)
{
    PyObject *raised = PyErr_GetRaisedException();
    bool missing = PyErr_GivenExceptionMatches(raised, PyExc_ModuleNotFoundError);
    PyObject *what = missing ? PyObject_GetAttrString(raised, "name") : NULL;
    missing =
        what != NULL && PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, name) == 0;
    PyErr_Clear();
    Py_XDECREF(what);
    PyErr_SetRaisedException(raised);
    return missing;
}

static bool import_module(char *name)
{
    const size_t len = strlen(name);
    const bool optional = name[len - 1] == '?';
    if (optional) {
        name[len - 1] = 0;
    }
    PyObject *module = PyImport_ImportModule(name);
    if (module == NULL && optional && is_missing(name)) {
        PyErr_Clear();
        return true;
    }
    Py_XDECREF(module);
    return module != NULL;
}

/* Its namespace is thrown away. */
static bool run_statement(const char *text)
{
    PyObject *globals = drv_need(Py_BuildValue("{s:s}", "__name__", "preload"));
    drv_must(PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()));
    PyObject *result = PyRun_String(text, Py_file_input, globals, globals);
    Py_XDECREF(result);
    Py_DECREF(globals);
    return result != NULL;
}

char *preload_strip(char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        text[--len] = 0;
    }
    return text;
}

bool preload_line(char *text)
{
    return strncmp(text, ">>>", 3) == 0 ? run_statement(preload_strip(text + 3))
                                        : import_module(text);
}
