// SPDX-License-Identifier: Apache-2.0
/*
 * CPython's own headers, its internal ones included: the driver sets the live configuration and
 * ends the interpreter piecewise, which the public interface has no calls for. Tied to
 * CPython 3.11, which the check below makes a compile-time error for any other.
 */
#ifndef PYINTERNAL_H
#define PYINTERNAL_H

#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE

#include <Python.h>
#include <internal/pycore_atomic.h>
#include <internal/pycore_ceval.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_initconfig.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pathconfig.h>
#include <internal/pycore_pylifecycle.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>
#include <internal/pycore_sysmodule.h>

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030c0000
#error "the driver is written against CPython 3.11's internal interfaces"
#endif

/* stdio.c: a new reference; without the module the process ends. */
PyObject *drv_import(const char *name);

#endif
