// SPDX-License-Identifier: Apache-2.0
/*
 * The ways out of the driver, and calls that either succeed or end in one. Every file may call this
 * file, and it calls none of them.
 */
#include "driver.h"
#include "pyinternal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

extern FILE *_IO_list_all;

/* Whether no C stream has anything to write, by glibc's list of them. Like glibc's own flush at
 * exit it takes no locks. */
static bool streams_empty(void)
{
    const FILE *stream = _IO_list_all;
    while (stream != NULL && stream->_mode <= 0 &&
           stream->_IO_write_ptr == stream->_IO_write_base) {
        stream = stream->_chain;
    }
    return stream == NULL;
}

void drv_leave(int status)
{
    /* Asking first saves the pages of the locks. */
    if (!streams_empty()) {
        fflush(NULL);
    }
    _exit(status);
}

void drv_fail(const char *format, ...)
{
    va_list args;
    fputs("pyhl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    drv_leave(DRV_FAILED);
}

void drv_refuse(const char *message)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    fprintf(stderr, "Fatal Python error: %s\nPython runtime state: core initialized\n", message);
    fflush(stderr);
    PyErr_Display(type, value, NULL);
    fprintf(stderr,
            "\nCurrent thread 0x%016lx (most recent call first):\n"
            "  <no Python frame>\n",
            PyThread_get_thread_ident());
    drv_leave(1);
}

PyObject *drv_need(PyObject *object)
{
    if (object == NULL) {
        PyErr_Print();
        drv_fail("no memory for the driver");
    }
    return object;
}

void drv_must(int rc)
{
    if (rc < 0) {
        PyErr_Print();
        drv_fail("no memory for the driver");
    }
}

PyObject *drv_import(const char *name)
{
    PyObject *module = PyImport_ImportModule(name);
    if (module == NULL) {
        PyErr_Print();
        drv_fail("cannot import %s", name);
    }
    return module;
}

void drv_run_in(PyObject *names, const char *text, const char *what)
{
    PyObject *result = PyRun_String(text, Py_file_input, names, names);
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot %s", what);
    }
    Py_DECREF(result);
}

PyObject *drv_run(const char *text, const char *what)
{
    PyObject *names = drv_need(PyDict_New());
    drv_must(PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()));
    drv_run_in(names, text, what);
    return names;
}
