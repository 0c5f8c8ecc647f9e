// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver's files share. The order of a run is in driver.c; frame.c takes the run off the
 * device, start.c brings the interpreter to the snapshot point, run.c turns a frame into the state
 * that `python3` would have before its first line, pyenv.c honours PYTHON* variables, stdio.c makes
 * the standard streams where they are no pipes, overtime.c writes what is buffered when a run's
 * time is over, reseed.c makes random sources differ between restores, final.c ends the interpreter
 * as python3 visibly does. Nothing here returns an error: what cannot be done ends the process with
 * DRV_FAILED and a message.
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

/* driver.c: what runs instead of python3's main. */
int driver_main(int argc, char **argv);
_Noreturn void drv_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Flush C's streams and end the process at once. */
_Noreturn void drv_leave(int status);

/* frame.c: read a whole frame from a device or file, and check every offset in it. */
struct drv_frame *frame_read(const char *path);
/* Before the snapshot: environ becomes the list, now empty, that frame_read() fills. */
void frame_place(void);

/* start.c: initialise Python, import what the list names, warm, hide. */
void start_python(const char *preload);

/* run.c: find what a run will need, before the snapshot. */
void run_remember(void);
/* Before the snapshot, when memory is settled: make anew what a run changes. */
void run_place(void);
/* Apply the frame; then Py_RunMain does the rest. */
void run_prepare(const struct drv_frame *frame);

/* pyenv.c */
void pyenv_apply(const struct drv_frame *frame);
/* An exception is set: what the run asks for cannot be. Ends as python3 does while it starts;
 * the message is "FUNCTION: TEXT" of CPython. */
_Noreturn void pyenv_refuse(const char *message);

/* stdio.c: what python3 would have made of descriptors 0 to 2. */
struct drv_stdio {
    bool unbuffered;
    const wchar_t *encoding, *errors; /* NULL, NULL: utf-8, surrogateescape */
};
void stdio_apply(const struct drv_stdio *how);
/* In sys, of descriptors 0 to 2: the stream, and the one it began with. */
extern const char *const drv_stream_names[3][2];

/* overtime.c: before the snapshot. */
void overtime_watch(void);

/* reseed.c: find random state and unseed what can be, before the snapshot; seed the rest in each
 * run. */
void reseed_before_snapshot(void);
void reseed_all(bool deterministic);

/* Go through the end of a run that left nothing, before the snapshot. */
void final_rehearse(void);

/* settle.c: prepare memory for runs, before the snapshot. */
void settle_memory(void);

/* final.c: what to remember at the snapshot point to recognise later what the run made. */
void final_remember(void);

#endif
