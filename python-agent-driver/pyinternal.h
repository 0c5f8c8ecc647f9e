// SPDX-License-Identifier: Apache-2.0
/*
 * CPython, and what the driver needs of it that has no public call.
 */
#ifndef PYINTERNAL_H
#define PYINTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* pyinternal.c: the live configuration, which is the interpreter's to change. */
PyConfig *internal_config(void);
PyPreConfig *internal_preconfig(void);
/* Of one of the lists in it. */
void internal_clear_list(PyWideStringList *list);
/* Warnings that were shown while preloading are shown again, as if for the first time, to a script
 * that causes them. */
void internal_forget_warnings(void);
/* How many more keys the dict takes before CPython replaces its table by a larger one. */
Py_ssize_t internal_dict_room(PyObject *dict);
/* Another one after each change. */
uint64_t internal_dict_version(PyObject *dict);
/* Swap what is in them, touching none of it. */
void internal_swap_dicts(PyObject *one, PyObject *other);

/* Before the snapshot, all objects that the collector knows go out of its sight. */
void internal_gc_hide_all(void);
/* Put one of them back. */
void internal_gc_show(PyObject *op);
/* A run's object becomes as old as the interpreter, and nobody's to look for at the end. */
void internal_gc_adopt(PyObject *op);
/* All objects of the run that the collector knows, until one visit does not return 0: what it
 * returned. Meanwhile the collector does not run. */
int internal_gc_visit(visitproc visit, void *arg);
/* A collection as Py_FinalizeEx makes them: even when disabled, and telling no callback, nor is any
 * told from now on. */
void internal_gc_collect(void);

/* Something sees Py_FinalizeEx to its end: audit hooks, other interpreters. */
bool internal_end_is_heard(void);
/* The collector is watched, calls are pending, or verbose tells of each module. */
bool internal_collect_is_seen(void);
/* How many threads there ever were. */
uint64_t internal_threads_started(void);
/* How many functions atexit was given, and whether all of them are in this list. */
int internal_atexit_count(void);
bool internal_atexit_known(PyObject *functions);

/* Is this a value of PYTHONMALLOC? */
bool internal_is_allocator(const char *name);

#endif
