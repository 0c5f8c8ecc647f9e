// SPDX-License-Identifier: Apache-2.0
/*
 * Runs in place of python3's main: boots CPython with its packages, waits on the run device (there
 * the snapshot is taken), then becomes `python3 SCRIPT ARGS` and exits with its status. Usage:
 * driver [FRAME [PRELOAD]], where FRAME is a file that stands for the device and PRELOAD one that
 * stands for the list of modules, so that all of it can be tried on plain Linux.
 */
#include "driver.h"
#include "pyinternal.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/abi.h"

extern FILE *_IO_list_all;

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

/* Every C stream, from glibc's list. Like its own flush at exit, without locks. */
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

int driver_main(int argc, char **argv)
{
    /* One CPU: an arena for each thread would only cost address space and page-table writes. */
    mallopt(M_ARENA_MAX, 1);
    start_python(argc > 2 ? argv[2] : DRV_PRELOAD);
    overtime_watch();
    struct drv_frame *frame = frame_read(argc > 1 ? argv[1] : HV_RUN_DEVICE);
    /* Everything from here on happens anew in every run. */
    run_prepare(frame);
    drv_leave(Py_RunMain());
}
