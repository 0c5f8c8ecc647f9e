// SPDX-License-Identifier: Apache-2.0
/*
 * Turns the interpreter at the snapshot point into the one that `python3 SCRIPT ARGS` has before
 * its first line: environment, working directory, the script's file, argv, and the live PyConfig.
 * CPython's own Py_RunMain takes from that what to run, so __main__, tracebacks and exit rules are
 * CPython's.
 */
#include "driver.h"
#include "pyinternal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/abi.h"

/* Descriptors below this number are left for the script: its first open gets 3, as under
 * python3. */
#define HIGH_FD 1000

static PyObject *os_environ;
static PyObject *posix_environ;
static PyObject *argv_list, *orig_argv_list, *path_list; /* of sys */
static PyLongObject *start_time; /* of logging; NULL when that is not loaded */
static bool time_at_start;       /* logging is not held aside */

static _Noreturn void fail_python(const char *what)
{
    PyErr_Print();
    drv_fail("cannot prepare the run: %s", what);
}

static void check(int result, const char *what)
{
    if (result < 0) {
        fail_python(what);
    }
}

/* Keeps a new reference for good. */
static PyObject *keep(PyObject *object, const char *what)
{
    if (object == NULL) {
        fail_python(what);
    }
    return object;
}

static void check_status(PyStatus status, const char *what)
{
    if (PyStatus_Exception(status)) {
        drv_fail("cannot prepare the run: %s: %s", what,
                 status.err_msg == NULL ? "no reason given" : status.err_msg);
    }
}

/* Makes the frame's own list C's environ; a later setenv copies it. Mostly it is that already
 * (frame_place()). */
static void set_environ(const struct drv_frame *frame)
{
    if (environ != frame->env) {
        environ = frame->env;
    }
}

static bool show_bound(int which, const char *at)
{
    return prctl(PR_SET_MM, which, (unsigned long)at, 0, 0) == 0;
}

/* The start must at no time lie above the end. So both orders are tried: one of them does not make
 * the two cross. */
static void show_range(int start, int end, const char *from, const char *to)
{
    if (!(show_bound(end, to) && show_bound(start, from)) &&
        !(show_bound(start, from) && show_bound(end, to)) && errno != EPERM) {
        drv_fail("cannot show the run's strings in /proc: %s", strerror(errno));
    }
}

/* Makes /proc/self/cmdline and environ show the run. On plain Linux without CAP_SYS_RESOURCE they
 * go on to show the boot. */
static void show_strings(const struct drv_frame *frame)
{
    const char *env = frame->command, *env_end = env;
    if (frame->envc > 0) {
        const char *last = frame->env[frame->envc - 1];
        env = frame->env[0];
        env_end = last + strlen(last) + 1;
    }
    show_range(PR_SET_MM_ARG_START, PR_SET_MM_ARG_END, frame->command,
               frame->command + frame->command_len);
    show_range(PR_SET_MM_ENV_START, PR_SET_MM_ENV_END, env, env_end);
}

/* Put the environment into an empty dict of bytes as posix does. Of two equal names the first
 * counts. */
static void fill_environ(PyObject *dict, char **env)
{
    for (; *env != NULL; env++) {
        const char *equals = strchr(*env, '=');
        if (equals == NULL) {
            continue;
        }
        PyObject *name = PyBytes_FromStringAndSize(*env, equals - *env);
        PyObject *value = PyBytes_FromString(equals + 1);
        if (name == NULL || value == NULL || PyDict_SetDefault(dict, name, value) == NULL) {
            fail_python("os.environ");
        }
        Py_DECREF(name);
        Py_DECREF(value);
    }
}

static PyObject *module_attr(const char *module, const char *name)
{
    PyObject *owner = PyImport_ImportModule(module);
    PyObject *value = owner == NULL ? NULL : PyObject_GetAttrString(owner, name);
    if (value == NULL) {
        fail_python(name);
    }
    Py_DECREF(owner);
    return value;
}

/* logging counts time from its import. So it gets an integer of ours (ns), and a run that imports
 * it changes the value of that integer: nobody has seen it before the script. */
#define START_DIGITS 3 /* of PyLong_SHIFT bits: what all times from 2006 to 2262 have */

static void set_start_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    for (int i = 0; i < START_DIGITS; i++, ns >>= PyLong_SHIFT) {
        start_time->long_value.ob_digit[i] = (digit)(ns & PyLong_MASK);
    }
}

static void place_start_time(void)
{
    PyObject *logging = held_module("logging");
    if (logging != NULL) {
        keep(PyObject_GetAttrString(logging, "_startTime"), "logging");
        start_time = (PyLongObject *)keep(PyLong_FromLongLong(INT64_MAX), "logging");
        check(PyObject_SetAttrString(logging, "_startTime", (PyObject *)start_time), "logging");
    }
    if (PyErr_Occurred() != NULL) {
        fail_python("logging");
    }
    Py_XDECREF(logging);
    time_at_start = start_time != NULL && !held_prepare("logging", set_start_time);
}

/* Empties a list of sys. Returns a borrowed reference. */
static PyObject *emptied_list(const char *name)
{
    PyObject *list = PySys_GetObject(name);
    if (list == NULL || !PyList_CheckExact(list)) {
        drv_fail("sys.%s is not a list", name);
    }
    check(PyList_SetSlice(list, 0, PyList_GET_SIZE(list), NULL), name);
    return list;
}

/* os.environ and os.environb share one dict; posix has its own, from which os made it. They are
 * found before the snapshot, because an import costs many pages. They are emptied there, as
 * sys.argv is: a run that freed memory of before the snapshot would use it again, all over the
 * heap. */
void run_remember(void)
{
    PyObject *environ_object = module_attr("os", "environ");
    os_environ = PyObject_GetAttrString(environ_object, "_data");
    posix_environ = module_attr("posix", "environ");
    if (os_environ == NULL || !PyDict_CheckExact(os_environ) || !PyDict_CheckExact(posix_environ)) {
        fail_python("os.environ is not what CPython 3.13 makes it");
    }
    Py_DECREF(environ_object);
    PyDict_Clear(os_environ);
    PyDict_Clear(posix_environ);
    (void)emptied_list("argv");
    (void)emptied_list("orig_argv");
    internal_clear_list(&internal_config()->argv);
    path0_hook();
}

/* Makes a list of sys a new object, of which *kept has a reference. When others hold the old list
 * it stays: they would not see what the script sees. */
static void place_list(const char *name, PyObject **kept)
{
    PyObject *old = PySys_GetObject(name);
    if (old == NULL || !PyList_CheckExact(old)) {
        drv_fail("sys.%s is not a list", name);
    }
    const bool ours = old == *kept;
    if (Py_REFCNT(old) != 1 + ours) {
        *kept = old;
        return;
    }
    Py_INCREF(old); /* the old list is kept, so that a run does not use its memory */
    *kept = keep(PyList_GetSlice(old, 0, PyList_GET_SIZE(old)), name);
    check(PySys_SetObject(name, *kept), name);
}

void run_place(void)
{
    place_list("argv", &argv_list);
    place_list("orig_argv", &orig_argv_list);
    place_list("path", &path_list);
    place_start_time();
}

/* Make every directory that leads up to the last '/' of path, or the whole of it. */
static void make_directories(const char *path, bool whole)
{
    static char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof(part)) {
        drv_fail("path too long: %s", path);
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] == '/' || (whole && path[i] == 0)) {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0777) != 0 && errno != EEXIST && errno != EISDIR) {
                drv_fail("cannot make the directory %s: %s", part, strerror(errno));
            }
        }
    }
}

/* Whether a path lies where no file can be made, because the kernel makes what is there. */
static bool is_kernels(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0 ||
           strncmp(path, "/dev/", 5) == 0;
}

/* Enters the working directory. A directory of the host's /proc (a process's, say) has no like in
 * the guest: then the run begins in the root. */
static void enter_directory(const char *path)
{
    if (chdir(path) == 0) {
        return;
    }
    if (is_kernels(path) && chdir("/") == 0) {
        return;
    }
    make_directories(path, true);
    if (chdir(path) != 0) {
        drv_fail("cannot enter the working directory %s: %s", path, strerror(errno));
    }
}

static void write_fully(int fd, const char *data, size_t len, const char *path)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno != EINTR) {
            drv_fail("cannot write the script to %s: %s", path, strerror(errno));
        }
        if (put > 0) {
            data += put;
            len -= (size_t)put;
        }
    }
}

/* The number in /dev/fd/N and /proc/self/fd/N; 0 for /dev/stdin; -1 for another name. */
static int named_descriptor(const char *path)
{
    static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdin") == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        const size_t len = strlen(directories[i]);
        char *end;
        if (strncmp(path, directories[i], len) == 0 && path[len] >= '0' && path[len] <= '9') {
            long fd = strtol(path + len, &end, 10);
            return *end == 0 && fd < HIGH_FD ? (int)fd : -1;
        }
    }
    return -1;
}

/* Places a script that the shell gives as a descriptor: <(...), /dev/stdin. The guest has that
 * descriptor, too, read to its end, as it is under python3. */
static void place_descriptor(const struct drv_frame *frame, int as)
{
    char path[] = "/tmp/.pyhl-script-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        drv_fail("cannot make %s: %s", path, strerror(errno));
    }
    unlink(path);
    write_fully(fd, frame->source, frame->source_len, path);
    if (fd != as) {
        if (dup2(fd, as) < 0) {
            drv_fail("cannot make descriptor %d: %s", as, strerror(errno));
        }
        close(fd);
    }
}

/* Makes the script a file of the guest, so that open(__file__), inspect and linecache work. False:
 * it is a directory of the guest, whose __main__ python3 runs. */
static bool place_script(const struct drv_frame *frame)
{
    const char *path = frame->argv[0];
    if (named_descriptor(path) >= 0) {
        place_descriptor(frame, named_descriptor(path));
        return true;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 && errno == ENOENT) {
        make_directories(path, false);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    }
    if (fd < 0 && errno == EISDIR && frame->source_len == 0) {
        return false;
    }
    if (fd < 0) {
        drv_fail("cannot write the script to %s: %s", path, strerror(errno));
    }
    write_fully(fd, frame->source, frame->source_len, path);
    close(fd);
    return true;
}

/* Whether the text may be a zip archive: that ends with a record that starts so, and a comment of
 * at most 64 KiB. */
static bool may_be_zip(const char *data, size_t len)
{
    const size_t tail = 22 + 0xffff;
    size_t skip = len > tail ? len - tail : 0;
    return memmem(data + skip, len - skip, "PK\5\6", 4) != NULL;
}

/* The script was read from stdin to its end already. CPython gets it as a C stream of its own.
 * Descriptor 0 and sys.stdin are at end of file, as they are under python3. */
static void set_stdin_source(const struct drv_frame *frame)
{
    char path[] = "/tmp/.pyhl-stdin-XXXXXX";
    int low = mkostemp(path, O_CLOEXEC);
    if (low < 0) {
        drv_fail("cannot make %s: %s", path, strerror(errno));
    }
    unlink(path);
    write_fully(low, frame->source, frame->source_len, path);
    int fd = fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
    FILE *stream = fd < 0 || lseek(fd, 0, SEEK_SET) != 0 ? NULL : fdopen(fd, "r");
    if (stream == NULL) {
        drv_fail("cannot reopen the script read from stdin: %s", strerror(errno));
    }
    close(low);
    stdin = stream;
}

static void set_config_string(wchar_t **field, const char *value, const char *what)
{
    PyConfig *config = internal_config();
    check_status(PyConfig_SetBytesString(config, field, value), what);
}

static void config_command(PyConfig *config, const struct drv_frame *frame)
{
    char *command = malloc(frame->source_len + 2);
    if (command == NULL) {
        drv_fail("no memory for the code");
    }
    memcpy(command, frame->source, frame->source_len);
    memcpy(command + frame->source_len, "\n", 2);
    set_config_string(&config->run_command, command, "the code");
    free(command);
}

static void set_module(PyConfig *config, const struct drv_frame *frame)
{
    char *name = strndup(frame->source, frame->source_len);
    if (name == NULL) {
        drv_fail("no memory for the module's name");
    }
    set_config_string(&config->run_module, name, "the module's name");
    free(name);
}

/* Sets the script's name, made absolute as CPython makes it. */
static void set_filename(PyConfig *config, const char *path)
{
    static char absolute[2 * PATH_MAX];
    if (path[0] != '/') {
        if (getcwd(absolute, PATH_MAX) == NULL || strlen(path) >= PATH_MAX) {
            drv_fail("cannot make %s absolute", path);
        }
        strcat(strcat(absolute, "/"), path);
        path = absolute;
    }
    set_config_string(&config->run_filename, path, "the script's name");
}

/* Py_RunMain asks whether the script is a directory or archive to import __main__ from. For a plain
 * file the answer is no, and python3 remembers that. We put the answer there in advance: trying to
 * open the file as a zip archive would cost more than all the rest of starting a small script. */
static void set_no_importer(const wchar_t *filename)
{
    PyObject *cache = PySys_GetObject("path_importer_cache");
    PyObject *path = PyUnicode_FromWideChar(filename, -1);
    if (cache == NULL || path == NULL || PyDict_SetItem(cache, path, Py_None) < 0) {
        fail_python("sys.path_importer_cache");
    }
    Py_DECREF(path);
}

static void set_script(PyConfig *config, const struct drv_frame *frame)
{
    const bool file = place_script(frame);
    set_filename(config, frame->argv[0]);
    if (file && !may_be_zip(frame->source, frame->source_len)) {
        set_no_importer(config->run_filename);
        path0_script(frame->argv[0]);
    }
}

static void append_string(PyObject *list, PyWideStringList *wide, const char *text)
{
    PyObject *object = PyUnicode_DecodeFSDefault(text);
    if (object == NULL || PyList_Append(list, object) < 0) {
        fail_python("sys.argv");
    }
    Py_DECREF(object);
    if (wide != NULL) {
        wchar_t *decoded = Py_DecodeLocale(text, NULL);
        if (decoded == NULL) {
            drv_fail("no memory for sys.argv");
        }
        check_status(PyWideStringList_Append(wide, decoded), "sys.argv");
        PyMem_RawFree(decoded);
    }
}

static char *source_copy(const struct drv_frame *frame)
{
    char *copy = strndup(frame->source, frame->source_len);
    if (copy == NULL) {
        drv_fail("no memory for sys.orig_argv");
    }
    return copy;
}

/* Fills sys.argv, and sys.orig_argv with the command line that python3 would have had. */
static void set_argv(PyConfig *config, const struct drv_frame *frame)
{
    append_string(orig_argv_list, NULL, "python3");
    for (size_t i = 0; i < frame->optc; i++) {
        append_string(orig_argv_list, NULL, frame->options[i]);
    }
    for (size_t i = 0; i < frame->argc; i++) {
        append_string(argv_list, &config->argv, frame->argv[i]);
        append_string(orig_argv_list, NULL, frame->argv[i]);
        if (i == 0 && (frame->mode == HV_RUN_CODE || frame->mode == HV_RUN_MODULE)) {
            char *source = source_copy(frame);
            append_string(orig_argv_list, NULL, source);
            free(source);
        }
    }
}

static void set_what_to_run(const struct drv_frame *frame)
{
    PyConfig *config = internal_config();
    set_argv(config, frame);
    switch (frame->mode) {
    case HV_RUN_FILE:
        set_script(config, frame);
        break;
    case HV_RUN_CODE:
        config_command(config, frame);
        path0_code();
        held_give_linecache();
        break;
    case HV_RUN_MODULE:
        set_module(config, frame);
        break;
    case HV_RUN_STDIN:
        set_stdin_source(frame);
        break;
    default: /* a session's: session.c runs it */
        break;
    }
}

static void enter_environment(const struct drv_frame *frame)
{
    set_environ(frame);
    fill_environ(os_environ, frame->env);
    if (posix_environ != os_environ) {
        fill_environ(posix_environ, frame->env);
    }
    enter_directory(frame->cwd);
}

void run_lend(const struct drv_frame *frame)
{
    enter_environment(frame);
}

void run_take_back(void)
{
    PyDict_Clear(os_environ);
    PyDict_Clear(posix_environ);
    frame_place();
    enter_directory("/");
}

void run_prepare(const struct drv_frame *frame)
{
    enter_environment(frame);
    show_strings(frame);
    pyenv_apply(frame);
    reseed_all(frame->deterministic);
    if (time_at_start) {
        set_start_time();
    }
    set_what_to_run(frame);
}
