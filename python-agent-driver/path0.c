// SPDX-License-Identifier: Apache-2.0
/*
 * Sets sys.path[0], in place of Py_RunMain. CPython's function for it has four paths of wide
 * characters on its stack, 64 KiB, and writes each page of that to see whether it is there. So each
 * run would write 16 pages for nothing.
 *
 * Py_RunMain leaves sys.path alone when the configuration says so (safe_path, -P). It reads that
 * once, and then calls _PyInterpreterState_SetRunningMain, where the configuration becomes what it
 * was.
 */
#include "driver.h"
#include "pyinternal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int (*set_running_main)(PyInterpreterState *interp);
static bool taken; /* sys.path[0] is set already */

static int on_running_main(PyInterpreterState *interp)
{
    if (taken) {
        internal_config()->safe_path = 0;
        taken = false;
    }
    return set_running_main(interp);
}

void path0_hook(void)
{
    *(void **)&set_running_main = hook_copy("_PyInterpreterState_SetRunningMain");
    hook_set("_PyInterpreterState_SetRunningMain", (const void *)on_running_main);
}

/* Interpreters that the script makes take theirs from the configuration. */
static void set(const char *directory)
{
    PyConfig *config = internal_config();
    PyObject *path = PySys_GetObject("path");
    PyObject *entry = drv_need(PyUnicode_DecodeFSDefault(directory));
    drv_must(path == NULL ? -1 : PyList_Insert(path, 0, entry));
    Py_DECREF(entry);
    const PyStatus status = PyConfig_SetBytesString(config, &config->sys_path_0, directory);
    drv_must(PyStatus_Exception(status) ? -1 : 0);
    config->safe_path = 1;
    taken = true;
}

void path0_code(void)
{
    if (internal_config()->safe_path == 0) {
        set("");
    }
}

/* The directory of the file that the script's name leads to. */
void path0_script(const char *script)
{
    char path[PATH_MAX];
    char *slash = realpath(script, path) == NULL ? NULL : strrchr(path, '/');
    if (internal_config()->safe_path == 0 && slash != NULL) {
        slash[slash == path] = 0;
        set(path);
    }
}
