// SPDX-License-Identifier: Apache-2.0
/*
 * Brings the interpreter to the snapshot point. It is initialised as plain `python3` is. Everything
 * that the preload list names is imported, its lazy paths are exercised, and all of it is taken out
 * of the garbage collector's sight. Traces of importing that a script could trip over are removed.
 * A failure here ends the process: setup must not go on to snapshot half an interpreter.
 */
#include "driver.h"
#include "pyinternal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many descriptors are looked at: the guest's limit. */
#define DESCRIPTORS 1024

/* From here on they are the driver's own. */
#define HIGH_FD 1000

/* The line of a list before the packages. */
#define DIVISION "---"

static bool open_before[DESCRIPTORS];

/* Sets the environment of the boot, which no run sees. The image keeps caches in HOME. */
static void set_boot_environment(void)
{
    clearenv();
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
    setenv("HOME", "/root", 1);
    setenv("LANG", "C.UTF-8", 1);
}

static void initialize(void)
{
    static char name[] = "python3";
    char *argv[] = {name, NULL};
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesArgv(&config, 1, argv);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        drv_fail("Python does not start: %s",
                 status.err_msg == NULL ? "no reason given" : status.err_msg);
    }
}

static _Noreturn void fail_line(const char *preload, unsigned line, const char *text)
{
    PyErr_Print();
    drv_fail("%s:%u: cannot preload: %s", preload, line, text);
}

/* Whether the list ends at the line that divides it: PYHL_PRELOAD=plain. */
static bool is_plain(void)
{
    const char *what = getenv("PYHL_PRELOAD");
    if (what != NULL && strcmp(what, "plain") != 0) {
        drv_fail("PYHL_PRELOAD is '%s': it is 'plain', or not set", what);
    }
    return what != NULL;
}

static void preload_all(const char *preload, bool plain)
{
    static char buffer[1024];
    FILE *file = fopen(preload, "re");
    if (file == NULL) {
        drv_fail("cannot open %s: %s", preload, strerror(errno));
    }
    for (unsigned line = 1; fgets(buffer, sizeof(buffer), file) != NULL; line++) {
        if (strchr(buffer, '\n') == NULL && !feof(file)) {
            drv_fail("%s:%u: longer than %zu bytes", preload, line, sizeof(buffer) - 2);
        }
        char *text = preload_strip(buffer);
        if (text[0] == 0 || text[0] == '#') {
            continue;
        }
        if (strcmp(text, DIVISION) == 0) {
            if (plain) {
                break;
            }
            continue;
        }
        imports_begin_line();
        if (!preload_line(text)) {
            fail_line(preload, line, text);
        }
    }
    if (ferror(file)) {
        drv_fail("cannot read %s: %s", preload, strerror(errno));
    }
    fclose(file);
}

static bool fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void note_descriptors(void)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        open_before[fd] = fd_is_open(fd);
    }
}

static void name_descriptor(int fd, char *name, size_t size)
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, name, size - 1);
    if (len < 0) {
        len = snprintf(name, size, "%s", strerror(errno));
    }
    name[len] = 0;
}

/* Refuses a preload that leaves a descriptor open. A script that closes what it did not open, as
 * daemons do, would take it from the package. */
static void check_descriptors(const char *preload)
{
    char name[PATH_MAX];
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        if (fd_is_open(fd) && !open_before[fd]) {
            name_descriptor(fd, name, sizeof(name));
            drv_fail("%s leaves descriptor %d open (%s), which every script would see: "
                     "add a line that closes it, or drops what holds it",
                     preload, fd, name);
        }
    }
}

/* Hides everything from the collector but __main__, which is the script's: cycles through it must
 * be found. */
static void hide_all(void)
{
    PyObject *module = drv_need(PyImport_AddModule("__main__"));
    internal_gc_hide_all();
    internal_gc_show(module);
    internal_gc_show(PyModule_GetDict(module));
}

/* What was imported becomes what runs do not see, and do not pay for. */
static void become_quiet(void)
{
    survivors_remember();
    held_take();
    survivors_count_handlers();
    reseed_before_snapshot();
    hide_all();
    immortal_make();
    settle_memory();
}

void start_python(const char *preload)
{
    const bool plain = is_plain();
    note_descriptors();
    set_boot_environment();
    initialize();
    imports_record(NULL);
    preload_all(preload, plain);
    imports_stop();
    session_remember();
    run_remember();
    internal_forget_warnings();
    PyGC_Collect();
    check_descriptors(preload);
    final_remember();
    become_quiet();
}

/* Tells of descriptors that a line has left open. They stay: whoever has opened them may use them
 * later. Scripts see them, as under python3 after such an import. */
static void tell_descriptors(unsigned number, PyObject *line)
{
    char name[PATH_MAX];
    for (int fd = 0; fd < HIGH_FD; fd++) {
        if (fd_is_open(fd) && !open_before[fd]) {
            open_before[fd] = true;
            name_descriptor(fd, name, sizeof(name));
            session_tell_open(number, line, fd, name);
        }
    }
}

/* Imports what the frame's lines name. One that cannot be imported is told of, and the next one's
 * turn comes. */
static void import_lines(const struct drv_frame *frame)
{
    char *text = strndup(frame->source, frame->source_len), *rest = text;
    if (text == NULL) {
        drv_fail("no memory for %zu bytes of modules", frame->source_len);
    }
    for (unsigned number = 1; rest != NULL; number++) {
        char *line = preload_strip(strsep(&rest, "\n"));
        if (line[0] == 0 || line[0] == '#') {
            continue;
        }
        PyObject *name = drv_need(PyUnicode_DecodeFSDefault(line));
        imports_begin_line();
        session_tell_line(number, name, NULL);
        if (!preload_line(line)) {
            PyObject *raised = PyErr_GetRaisedException();
            session_tell_line(number, name, raised);
            Py_DECREF(raised);
        }
        tell_descriptors(number, name);
        Py_DECREF(name);
    }
    free(text);
}

int start_packages(const struct drv_frame *frame)
{
    if (frame->optc > 0) {
        dprintf(STDERR_FILENO, "pyhl: option '%s': packages are imported without options\n",
                frame->options[0]);
        return DRV_FAILED;
    }
    run_lend(frame);
    note_descriptors();
    session_add_packages();
    imports_record(held_list());
    import_lines(frame);
    imports_stop();
    session_tell_line(0, NULL, NULL);
    final_rehearse(); /* what they have printed is not the next run's output */
    run_take_back();
    fflush(NULL);
    internal_forget_warnings();
    PyGC_Collect();
    become_quiet();
    return 0;
}
