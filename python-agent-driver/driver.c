// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's main, which runs in place of python3's. It boots CPython with its packages and waits
 * on the run device, where the snapshot is taken. Then it becomes `python3 SCRIPT ARGS` and exits
 * with its status, or a session, which takes one run after the other. Usage: driver [FRAME
 * [PRELOAD]]. FRAME is a file in place of the device, and PRELOAD one in place of the list of
 * modules, so that all of it can be tried on plain Linux.
 */
#include "driver.h"
#include "pyinternal.h"

#include <dlfcn.h>
#include <malloc.h>

#include "vmm/abi.h"

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void),
                           void (*)(void), void *);

start_function __libc_start_main __attribute__((visibility("default")));

static int driver_main(int argc, char **argv, char **env)
{
    (void)env;
    /* One CPU: an arena for each thread would only cost address space and page-table writes. */
    mallopt(M_ARENA_MAX, 1);
    start_python(argc > 2 ? argv[2] : DRV_PRELOAD);
    overtime_watch();
    const char *device = argc > 1 ? argv[1] : HV_RUN_DEVICE;
    struct drv_frame *frame = frame_read(device);
    /* Every run begins here, with the snapshot. Packages become a part of what runs begin with. */
    while (frame->mode == HV_RUN_PRELOAD) {
        frame = frame_again(device, start_packages(frame));
    }
    run_prepare(frame);
    session_offer(frame);
    if (frame->records) {
        final_watch(session_tell);
    }
    if (frame->mode >= HV_RUN_CELL) {
        session_run(frame);
    }
    drv_leave(Py_RunMain());
}

/* The first instructions of a program call this function. The dynamic linker finds the one of a
 * preloaded library before the C library's. */
int __libc_start_main(main_function *main_of_python, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    start_function *next;
    (void)main_of_python;
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    return next(driver_main, argc, argv, init, fini, rtld_fini, stack_end);
}
