// SPDX-License-Identifier: Apache-2.0
/*
 * Everything made before the snapshot is out of the garbage collector's sight, in a list of our
 * own: in that of gc.freeze(), gc.unfreeze() would bring it all back, and each full collection of
 * the script would look at it. An object leaves the list as it leaves any other: its neighbours are
 * told.
 */
#include "final.h"

#include <string.h>

static PyGC_Head hidden = {(uintptr_t)&hidden, (uintptr_t)&hidden};

/* Move what is in one list to the end of another. */
static void splice(PyGC_Head *from, PyGC_Head *to)
{
    PyGC_Head *first = _PyGCHead_NEXT(from), *last = _PyGCHead_PREV(from);
    PyGC_Head *end = _PyGCHead_PREV(to);
    if (first == from) {
        return;
    }
    _PyGCHead_SET_NEXT(end, first);
    _PyGCHead_SET_PREV(first, end);
    _PyGCHead_SET_NEXT(last, to);
    _PyGCHead_SET_PREV(to, last);
    _PyGCHead_SET_NEXT(from, from);
    _PyGCHead_SET_PREV(from, from);
}

void hidden_take(struct _gc_runtime_state *gc)
{
    for (int i = NUM_GENERATIONS - 1; i >= 0; i--) {
        splice(&gc->generations[i].head, &hidden);
        gc->generations[i].count = 0;
    }
    splice(&gc->permanent_generation.head, &hidden);
    memset(gc->generation_stats, 0, sizeof(gc->generation_stats));
}

void hidden_adopt(PyObject *op)
{
    PyGC_Head *gc = _Py_AS_GC(op), *next = _PyGCHead_NEXT(&hidden);
    PyObject_GC_UnTrack(op);
    _PyGCHead_SET_PREV(gc, &hidden);
    _PyGCHead_SET_NEXT(gc, next);
    _PyGCHead_SET_NEXT(&hidden, gc);
    _PyGCHead_SET_PREV(next, gc);
}

void hidden_give_back(struct _gc_runtime_state *gc)
{
    splice(&hidden, &gc->generations[NUM_GENERATIONS - 1].head);
}
