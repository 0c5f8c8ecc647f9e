// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver's files share, from top to bottom; README.md says what each is for. Nothing here
 * returns an error: what cannot be done ends the process with DRV_FAILED and a message.
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
#define DRV_PYTHON  "/usr/bin/python3.11"

typedef struct _object PyObject;

/* A run, decoded: all pointers are into one buffer that lives as long as the process. */
struct drv_frame {
    uint32_t mode; /* enum hv_run_mode */
    bool deterministic;
    size_t optc;
    char **options; /* of python3, before what it runs; not terminated */
    size_t argc;
    char **argv; /* NULL-terminated */
    size_t envc;
    char **env; /* NULL-terminated, "NAME=value" */
    const char *cwd;
    const char *source;
    size_t source_len;
    const char *command; /* python3's command line: strings, each with its NUL, in a row */
    size_t command_len;
};

/* start.c: initialise Python, import what the list names, warm, hide. */
void start_python(const char *preload);

/* settle.c: prepare memory for runs, before the snapshot. */
void settle_memory(void);

/* overtime.c: before the snapshot. */
void overtime_watch(void);

/* frame.c: read a whole frame from a device or file, and check every offset in it. */
struct drv_frame *frame_read(const char *path);
/* Before the snapshot: environ becomes the list, now empty, that frame_read() fills. */
void frame_place(void);

/* run.c: find what a run will need, before the snapshot. */
void run_remember(void);
/* Before the snapshot, when memory is settled: make a new object of each that a run changes. */
void run_place(void);
/* Apply the frame; then Py_RunMain does the rest. */
void run_prepare(const struct drv_frame *frame);

/* pyenv.c: options of python3, PYTHON* variables and TZ. */
void pyenv_apply(const struct drv_frame *frame);

/* stdio.c: what python3 would have made of descriptors 0 to 2. */
struct drv_stdio {
    bool unbuffered;
    const wchar_t *encoding, *errors; /* NULL, NULL: utf-8, surrogateescape */
};
void stdio_apply(const struct drv_stdio *how);
/* In sys, of descriptors 0 to 2: the stream, and the one it began with. */
extern const char *const drv_stream_names[3][2];

/* reseed.c: find random state and unseed what can be, before the snapshot; seed the rest in each
 * run. */
void reseed_before_snapshot(void);
void reseed_all(bool deterministic);

/* final.c: before the snapshot, take the place of Py_FinalizeEx, and remember what is there, to
 * recognise later what the run made. */
void final_remember(void);
/* Go through the end of a run that left nothing, before the snapshot. */
void final_rehearse(void);

/* survivors.c: before the snapshot, look at what is there before any run. */
void survivors_remember(void);
/* Is there anything of the run to join, to call or to be seen to die? */
bool survivors_any(void);
/* Call the finalizers of what is left, in the collector's order, as its last collection does under
 * python3 for what the preloaded modules alone hold. */
void survivors_finalize(void);
/* sys.modules becomes a dict with the run's modules alone. */
void survivors_hide_preloaded(void);
/* Does this object say that it is a closed file? */
bool survivors_closed(PyObject *file);

/* hook.c: from now on calls of the named function end up in the other. Not while it runs. */
void hook_set(const char *name, const void *instead);
/* That function as it is before, to be called: a copy of its first instructions and a jump to the
 * rest. Putting the instructions back in a run would cost 4 ms of page tables. */
void *hook_copy(const char *name);

/* leave.c: pyhl's own failure. */
_Noreturn void drv_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An exception is set: what the run asks for cannot be. Ends as python3 does while it starts;
 * the message is "FUNCTION: TEXT" of CPython. */
_Noreturn void drv_refuse(const char *message);
/* Flush C's streams and end the process at once. */
_Noreturn void drv_leave(int status);
/* What only a want of memory can make NULL, or negative. */
PyObject *drv_need(PyObject *object);
void drv_must(int rc);
/* A new reference; without the module the process ends. */
PyObject *drv_import(const char *name);
/* A new dict: the names that a text in Python leaves. An error ends the process: "cannot WHAT". */
PyObject *drv_run(const char *text, const char *what);

#endif
