// SPDX-License-Identifier: Apache-2.0
/*
 * CPython's public header, and what the driver needs of CPython that has no public call. That ties
 * the driver to one version of CPython (images/python/image.mk: IMAGE_PYTHON).
 */
#ifndef PYINTERNAL_H
#define PYINTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX >> 16 != 0x030d
#error "the driver is written for CPython 3.13: this is another version's Python.h"
#endif

/* pyinternal.c: the interpreter's live configuration, which the driver may change. */
PyConfig *internal_config(void);
PyPreConfig *internal_preconfig(void);
/* Empty one of the lists in it. */
void internal_clear_list(PyWideStringList *list);
/* Free the strings that Py_RunMain copies from the configuration. It frees the old ones first, and
 * these lie all over the heap. */
void internal_drop_paths(void);
/* Count as taken, for good, the pools of pymalloc that nobody has, so that the next one comes from
 * a new arena. They are filled with zeroes: such pages take no room in the snapshot. */
void internal_take_free_pools(void);
/* Forget which warnings were shown while preloading. A script that causes one sees it as if for the
 * first time. */
void internal_forget_warnings(void);
/* How many more keys the dict takes before CPython replaces its table by a larger one. */
Py_ssize_t internal_dict_room(PyObject *dict);
/* A number that is another one after each change of the dict. */
uint64_t internal_dict_version(PyObject *dict);
/* Put a key with this hash and a value into a dict that was made by _PyDict_NewPresized, unless the
 * key is there already. Neither object is written: the dict gets the caller's references to them,
 * so the caller has at least one of each to spare. -1: the dict is of another form, or full. */
int internal_dict_give(PyObject *dict, PyObject *key, Py_hash_t hash, PyObject *value);
/* Swap the contents of two dicts, without touching any of it. */
void internal_swap_dicts(PyObject *one, PyObject *other);

/* Before the snapshot: take all objects that the collector knows out of its sight. */
void internal_gc_hide_all(void);
/* Visit those of these objects that were not visited yet. */
void internal_gc_visit_hidden(visitproc visit, void *arg);
/* Bring one of these objects back. */
void internal_gc_show(PyObject *op);
/* Hide an object of a run, too, as if it were as old as the interpreter: at the end nobody looks
 * for it. */
void internal_gc_adopt(PyObject *op);
/* Visit all objects of the run that the collector knows, until a visit does not return 0. Returns
 * what the last visit returned. The collector does not run meanwhile. */
int internal_gc_visit(visitproc visit, void *arg);
/* Collect as Py_FinalizeEx does: even when collection is disabled, and without telling callbacks.
 * From now on none is told. */
void internal_gc_collect(void);

/* Whether references to an object are not counted; stop counting them; the dict of all strings that
 * are interned. */
bool internal_is_immortal(PyObject *op);
void internal_make_immortal(PyObject *op);
PyObject *internal_interned(void);

/* Whether something watches Py_FinalizeEx to its end: audit hooks, other interpreters. */
bool internal_end_is_heard(void);
/* Whether something would notice a collection: the collector is watched, calls are pending, or
 * verbose tells of each module. */
bool internal_collect_is_seen(void);
/* Set the audit hooks, a list or NULL, and return those before. References are passed along. */
PyObject *internal_audit_hooks(PyObject *hooks);
/* Set which thread runs the handlers of signals, and return which one did; 0: none, they wait. */
unsigned long internal_main_thread(unsigned long ident);
/* How many calls deeper this thread may go than the program allows. */
void internal_allow_depth(int more);
/* How many threads were ever started. */
uint64_t internal_threads_started(void);
/* How many functions are registered with atexit, and whether all of them are in this list. */
int internal_atexit_count(void);
bool internal_atexit_known(PyObject *functions);
/* Take the function at a place among them out, and return a tuple of the arguments and keywords
 * with which it was registered; NULL: there is none. Its place stays, until
 * internal_atexit_close_up(). */
PyObject *internal_atexit_take(int place);
void internal_atexit_close_up(void);
/* The functions of os.register_at_fork(after_in_child=...), in their order; NULL: none. Borrowed.
 */
PyObject *internal_fork_hooks(void);

/* Whether somebody is told of each import: audit hooks, -X importtime, -v. */
bool internal_imports_are_heard(void);

/* Before the snapshot: find the parser, which is not exported. */
void internal_parse_remember(void);
/* Compile a cell: UTF-8 text, with flags of compile(). When it ends in an expression whose value is
 * a result, the code keeps that under the name `result`, and *shows becomes true. A semicolon after
 * the expression silences it. NULL with an exception set. */
PyObject *internal_compile_cell(const char *text, PyObject *name, int flags, PyObject *result,
                                bool *shows);

#endif
