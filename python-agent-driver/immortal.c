// SPDX-License-Identifier: Apache-2.0
/*
 * Makes objects of the preload immortal, as CPython does with None (PEP 683): nobody counts the
 * references to an immortal object. Otherwise a run writes to a page of the snapshot for almost
 * every function, class and name that it only looks at, which is a fault of a cold run and a copy
 * in a rewind. Immortal become names, numbers and constants, code, functions, classes, modules with
 * their names, and what the import system keeps for these. None of them does anything when it dies.
 * Containers and other instances stay as they are: what they hold may have to die in a run.
 */
#include "driver.h"
#include "pyinternal.h"

#include <string.h>

static PyTypeObject *const types[] = {
    &PyUnicode_Type,     &PyBytes_Type,       &PyLong_Type,         &PyFloat_Type,
    &PyComplex_Type,     &PyTuple_Type,       &PyFrozenSet_Type,    &PySlice_Type,
    &PyCode_Type,        &PyFunction_Type,    &PyMethod_Type,       &PyCell_Type,
    &PyCFunction_Type,   &PyCMethod_Type,     &PyClassMethod_Type,  &PyStaticMethod_Type,
    &PyProperty_Type,    &PyMethodDescr_Type, &PyWrapperDescr_Type, &PyClassMethodDescr_Type,
    &PyGetSetDescr_Type, &PyMemberDescr_Type,
};

/* Types that have no name in C. An _abc_data is what an abstract base class knows of others. */
static const char *const type_names[] = {"_abc._abc_data", "ModuleSpec", "SourceFileLoader",
                                         "ExtensionFileLoader", "re.Pattern"};

static bool is_suitable(PyObject *op)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (Py_IS_TYPE(op, types[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (strcmp(Py_TYPE(op)->tp_name, type_names[i]) == 0) {
            return true;
        }
    }
    return PyType_Check(op) || PyModule_Check(op);
}

static int visit(PyObject *op, void *unused);

static void visit_code(const PyCodeObject *code)
{
    PyObject *const parts[] = {
        code->co_consts,   code->co_names, code->co_exceptiontable, code->co_localsplusnames,
        code->co_filename, code->co_name,  code->co_qualname,       code->co_linetable,
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        (void)visit(parts[i], NULL);
    }
}

static void visit_parts(PyObject *op)
{
    PyObject *key, *value;
    if (PyCode_Check(op)) {
        visit_code((const PyCodeObject *)op);
    } else if (PyDict_CheckExact(op)) {
        for (Py_ssize_t at = 0; PyDict_Next(op, &at, &key, &value);) {
            (void)visit(key, NULL);
            (void)visit(value, NULL);
        }
    } else if (Py_TYPE(op)->tp_traverse != NULL) {
        (void)Py_TYPE(op)->tp_traverse(op, visit, NULL);
    }
}

/* Visits what another object refers to. What is in the collector's lists is left to
 * visit_listed(). Not in them are names and numbers, code, and tuples and dicts of such. */
static int visit(PyObject *op, void *unused)
{
    (void)unused;
    if (op == NULL || internal_is_immortal(op) || PyObject_GC_IsTracked(op)) {
        return 0;
    }
    if (is_suitable(op)) {
        internal_make_immortal(op);
        visit_parts(op);
    } else if (PyDict_CheckExact(op)) {
        visit_parts(op);
    }
    return 0;
}

static int visit_listed(PyObject *op, void *unused)
{
    (void)unused;
    if (is_suitable(op)) {
        internal_make_immortal(op);
    }
    if (PyModule_Check(op)) {
        internal_make_immortal(PyModule_GetDict(op));
    }
    visit_parts(op);
    return 0;
}

void immortal_make(void)
{
    visit_parts(internal_interned());
    internal_gc_visit_hidden(visit_listed, NULL);
}
