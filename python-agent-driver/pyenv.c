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

/* What several variables together decide: sys.flags is made anew, the standard streams too. */
struct pyenv {
    PyConfig *config;
    bool flags_changed;
    bool unbuffered;
    const char *io_encoding;
};

static void must(PyObject *result, const char *what)
{
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot apply %s", what);
    }
    Py_DECREF(result);
}

static PyObject *import(const char *name)
{
    PyObject *module = PyImport_ImportModule(name);
    if (module == NULL) {
        PyErr_Print();
        drv_fail("cannot import %s", name);
    }
    return module;
}

static void call(const char *module, const char *function, PyObject *argument, const char *what)
{
    PyObject *owner = import(module);
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
    env->unbuffered = true;
}

static void set_io_encoding(struct pyenv *env, const char *value)
{
    env->io_encoding = value;
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
    PyObject *os_path = import("os.path");
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

/* The codec's own name, as CPython shows it: "latin-1" becomes "iso8859-1". */
static PyObject *codec_name(const char *text, size_t len)
{
    PyObject *encoding = PyUnicode_DecodeFSDefaultAndSize(text, (Py_ssize_t)len);
    PyObject *codecs = import("codecs");
    PyObject *codec =
        encoding == NULL ? NULL : PyObject_CallMethod(codecs, "lookup", "O", encoding);
    PyObject *name = codec == NULL ? NULL : PyObject_GetAttrString(codec, "name");
    if (name == NULL) {
        PyErr_Print();
        drv_fail("PYTHONIOENCODING names no encoding");
    }
    Py_DECREF(codec);
    Py_DECREF(codecs);
    Py_DECREF(encoding);
    return name;
}

/* What stands before and after the colon of "encoding:errors"; stderr takes the encoding alone. */
static PyObject *stream_encoding(const struct pyenv *env)
{
    size_t len = env->io_encoding == NULL ? 0 : strcspn(env->io_encoding, ":");
    return len == 0 ? codec_name("utf-8", 5) : codec_name(env->io_encoding, len);
}

static const char *stream_errors(const struct pyenv *env, int fd)
{
    const char *colon = env->io_encoding == NULL ? NULL : strchr(env->io_encoding, ':');
    if (fd == 2) {
        return "backslashreplace";
    }
    return colon == NULL || colon[1] == 0 ? "strict" : colon + 1;
}

/* As create_stdio of CPython makes them. */
static PyObject *new_stream(const struct pyenv *env, int fd)
{
    static const char *const names[] = {"<stdin>", "<stdout>", "<stderr>"};
    bool bare = env->unbuffered && fd != 0;
    PyObject *io = import("io");
    PyObject *encoding = stream_encoding(env);
    PyObject *buffer = PyObject_CallMethod(io, "open", "isiOOOi", fd, fd == 0 ? "rb" : "wb",
                                           bare ? 0 : -1, Py_None, Py_None, Py_None, 0);
    PyObject *raw = NULL;
    if (buffer != NULL) {
        raw = bare ? Py_NewRef(buffer) : PyObject_GetAttrString(buffer, "raw");
    }
    PyObject *name = PyUnicode_FromString(names[fd]);
    PyObject *mode = PyUnicode_FromString(fd == 0 ? "r" : "w");
    PyObject *text = NULL;
    if (raw != NULL && name != NULL && PyObject_SetAttrString(raw, "name", name) == 0) {
        text = PyObject_CallMethod(io, "TextIOWrapper", "OOssOO", buffer, encoding,
                                   stream_errors(env, fd), fd == 0 ? NULL : "\n",
                                   fd == 2 && !env->unbuffered ? Py_True : Py_False,
                                   env->unbuffered ? Py_True : Py_False);
    }
    if (text == NULL || mode == NULL || PyObject_SetAttrString(text, "mode", mode) < 0) {
        PyErr_Print();
        drv_fail("cannot make %s anew", names[fd]);
    }
    /* As old as the interpreter: not what the run made. */
    PyObject_GC_UnTrack(text);
    PyObject_GC_UnTrack(buffer);
    PyObject_GC_UnTrack(raw);
    Py_DECREF(mode);
    Py_DECREF(name);
    Py_DECREF(raw);
    Py_DECREF(buffer);
    Py_DECREF(encoding);
    Py_DECREF(io);
    return text;
}

static void renew_streams(const struct pyenv *env)
{
    static const char *const names[][2] = {
        {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
    for (int fd = 0; fd < 3; fd++) {
        PyObject *stream = new_stream(env, fd);
        if (PySys_SetObject(names[fd][0], stream) < 0 ||
            PySys_SetObject(names[fd][1], stream) < 0) {
            PyErr_Print();
            drv_fail("cannot set sys.%s", names[fd][0]);
        }
        Py_DECREF(stream);
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
    if (env.unbuffered || env.io_encoding != NULL) {
        renew_streams(&env);
    }
}
