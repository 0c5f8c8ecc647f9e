// SPDX-License-Identifier: Apache-2.0
/*
 * A session: runs that share a name space and do not end the process. What a run means is said in
 * Python (session/cells.py). The code of a cell is evaluated here, so that no frame of ours is on
 * its stack, as in Py_RunMain.
 */
#include "driver.h"
#include "pyinternal.h"

#include <stdio.h>
#include <unistd.h>

#include "vmm/abi.h"

#define MODULES "/usr/lib/pyhl/session"
#define TRIES   3 /* to end a cell while the user goes on to interrupt */

static PyObject *turn_begin, *turn_wait, *turn_end; /* functions of cells.py */
static PyObject *script_tell;                       /* of cells.py */
static PyObject *tools_offer;                       /* of host.py */
static PyObject *packages;                          /* packages.py */

/* Imports the modules from their directory, which is on sys.path only meanwhile. No run sees any of
 * it: neither a module, nor the path, nor a file that holds bytecode. */
static const char import_text[] =
    "import sys\n"
    "writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True\n"
    "sys.path.insert(0, '" MODULES "')\n"
    "try:\n"
    "    import cells, host, packages, services\n"
    "finally:\n"
    "    sys.dont_write_bytecode = writes\n"
    "    del sys.path[0]\n"
    "    sys.path_importer_cache.pop('" MODULES "', None)\n"
    "for name, module in [*sys.modules.items()]:\n"
    "    file = getattr(module, '__file__', None) or ''\n"
    "    if file.startswith('" MODULES "/'):\n"
    "        del sys.modules[name]\n"
    "begin, wait, end, offer = cells.begin, cells.wait, cells.end, host.offer\n"
    "tell = cells.tell_of_script\n";

/* compile_cell(text, name, flags, result) of cells.py: returns the code, and whether it has a
 * result. */
static PyObject *compile_cell(PyObject *self, PyObject *args)
{
    const char *text;
    PyObject *name, *result;
    int flags;
    bool shows = false;
    (void)self;
    if (!PyArg_ParseTuple(args, "yUiU", &text, &name, &flags, &result)) {
        return NULL;
    }
    PyObject *code = internal_compile_cell(text, name, flags, result, &shows);
    return code == NULL ? NULL : Py_BuildValue("(NO)", code, shows ? Py_True : Py_False);
}

/* renew_random() of host.py */
static PyObject *renew_random(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    reseed_restored();
    Py_RETURN_NONE;
}

/* Gives a session's module a function that is written here. */
static void give_function(PyObject *names, const char *module, PyMethodDef *method)
{
    PyObject *function = drv_need(PyCFunction_New(method, NULL));
    drv_must(
        PyObject_SetAttrString(PyDict_GetItemString(names, module), method->ml_name, function));
    Py_DECREF(function);
}

void session_remember(void)
{
    static PyMethodDef renew = {"renew_random", renew_random, METH_NOARGS, NULL};
    static PyMethodDef method = {"compile_cell", compile_cell, METH_VARARGS, NULL};
    internal_parse_remember();
    PyObject *names = drv_run(import_text, "import the session's modules");
    give_function(names, "cells", &method);
    give_function(names, "host", &renew);
    turn_begin = Py_NewRef(PyDict_GetItemString(names, "begin"));
    turn_wait = Py_NewRef(PyDict_GetItemString(names, "wait"));
    turn_end = Py_NewRef(PyDict_GetItemString(names, "end"));
    tools_offer = Py_NewRef(PyDict_GetItemString(names, "offer"));
    script_tell = Py_NewRef(PyDict_GetItemString(names, "tell"));
    packages = Py_NewRef(PyDict_GetItemString(names, "packages"));
    service_remember(PyDict_GetItemString(names, "services"));
    Py_DECREF(names);
}

static PyObject *python_list(char **strings)
{
    PyObject *list = drv_need(PyList_New(0));
    for (; *strings != NULL; strings++) {
        PyObject *text = drv_need(PyUnicode_DecodeFSDefault(*strings));
        drv_must(PyList_Append(list, text));
        Py_DECREF(text);
    }
    return list;
}

/* Most runs have no tools, and pay nothing for them. */
void session_offer(const struct drv_frame *frame)
{
    if (frame->tools_len > 0) {
        PyObject *done = drv_need(
            PyObject_CallFunction(tools_offer, "y#", frame->tools, (Py_ssize_t)frame->tools_len));
        Py_DECREF(done);
    }
}

/* A trace function of the program's sees nothing of ours. */
static PyObject *call_untraced(PyObject *function, PyObject *args)
{
    PyThreadState *thread = PyThreadState_Get();
    PyThreadState_EnterTracing(thread);
    PyObject *result = PyObject_CallObject(function, args);
    PyThreadState_LeaveTracing(thread);
    return result;
}

void session_tell(void)
{
    PyObject *raised = PySys_GetObject("last_exc");
    PyObject *done = raised == NULL ? NULL : PyObject_CallOneArg(script_tell, raised);
    if (done == NULL) {
        PyErr_Clear(); /* it was printed already, which is what python3 does */
    }
    Py_XDECREF(done);
}

static void call_packages(PyObject *result)
{
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot take packages");
    }
    Py_DECREF(result);
}

void session_add_packages(void)
{
    call_packages(PyObject_CallMethod(packages, "begin", NULL));
}

void session_tell_line(unsigned number, PyObject *line, PyObject *raised)
{
    call_packages(number == 0 ? PyObject_CallMethod(packages, "end", NULL)
                              : PyObject_CallMethod(packages, "tell", "IOO", number, line,
                                                    raised == NULL ? Py_None : raised));
}

void session_tell_open(unsigned number, PyObject *line, int fd, const char *what)
{
    PyObject *name = drv_need(PyUnicode_DecodeFSDefault(what));
    call_packages(PyObject_CallMethod(packages, "tell_open", "IOiN", number, line, fd, name));
}

/* Returns a status, a cell to evaluate, or NULL with an exception set. */
static PyObject *call_begin(const struct drv_frame *frame)
{
    PyObject *argv = python_list(frame->argv), *env = python_list(frame->env);
    PyObject *cwd = drv_need(PyUnicode_DecodeFSDefault(frame->cwd));
    PyObject *context =
        drv_need(PyUnicode_DecodeFSDefault(frame->context[0] != 0 ? frame->context : "default"));
    PyObject *turn = drv_need(Py_BuildValue("(INy#NNNK)", (unsigned)frame->mode, context,
                                            frame->source, (Py_ssize_t)frame->source_len, argv, env,
                                            cwd, (unsigned long long)frame->cursor));
    PyObject *cell = call_untraced(turn_begin, turn);
    Py_DECREF(turn);
    return cell;
}

/* Evaluates a cell. One that awaits is a coroutine, which runs in the event loop. The loop's task
 * enters the context variables itself. Returns the value, or NULL with an exception set. An
 * interrupt that came in the last instruction is the cell's. */
static PyObject *evaluate(PyObject *code, PyObject *names, PyObject *variables)
{
    PyObject *value = PyEval_EvalCode(code, names, names);
    if (value != NULL && ((PyCodeObject *)code)->co_flags & CO_COROUTINE) {
        drv_must(PyContext_Exit(variables));
        Py_SETREF(value, PyObject_CallOneArg(turn_wait, value));
        PyObject *raised = PyErr_GetRaisedException();
        drv_must(PyContext_Enter(variables));
        PyErr_SetRaisedException(raised);
    }
    if (value != NULL && PyErr_CheckSignals() < 0) {
        Py_CLEAR(value);
    }
    return value;
}

/* Ends the cell with its value or the exception that is set. An exception while that is done is one
 * more to tell of. Returns the status. */
static int end_cell(PyObject *value)
{
    for (int i = 0; i < TRIES; i++) {
        PyObject *raised = PyErr_GetRaisedException();
        PyObject *args = drv_need(
            PyTuple_Pack(2, value == NULL ? Py_None : value, raised == NULL ? Py_None : raised));
        PyObject *status = call_untraced(turn_end, args);
        Py_DECREF(args);
        Py_XDECREF(raised);
        if (status != NULL) {
            const long number = PyLong_AsLong(status);
            Py_DECREF(status);
            return (int)number;
        }
        value = NULL;
    }
    PyErr_Print();
    return 1;
}

static int run_cell(PyObject *names, PyObject *variables, PyObject *code)
{
    drv_must(PyContext_Enter(variables));
    PyObject *value = evaluate(code, names, variables);
    const int status = end_cell(value);
    drv_must(PyContext_Exit(variables));
    Py_XDECREF(value);
    return status;
}

static int run_turn(const struct drv_frame *frame)
{
    int status;
    if (frame->mode == HV_RUN_SERVICE) {
        return service_run(frame);
    }
    PyObject *cell = call_begin(frame);
    if (cell == NULL) {
        return end_cell(NULL);
    }
    if (PyLong_Check(cell)) {
        status = (int)PyLong_AsLong(cell);
    } else {
        status = run_cell(PyTuple_GET_ITEM(cell, 0), PyTuple_GET_ITEM(cell, 1),
                          PyTuple_GET_ITEM(cell, 2));
    }
    Py_DECREF(cell);
    return status;
}

/* Refuses a run for which there was no memory, and options: the interpreter has begun. Returns a
 * status, or 0. */
static int refuse_frame(const struct drv_frame *frame)
{
    if (frame->lost && frame->mode != HV_RUN_SERVICE) {
        dprintf(STDERR_FILENO, "pyhl: the session has no memory for a run of this size\n");
        return DRV_FAILED;
    }
    if (frame->optc == 0) {
        return 0;
    }
    dprintf(STDERR_FILENO, "pyhl: option '%s': only the first run of a session has options\n",
            frame->options[0]);
    return DRV_FAILED;
}

void session_run(const struct drv_frame *frame)
{
    int status = run_turn(frame);
    for (;;) {
        if (PyErr_CheckSignals() < 0) {
            PyErr_Clear(); /* it came after the cell */
        }
        frame = frame_next(status);
        if (frame->restored) {
            reseed_restored();
        }
        status = refuse_frame(frame);
        if (status == 0) {
            session_offer(frame);
            status = run_turn(frame);
        }
    }
}
