// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver's files share, from top to bottom; README.md says what each is for. Nothing here
 * returns an error: a failure ends the process with DRV_FAILED and a message.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

/* The exit status that means "pyhl failed, not the script". */
#define DRV_FAILED 125

#define DRV_PRELOAD "/usr/lib/pyhl/preload.txt"
#define DRV_PYTHON  "/usr/bin/python3.13"

typedef struct _object PyObject;

/* A run, decoded. Its pointers hold until frame_next(), those of the first run for ever. */
struct drv_frame {
    uint32_t mode; /* enum hv_run_mode */
    bool deterministic;
    bool records;  /* the host takes them */
    bool restored; /* the machine was restored or rewound since the run before */
    bool lost;     /* there was no memory for it: of the strings and bytes it has none */
    size_t optc;
    char **options; /* of python3, which stand before what it runs; not terminated */
    size_t argc;
    char **argv; /* NULL-terminated */
    size_t envc;
    char **env; /* NULL-terminated, "NAME=value" */
    const char *cwd;
    const char *context; /* of a session's run; "": none was named */
    uint64_t cursor;
    const char *source;
    size_t source_len;
    const char *tools; /* HV_RECORD_TOOLS: functions of the host */
    size_t tools_len;
    const char *command; /* python3's command line: strings in a row, each with its NUL */
    size_t command_len;
};

/* preload.c: import the module that a line of a list names, or run its statement. The text is
 * without blanks at its ends, and may be changed. False: an exception is set. */
bool preload_line(char *text);
char *preload_strip(char *text);

/* start.c: initialise Python, import what the list names, warm, hide. */
void start_python(const char *preload);
/* Do the same once more with packages that came in later. Returns the run's status. */
int start_packages(const struct drv_frame *frame);

/* imports.c: before the preload, begin to record which modules an import brings. The list is that
 * of held_list(), which becomes the recorder's; NULL: nothing is held. */
void imports_record(PyObject *held);
/* Before each line of the list, and after the last. */
void imports_begin_line(void);
void imports_stop(void);
/* Return a dict of lists about the modules, one item each; imports.c says what they are.
 */
PyObject *imports_table(void);

/* place.c: before the snapshot, remember sys.path and the endings that files of modules have. */
void place_remember(PyObject *path, PyObject *endings);
/* Whether the import system would come to this entry of sys.path, and find no module of this name
 * before. */
bool place_is_first(PyObject *name, PyObject *place);

/* held.c: before the snapshot, hold aside what is not in sys.modules at the start of python3. */
void held_take(void);
/* Before more is imported: give up answering imports until the next held_take(). Returns a list of
 * what is held; imports.c says of what. */
PyObject *held_list(void);
/* A new reference to a module that is in sys.modules or held aside, or NULL with no error set. It
 * is not given to sys.modules. */
PyObject *held_module(const char *name);
/* The same, but a module that is neither is imported; without it the process ends. */
PyObject *held_import(const char *name);

/* Before the snapshot: have this called when a run is about to get a module that is held aside.
 * False: it is not held, or every run has it. */
bool held_prepare(const char *name, void (*action)(void));
/* Before the snapshot: what seeds instances of random.Random that seeded themselves while their
 * module was imported. It is called when a run gets that module. */
void held_seed_with(void (*seed)(PyObject *generator));
/* Put linecache into sys.modules, when the run's import system would find it. */
void held_give_linecache(void);

/* session.c: before the snapshot, import the session's modules, and leave no trace of that. */
void session_remember(void);
/* Make module `host` of the run's functions of the host, if it has any. */
void session_offer(const struct drv_frame *frame);
/* A script's exception has been printed: give it to the host as a record, too. */
void session_tell(void);
/* Let imports find packages that came in (session/packages.py). */
void session_add_packages(void);
/* Give the record of a line of a list: before its import, or with what that has raised. When it is
 * all over, number 0. */
void session_tell_line(unsigned number, PyObject *line, PyObject *raised);
/* The same for a descriptor that the line has left open, and what it leads to. */
void session_tell_open(unsigned number, PyObject *line, int fd, const char *what);
/* Go on from a first run that is a session's. */
_Noreturn void session_run(const struct drv_frame *frame);

/* service.c: before the snapshot, take the module that has the handlers. */
void service_remember(PyObject *services);
/* Do what the host asks for in a session, unseen by its program. Returns the run's status. */
int service_run(const struct drv_frame *frame);

/* settle.c: prepare memory for runs, before the snapshot. */
void settle_memory(void);

/* immortal.c: before the snapshot, let nobody count references to what is preloaded any more. */
void immortal_make(void);

/* overtime.c: before the snapshot, install the handler that ends a run whose time is over. */
void overtime_watch(void);

/* frame.c: read a whole frame from a device or file, and check every offset in it. */
struct drv_frame *frame_read(const char *path);
/* In a session: end the run with this status, and read the next one's frame. */
struct drv_frame *frame_next(int status);
/* After packages came in: end that run with this status, and read the next one's frame, as the
 * first of the machine was read. What the last one's pointers lead to is gone. */
struct drv_frame *frame_again(const char *path, int status);
/* Before the snapshot: make environ the list, now empty, that frame_read() fills. */
void frame_place(void);

/* run.c: before the snapshot, find what a run will need. */
void run_remember(void);
/* Before the snapshot, when memory is settled: replace each object that a run changes by a new
 * one. */
void run_place(void);
/* Packages that come in are imported in the environment and directory of their frame, which then
 * become again what they are before a run. */
void run_lend(const struct drv_frame *frame);
void run_take_back(void);
/* Apply the frame. Py_RunMain does the rest. */
void run_prepare(const struct drv_frame *frame);

/* path0.c: before the snapshot, get between Py_RunMain and the start of the script. */
void path0_hook(void);
/* Set sys.path[0] for code of -c, and for a script that is a plain file, instead of Py_RunMain. */
void path0_code(void);
void path0_script(const char *script);

/* pyenv.c: apply options of python3, PYTHON* variables and TZ. */
void pyenv_apply(const struct drv_frame *frame);

/* stdio.c: make the streams that python3 would have made of descriptors 0 to 2. */
struct drv_stdio {
    bool unbuffered;
    const wchar_t *encoding, *errors; /* NULL, NULL: utf-8, surrogateescape */
};
void stdio_apply(const struct drv_stdio *how);
/* The names in sys of each of descriptors 0 to 2: the stream, and the stream it began with. */
extern const char *const drv_stream_names[3][2];

/* reseed.c: before the snapshot, find random state and put back to "not seeded" what can be; in
 * each run, seed the rest. */
void reseed_before_snapshot(void);
void reseed_all(bool deterministic);
/* In a session that has run before, in a machine that may be a copy: as os.fork() does in a child.
 */
void reseed_restored(void);

/* final.c: before the snapshot, take the place of Py_FinalizeEx. Remember the objects that exist,
 * so that those of the run can be recognised later. */
void final_remember(void);
/* In a run: what is called when its program has ended, by an exception or not, unless that was
 * SystemExit. */
void final_watch(void (*ended)(void));
/* Before the snapshot, go through the end of a run that left nothing. */
void final_rehearse(void);

/* survivors.c: before the snapshot, remember what is there before any run. */
void survivors_remember(void);
/* The same of handlers of atexit, when those are gone that come with a module. */
void survivors_count_handlers(void);
/* Whether the run has left anything to join, to call or to be seen to die. */
bool survivors_any(void);
/* Call the finalizers of the run's objects that the preloaded modules alone hold, in the
 * collector's order. Under python3 the collector's last collection calls them. */
void survivors_finalize(void);
/* Make sys.modules a dict with the run's modules alone. */
void survivors_hide_preloaded(void);
/* Whether this object says that it is a closed file. */
bool survivors_closed(PyObject *file);

/* hook.c: from now on calls of the named function end up in the other. The function must not be
 * running. */
void hook_set(const char *name, const void *instead);
/* Before hook_set(): a copy of the function that can be called later. It is a copy of the first
 * instructions and a jump to the rest. Putting the instructions back in a run would cost 4 ms of
 * page tables. */
void *hook_copy(const char *name);

/* Before the snapshot: the function that the named one calls next after its first call of `first`.
 * So functions are found that are not exported. */
void *hook_call_after(const char *name, const char *first);

/* leave.c: end the process because pyhl itself has failed. */
_Noreturn void drv_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* End the process as python3 does when its start fails. An exception is set, because something that
 * the run asks for cannot be done. The message is "FUNCTION: TEXT" of CPython. */
_Noreturn void drv_refuse(const char *message);
/* Flush C's streams and end the process at once. */
_Noreturn void drv_leave(int status);
/* For results that are NULL or negative only when memory is out: then the process ends. */
PyObject *drv_need(PyObject *object);
void drv_must(int rc);
/* A new reference; without the module the process ends. */
PyObject *drv_import(const char *name);
/* Run a text in Python and return a new dict of the names that it leaves. An error ends the
 * process: "cannot WHAT". */
PyObject *drv_run(const char *text, const char *what);
/* The same, with names that are there. */
void drv_run_in(PyObject *names, const char *text, const char *what);

#endif
