// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver takes from CPython's internal headers; no other file includes them. Tied to
 * CPython 3.11, which the check below makes a compile-time error for any other.
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE

#include "driver.h"
#include "pyinternal.h"

#include <internal/pycore_dict.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_initconfig.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pymem.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>

#include <string.h>

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030c0000
#error "the driver is written against CPython 3.11's internal interfaces"
#endif

/* Everything made before the snapshot is out of the garbage collector's sight, in a list of our
 * own: in that of gc.freeze(), gc.unfreeze() would bring it all back, and each full collection of
 * the script would look at it. An object leaves the list as it leaves any other: its neighbours are
 * told. */
static PyGC_Head hidden = {(uintptr_t)&hidden, (uintptr_t)&hidden};

static PyInterpreterState *interpreter(void)
{
    return _PyInterpreterState_GET();
}

PyConfig *internal_config(void)
{
    return &interpreter()->config;
}

PyPreConfig *internal_preconfig(void)
{
    return &_PyRuntime.preconfig;
}

void internal_clear_list(PyWideStringList *list)
{
    _PyWideStringList_Clear(list);
}

void internal_forget_warnings(void)
{
    interpreter()->warnings.filters_version++;
}

Py_ssize_t internal_dict_room(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_keys->dk_usable;
}

uint64_t internal_dict_version(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_version_tag;
}

void internal_swap_dicts(PyObject *one, PyObject *other)
{
    PyDictObject *a = (PyDictObject *)one, *b = (PyDictObject *)other;
    const PyDictObject kept = *a;
    a->ma_used = b->ma_used;
    a->ma_version_tag = b->ma_version_tag;
    a->ma_keys = b->ma_keys;
    a->ma_values = b->ma_values;
    b->ma_used = kept.ma_used;
    b->ma_version_tag = kept.ma_version_tag;
    b->ma_keys = kept.ma_keys;
    b->ma_values = kept.ma_values;
}

/* Move what is in a list to the end of the hidden ones. */
static void hide(PyGC_Head *from)
{
    PyGC_Head *first = _PyGCHead_NEXT(from), *last = _PyGCHead_PREV(from);
    PyGC_Head *end = _PyGCHead_PREV(&hidden);
    if (first == from) {
        return;
    }
    _PyGCHead_SET_NEXT(end, first);
    _PyGCHead_SET_PREV(first, end);
    _PyGCHead_SET_NEXT(last, &hidden);
    _PyGCHead_SET_PREV(&hidden, last);
    _PyGCHead_SET_NEXT(from, from);
    _PyGCHead_SET_PREV(from, from);
}

void internal_gc_hide_all(void)
{
    struct _gc_runtime_state *gc = &interpreter()->gc;
    for (int i = NUM_GENERATIONS - 1; i >= 0; i--) {
        hide(&gc->generations[i].head);
        gc->generations[i].count = 0;
    }
    hide(&gc->permanent_generation.head);
    memset(gc->generation_stats, 0, sizeof(gc->generation_stats));
}

void internal_gc_show(PyObject *op)
{
    if (PyObject_GC_IsTracked(op)) {
        PyObject_GC_UnTrack(op);
        PyObject_GC_Track(op);
    }
}

void internal_gc_adopt(PyObject *op)
{
    PyGC_Head *gc = _Py_AS_GC(op), *next = _PyGCHead_NEXT(&hidden);
    PyObject_GC_UnTrack(op);
    _PyGCHead_SET_PREV(gc, &hidden);
    _PyGCHead_SET_NEXT(gc, next);
    _PyGCHead_SET_NEXT(&hidden, gc);
    _PyGCHead_SET_PREV(next, gc);
}

static bool visit_list(PyGC_Head *head, internal_visit *visit, void *arg)
{
    for (PyGC_Head *gc = _PyGCHead_NEXT(head); gc != head; gc = _PyGCHead_NEXT(gc)) {
        if (visit((PyObject *)(gc + 1), arg)) {
            return true;
        }
    }
    return false;
}

bool internal_gc_visit(internal_visit *visit, void *arg, bool frozen_too)
{
    struct _gc_runtime_state *gc = &interpreter()->gc;
    bool found = false;
    for (int i = NUM_GENERATIONS - 1; i >= 0 && !found; i--) {
        found = visit_list(&gc->generations[i].head, visit, arg);
    }
    return found || (frozen_too && visit_list(&gc->permanent_generation.head, visit, arg));
}

void internal_gc_collect(void)
{
    struct _gc_runtime_state *gc = &interpreter()->gc;
    PyObject *callbacks = gc->callbacks;
    const int enabled = gc->enabled;
    gc->callbacks = NULL;
    gc->enabled = 1;
    PyGC_Collect();
    gc->enabled = enabled;
    gc->callbacks = callbacks;
}

bool internal_end_is_heard(void)
{
    const PyInterpreterState *interp = interpreter();
    return interp->next != NULL || interp->audit_hooks != NULL;
}

bool internal_collect_is_seen(void)
{
    const PyInterpreterState *interp = interpreter();
    const struct _gc_runtime_state *gc = &interp->gc;
    return interp->config.verbose != 0 || gc->debug != 0 || PyList_GET_SIZE(gc->callbacks) != 0 ||
           PyList_GET_SIZE(gc->garbage) != 0 ||
           _Py_atomic_load_relaxed(&interp->ceval.pending.calls_to_do) != 0;
}

uint64_t internal_threads_started(void)
{
    return interpreter()->threads.next_unique_id;
}

int internal_atexit_count(void)
{
    return interpreter()->atexit.ncallbacks;
}

PyObject *internal_atexit_function(int i)
{
    const atexit_callback *callback = interpreter()->atexit.callbacks[i];
    return callback == NULL ? NULL : callback->func;
}

bool internal_is_allocator(const char *name)
{
    PyMemAllocatorName allocator;
    return _PyMem_GetAllocatorName(name, &allocator) == 0;
}
