// SPDX-License-Identifier: Apache-2.0
/*
 * PYTHON* variables and TZ, which python3 reads while it starts. Here it started long before the
 * run's environment was known, so those that can still take effect are applied by hand; README.md
 * lists them. Invariant: with none of them set, this file does nothing but one scan of the
 * environment.
 */
#include "driver.h"
#include "pyinternal.h"
#include "unexported.h"

#include <stdlib.h>
#include <string.h>

/* What several variables together decide: sys.flags and the standard streams are made again. */
struct pyenv {
    PyConfig *config;
    bool flags_changed;
    struct drv_stdio stdio;
};

static void must(PyObject *result, const char *what)
{
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot apply %s", what);
    }
    Py_DECREF(result);
}

static void call(const char *module, const char *function, PyObject *argument, const char *what)
{
    PyObject *owner = drv_import(module);
    PyObject *name = PyUnicode_FromString(function);
    PyObject *result = NULL;
    if (name != NULL) {
        result = argument == NULL ? PyObject_CallMethodNoArgs(owner, name)
                                  : PyObject_CallMethodOneArg(owner, name, argument);
    }
    must(result, what);
    Py_XDECREF(name);
    Py_XDECREF(argument);
    Py_DECREF(owner);
}

/* As CPython: a number counts as itself, any other text as 1. */
static int flag_value(const char *value)
{
    char *end;
    long number = strtol(value, &end, 10);
    return *end == 0 && number >= 0 && number < 1000 ? (int)number : 1;
}

static void set_no_bytecode(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->write_bytecode = 0;
    env->flags_changed = true;
}

static void set_optimize(struct pyenv *env, const char *value)
{
    env->config->optimization_level = flag_value(value);
    env->flags_changed = true;
}

static void set_safe_path(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->safe_path = 1;
    env->flags_changed = true;
}

static void set_no_debug_ranges(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->code_debug_ranges = 0;
}

static void set_warn_encoding(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->warn_default_encoding = 1;
    env->flags_changed = true;
}

static void set_unbuffered(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->buffered_stdio = 0;
    env->stdio.unbuffered = true;
}

static void set_io_encoding(struct pyenv *env, const char *value)
{
    env->stdio.encoding = value;
}

static void set_faulthandler(struct pyenv *env, const char *value)
{
    (void)value;
    env->config->faulthandler = 1;
    call("faulthandler", "enable", NULL, "PYTHONFAULTHANDLER");
}

static void set_digits(struct pyenv *env, const char *value)
{
    (void)env;
    call("sys", "set_int_max_str_digits", PyLong_FromString(value, NULL, 10),
         "PYTHONINTMAXSTRDIGITS");
}

static void set_tracemalloc(struct pyenv *env, const char *value)
{
    (void)env;
    call("tracemalloc", "start", PyLong_FromLong(flag_value(value)), "PYTHONTRACEMALLOC");
}

static void set_pycache_prefix(struct pyenv *env, const char *value)
{
    (void)env;
    PyObject *prefix = PyUnicode_DecodeFSDefault(value);
    if (prefix == NULL || PySys_SetObject("pycache_prefix", prefix) < 0) {
        PyErr_Print();
        drv_fail("cannot apply PYTHONPYCACHEPREFIX");
    }
    Py_DECREF(prefix);
}

/* The text split at a character, empty parts left out, each decoded as the file system does. */
static PyObject *split_list(const char *text, char at, const char *what)
{
    PyObject *list = PyList_New(0);
    while (list != NULL && *text != 0) {
        const char *end = strchrnul(text, at);
        PyObject *part = PyUnicode_DecodeFSDefaultAndSize(text, end - text);
        if (part == NULL || (end > text && PyList_Append(list, part) < 0)) {
            Py_CLEAR(list);
        }
        Py_XDECREF(part);
        text = *end == 0 ? end : end + 1;
    }
    if (list == NULL) {
        PyErr_Print();
        drv_fail("cannot apply %s", what);
    }
    return list;
}

/* Relative entries become absolute against the working directory, as site makes them. */
static void set_path(struct pyenv *env, const char *value)
{
    (void)env;
    PyObject *path = PySys_GetObject("path");
    PyObject *parts = split_list(value, ':', "PYTHONPATH");
    PyObject *os_path = drv_import("os.path");
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts); i++) {
        PyObject *entry = PyObject_CallMethod(os_path, "abspath", "O", PyList_GET_ITEM(parts, i));
        int known = entry == NULL || path == NULL ? -1 : PySequence_Contains(path, entry);
        if (known < 0 || (known == 0 && PyList_Insert(path, i, entry) < 0)) {
            PyErr_Print();
            drv_fail("cannot apply PYTHONPATH");
        }
        Py_DECREF(entry);
    }
    Py_DECREF(os_path);
    Py_DECREF(parts);
}

static void set_warnings(struct pyenv *env, const char *value)
{
    (void)env;
    PyObject *options = split_list(value, ',', "PYTHONWARNINGS");
    PyObject *current = PySys_GetObject("warnoptions");
    if (current == NULL || PyList_SetSlice(current, 0, 0, options) < 0) {
        PyErr_Print();
        drv_fail("cannot apply PYTHONWARNINGS");
    }
    call("warnings", "_processoptions", options, "PYTHONWARNINGS");
}

static void set_timezone(struct pyenv *env, const char *value)
{
    (void)env;
    (void)value;
    call("time", "tzset", NULL, "TZ");
}

/* Names as in the environment. Variables that CPython reads when they matter (PYTHONBREAKPOINT,
 * PYTHONASYNCIODEBUG, PYTHONINSPECT) need no entry. */
static const struct {
    const char *name;
    void (*apply)(struct pyenv *, const char *value);
} variables[] = {
    {"PYTHONDONTWRITEBYTECODE", set_no_bytecode},
    {"PYTHONFAULTHANDLER", set_faulthandler},
    {"PYTHONINTMAXSTRDIGITS", set_digits},
    {"PYTHONIOENCODING", set_io_encoding},
    {"PYTHONNODEBUGRANGES", set_no_debug_ranges},
    {"PYTHONOPTIMIZE", set_optimize},
    {"PYTHONPATH", set_path},
    {"PYTHONPYCACHEPREFIX", set_pycache_prefix},
    {"PYTHONSAFEPATH", set_safe_path},
    {"PYTHONTRACEMALLOC", set_tracemalloc},
    {"PYTHONUNBUFFERED", set_unbuffered},
    {"PYTHONWARNDEFAULTENCODING", set_warn_encoding},
    {"PYTHONWARNINGS", set_warnings},
    {"TZ", set_timezone},
};

static void update_flags(struct pyenv *env)
{
    Py_OptimizeFlag = env->config->optimization_level;
    if (unexported_update_flags(env->config) < 0) {
        PyErr_Print();
        drv_fail("cannot set sys.flags");
    }
}

static void apply_variable(struct pyenv *env, const char *text)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        size_t len = strlen(variables[i].name);
        if (strncmp(text, variables[i].name, len) == 0 && text[len] == '=' && text[len + 1] != 0) {
            variables[i].apply(env, text + len + 1);
            return;
        }
    }
}

void pyenv_apply(const struct drv_frame *frame)
{
    struct pyenv env = {.config = &_PyInterpreterState_GET()->config};
    for (size_t i = 0; i < frame->envc; i++) {
        const char *text = frame->env[i];
        if (strncmp(text, "PYTHON", 6) == 0 || strncmp(text, "TZ=", 3) == 0) {
            apply_variable(&env, text);
        }
    }
    if (env.flags_changed) {
        update_flags(&env);
    }
    stdio_apply(&env.stdio);
}
