// SPDX-License-Identifier: Apache-2.0
/*
 * Options of python3 and PYTHON* variables. python3 reads them while it starts, but here it started
 * long before those of the run were known. So CPython's own parser reads them into a second
 * configuration, and what differs is applied to the live one. README.md says what cannot be
 * applied. Invariant: a run without any of them costs one scan of the environment here, and nothing
 * else.
 */
#include "driver.h"
#include "pyinternal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* CPython's own code still reads the old variables of the options (Py_BytesWarningFlag). */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void must(PyObject *result, const char *what)
{
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot apply %s", what);
    }
    Py_DECREF(result);
}

/* Calls a function of a module. The argument's reference is taken over; NULL: no argument. */
static void call(const char *module, const char *function, PyObject *argument, const char *what)
{
    PyObject *owner = held_import(module);
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

static void set_sys(const char *name, PyObject *value)
{
    if (value == NULL || PySys_SetObject(name, value) < 0) {
        PyErr_Print();
        drv_fail("cannot set sys.%s", name);
    }
    Py_DECREF(value);
}

/* Ends the process as Py_ExitStatusException does before there is an interpreter. */
static _Noreturn void refuse(const char *function, const char *message, const char *state)
{
    fprintf(stderr, "Fatal Python error: %s%s%s\nPython runtime state: %s\n\n",
            function == NULL ? "" : function, function == NULL ? "" : ": ", message, state);
    drv_leave(1);
}

/* Makes the configuration that python3 would make of the options and the environment, but for
 * paths, which stay as they are. */
static void parse(const struct drv_frame *frame, int dev_mode, PyConfig *config)
{
    static char python[] = "python3", code[] = "-c", none[] = "";
    char **argv = calloc(frame->optc + 3, sizeof(*argv));
    if (argv == NULL) {
        drv_fail("no memory for %zu options", frame->optc);
    }
    argv[0] = python;
    for (size_t i = 0; i < frame->optc; i++) {
        argv[i + 1] = frame->options[i];
    }
    argv[frame->optc + 1] = code;
    argv[frame->optc + 2] = none;
    PyConfig_InitPythonConfig(config);
    config->_install_importlib = 0;
    config->dev_mode = dev_mode;
    PyStatus status = PyConfig_SetBytesArgv(config, (Py_ssize_t)frame->optc + 3, argv);
    if (!PyStatus_Exception(status)) {
        status = PyConfig_Read(config);
    }
    if (PyStatus_IsExit(status)) {
        drv_leave(status.exitcode);
    }
    if (PyStatus_Exception(status)) {
        refuse(status.func, status.err_msg, "preinitialized");
    }
    free(argv);
}

/* The value of -X NAME or -X NAME=VALUE; NULL without it. Of several the first counts, as in
 * CPython. */
static const wchar_t *x_option(const PyConfig *config, const wchar_t *name)
{
    const size_t len = wcslen(name);
    for (Py_ssize_t i = 0; i < config->xoptions.length; i++) {
        const wchar_t *option = config->xoptions.items[i];
        if (wcsncmp(option, name, len) == 0 && (option[len] == 0 || option[len] == L'=')) {
            return option[len] == 0 ? option + len : option + len + 1;
        }
    }
    return NULL;
}

/* Reads the configuration, in development mode a second time: a part of CPython's start that is
 * over asks for that mode before all else. */
static void read_config(const struct drv_frame *frame, PyConfig *config)
{
    parse(frame, -1, config);
    const char *variable = config->use_environment ? getenv("PYTHONDEVMODE") : NULL;
    if (x_option(config, L"dev") != NULL || (variable != NULL && variable[0] != 0)) {
        PyConfig_Clear(config);
        parse(frame, 1, config);
    }
}

/* Whether this is a value of PYTHONMALLOC. */
static bool is_allocator(const char *name)
{
    static const char *const names[] = {
        "default",  "debug",          "malloc",   "malloc_debug",
        "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug",
    };
    size_t i = 0;
    while (i < sizeof(names) / sizeof(names[0]) && strcmp(name, names[i]) != 0) {
        i++;
    }
    return i < sizeof(names) / sizeof(names[0]);
}

/* Refuses values that CPython refuses in a part of its start that does not run here. What these
 * values ask for has no effect here. */
static void check_values(const PyConfig *config)
{
    const char *allocator = config->use_environment ? getenv("PYTHONMALLOC") : NULL;
    const wchar_t *frozen = x_option(config, L"frozen_modules");
    if (allocator != NULL && allocator[0] != 0 && !is_allocator(allocator)) {
        refuse("preconfig_init_allocator", "PYTHONMALLOC: unknown allocator", "preinitializing");
    }
    if (frozen != NULL && frozen[0] != 0 && wcscmp(frozen, L"on") != 0 &&
        wcscmp(frozen, L"off") != 0) {
        refuse(NULL, "bad value for option -X frozen_modules (expected \"on\" or \"off\")",
               "preinitialized");
    }
}

/* As preconfig_init_utf8_mode of CPython. The locale is C.UTF-8, so 0 changes nothing. */
static int utf8_mode(const PyConfig *config)
{
    const wchar_t *option = x_option(config, L"utf8");
    if (option != NULL) {
        if (option[0] == 0 || wcscmp(option, L"1") == 0) {
            return 1;
        }
        if (wcscmp(option, L"0") != 0) {
            refuse("preconfig_init_utf8_mode", "invalid -X utf8 option value", "preinitializing");
        }
        return 0;
    }
    const char *variable = config->use_environment ? getenv("PYTHONUTF8") : NULL;
    if (variable != NULL && variable[0] != 0 && strcmp(variable, "0") != 0) {
        if (strcmp(variable, "1") != 0) {
            refuse("preconfig_init_utf8_mode", "invalid PYTHONUTF8 environment variable value",
                   "preinitializing");
        }
        return 1;
    }
    return 0;
}

/* The limit that was asked for, -1 for none. PyConfig_Read() has checked that it is an allowed
 * number, and keeps it in a variable that is not exported. */
static int max_str_digits(const PyConfig *config)
{
    const wchar_t *option = x_option(config, L"int_max_str_digits");
    const char *variable = config->use_environment ? getenv("PYTHONINTMAXSTRDIGITS") : NULL;
    if (option != NULL) {
        return (int)wcstol(option, NULL, 10);
    }
    return variable != NULL && variable[0] != 0 ? (int)strtol(variable, NULL, 10) : -1;
}

/* Copies the numbers that CPython looks at each time when they matter. */
static void copy_numbers(PyConfig *live, const PyConfig *config)
{
    live->isolated = config->isolated;
    live->use_environment = config->use_environment;
    live->dev_mode = config->dev_mode;
    live->user_site_directory = config->user_site_directory;
    live->bytes_warning = config->bytes_warning;
    live->parser_debug = config->parser_debug;
    live->optimization_level = config->optimization_level;
    live->write_bytecode = config->write_bytecode;
    live->verbose = config->verbose;
    live->quiet = config->quiet;
    live->inspect = config->inspect;
    live->safe_path = config->safe_path;
    live->warn_default_encoding = config->warn_default_encoding;
    live->code_debug_ranges = config->code_debug_ranges;
    live->buffered_stdio = config->buffered_stdio;
    live->import_time = config->import_time;
    live->faulthandler = config->faulthandler;
    live->tracemalloc = config->tracemalloc;
    live->skip_source_first_line = config->skip_source_first_line;
    Py_IsolatedFlag = config->isolated;
    Py_IgnoreEnvironmentFlag = !config->use_environment;
    Py_NoUserSiteDirectory = !config->user_site_directory;
    Py_BytesWarningFlag = config->bytes_warning;
    Py_DebugFlag = config->parser_debug;
    Py_OptimizeFlag = config->optimization_level;
    Py_DontWriteBytecodeFlag = !config->write_bytecode;
    Py_VerboseFlag = config->verbose;
    Py_QuietFlag = config->quiet;
    Py_InspectFlag = config->inspect;
    Py_UnbufferedStdioFlag = !config->buffered_stdio;
}

static int set_flag(PyObject *flags, int at, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    PyObject *old = PyStructSequence_GetItem(flags, at);
    PyStructSequence_SetItem(flags, at, value);
    Py_XDECREF(old);
    return 0;
}

/* Sets sys.flags, as a part of _PySys_UpdateConfig does, which is not exported. The values are in
 * the order of the flags. -1 is for flags that cannot change after the start: site was imported and
 * the hash seed chosen. */
static int update_flags(const PyConfig *config, int utf8_mode, int max_str_digits)
{
    const int values[] = {
        config->parser_debug,
        config->inspect,
        config->interactive,
        config->optimization_level,
        !config->write_bytecode,
        !config->user_site_directory,
        -1, /* no_site */
        !config->use_environment,
        config->verbose,
        config->bytes_warning,
        config->quiet,
        -1, /* hash_randomization */
        config->isolated,
        config->dev_mode,
        utf8_mode,
        config->warn_default_encoding,
        config->safe_path,
        max_str_digits,
    };
    enum { DEV_MODE = 13, SAFE_PATH = 16 };
    PyObject *flags = PySys_GetObject("flags");
    for (int i = 0; flags != NULL && i < (int)(sizeof(values) / sizeof(values[0])); i++) {
        bool is_bool = i == DEV_MODE || i == SAFE_PATH;
        if (values[i] >= 0 &&
            set_flag(flags, i, is_bool ? PyBool_FromLong(values[i]) : PyLong_FromLong(values[i])) <
                0) {
            return -1;
        }
    }
    return flags == NULL ? -1
                         : PySys_SetObject("dont_write_bytecode",
                                           config->write_bytecode ? Py_False : Py_True);
}

static PyObject *decoded(const wchar_t *text)
{
    return PyUnicode_FromWideChar(text, -1);
}

/* Makes sys._xoptions: each option has its value, or True. */
static PyObject *x_options(const PyConfig *config)
{
    PyObject *dict = PyDict_New();
    for (Py_ssize_t i = 0; dict != NULL && i < config->xoptions.length; i++) {
        const wchar_t *option = config->xoptions.items[i], *equals = wcschr(option, L'=');
        PyObject *name =
            PyUnicode_FromWideChar(option, equals == NULL ? -1 : (Py_ssize_t)(equals - option));
        PyObject *value = equals == NULL ? Py_NewRef(Py_True) : decoded(equals + 1);
        if (name == NULL || value == NULL || PyDict_SetItem(dict, name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return dict;
}

static void apply_warnings(const PyConfig *config)
{
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < config->warnoptions.length; i++) {
        PyObject *option = decoded(config->warnoptions.items[i]);
        if (option == NULL || PyList_Append(list, option) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(option);
    }
    set_sys("warnoptions", Py_XNewRef(list));
    Py_DECREF(drv_import("warnings")); /* python3 imports it for these options alone */
    call("warnings", "_processoptions", list, "the warning options");
}

/* Puts the entries of PYTHONPATH into sys.path. Relative ones become absolute against the working
 * directory, as site makes them. The text is split at each colon, and empty parts are left out. */
static void apply_path(const char *value)
{
    PyObject *path = PySys_GetObject("path");
    PyObject *os_path = drv_import("os.path");
    for (Py_ssize_t at = 0; *value != 0;) {
        const char *end = strchrnul(value, ':');
        if (end > value) {
            PyObject *part = PyUnicode_DecodeFSDefaultAndSize(value, end - value);
            PyObject *entry =
                part == NULL ? NULL : PyObject_CallMethod(os_path, "abspath", "O", part);
            int known = entry == NULL || path == NULL ? -1 : PySequence_Contains(path, entry);
            if (known < 0 || (known == 0 && PyList_Insert(path, at, entry) < 0)) {
                PyErr_Print();
                drv_fail("cannot apply PYTHONPATH");
            }
            at++;
            Py_DECREF(entry);
            Py_DECREF(part);
        }
        value = *end == 0 ? end : end + 1;
    }
    Py_DECREF(os_path);
}

/* Takes the user's site directory out of sys.path, as site leaves it out when it is told so at the
 * start. */
static void leave_user_site(void)
{
    PyObject *site = drv_import("site");
    PyObject *path = PySys_GetObject("path");
    PyObject *own = PyObject_GetAttrString(site, "USER_SITE");
    Py_ssize_t at = own == NULL || path == NULL ? -1 : PySequence_Index(path, own);
    if (at >= 0) {
        must(PyObject_CallMethod(path, "pop", "n", at), "-s");
    }
    PyErr_Clear();
    if (PyObject_SetAttrString(site, "ENABLE_USER_SITE", Py_False) < 0) {
        PyErr_Print();
        drv_fail("cannot apply -s");
    }
    Py_XDECREF(own);
    Py_DECREF(site);
}

static void start_tracing(int frames)
{
    PyObject *tracemalloc = held_import("tracemalloc");
    PyObject *result = PyObject_CallMethod(tracemalloc, "start", "i", frames);
    if (result == NULL) {
        drv_refuse("init_interp_main: can't start tracemalloc");
    }
    Py_DECREF(result);
    Py_DECREF(tracemalloc);
}

/* Does what CPython does once while it starts. */
static void apply_acts(const PyConfig *config)
{
    const char *path = config->use_environment ? getenv("PYTHONPATH") : NULL;
    if (path != NULL) {
        apply_path(path);
    }
    if (!config->user_site_directory) {
        leave_user_site();
    }
    if (config->optimization_level > 0 &&
        PyDict_SetItemString(PyEval_GetBuiltins(), "__debug__", Py_False) < 0) {
        PyErr_Print();
        drv_fail("cannot set __debug__");
    }
    if (!config->buffered_stdio) {
        setvbuf(stdin, NULL, _IONBF, BUFSIZ);
        setvbuf(stdout, NULL, _IONBF, BUFSIZ);
        setvbuf(stderr, NULL, _IONBF, BUFSIZ);
    }
    if (config->faulthandler > 0) {
        call("faulthandler", "enable", NULL, "faulthandler");
    }
    if (config->tracemalloc > 0) {
        start_tracing(config->tracemalloc);
    }
    const int digits = max_str_digits(config);
    if (digits >= 0) {
        call("sys", "set_int_max_str_digits", PyLong_FromLong(digits), "int_max_str_digits");
    }
    if (config->pycache_prefix != NULL) {
        set_sys("pycache_prefix", decoded(config->pycache_prefix));
    }
    if (config->xoptions.length > 0) {
        set_sys("_xoptions", x_options(config));
    }
    if (config->warnoptions.length > 0) {
        apply_warnings(config);
    }
}

static void apply(const struct drv_frame *frame, struct drv_stdio *stdio)
{
    PyConfig *live = internal_config();
    static PyConfig config; /* the run uses its strings to its end */
    read_config(frame, &config);
    Py_UTF8Mode = utf8_mode(&config);
    internal_preconfig()->utf8_mode = Py_UTF8Mode;
    check_values(&config);
    copy_numbers(live, &config);
    if (update_flags(live, Py_UTF8Mode, max_str_digits(&config)) < 0) {
        PyErr_Print();
        drv_fail("cannot set sys.flags");
    }
    apply_acts(&config);
    stdio->unbuffered = !config.buffered_stdio;
    if (wcscasecmp(config.stdio_encoding, L"utf-8") != 0 ||
        wcscmp(config.stdio_errors, L"surrogateescape") != 0) {
        stdio->encoding = config.stdio_encoding;
        stdio->errors = config.stdio_errors;
    }
}

void pyenv_apply(const struct drv_frame *frame)
{
    struct drv_stdio stdio = {0};
    bool asked = frame->optc > 0;
    for (size_t i = 0; i < frame->envc; i++) {
        asked = asked || strncmp(frame->env[i], "PYTHON", 6) == 0;
        if (strncmp(frame->env[i], "TZ=", 3) == 0 && frame->env[i][3] != 0) {
            call("time", "tzset", NULL, "TZ");
        }
    }
    if (asked) {
        apply(frame, &stdio);
    }
    stdio_apply(&stdio);
}
