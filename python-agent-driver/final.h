// SPDX-License-Identifier: Apache-2.0
/*
 * What final.c (the order of the end), survivors.c (what is left of a run), teardown.c (destroying
 * modules) and hidden.c (what is none of a run's) share. For their use alone.
 */
#ifndef FINAL_H
#define FINAL_H

#include "driver.h"
#include "pyinternal.h"

/* What the search of the young generations found. */
struct survivors {
    size_t visible;     /* objects whose destruction could be seen from outside */
    PyObject **modules; /* borrowed; made by the run, in no order; the caller frees the array */
    size_t module_count;
    size_t module_room;
};

/* At the snapshot: what the handlers of preloaded modules work on. */
void shutdown_remember(PyInterpreterState *interp);
/* Look, as the end of a run does, whether there is anything to do. */
void shutdown_rehearse(PyInterpreterState *interp);
/* Join threads and run atexit handlers. */
void shutdown_run(PyThreadState *tstate);

/* At the snapshot: what is there before any run. */
void survivors_remember(PyInterpreterState *interp);
struct survivors survivors_search(PyInterpreterState *interp);
bool survivors_any(PyInterpreterState *interp);
/* __main__, borrowed, or NULL. */
PyObject *survivors_main(PyInterpreterState *interp);

/* Destroy __main__ and the modules made by the run; preloaded ones live on, out of reach. */
void teardown_run(PyThreadState *tstate);
/* Destroy every module. What was hidden is the collector's again. */
void teardown_all(PyThreadState *tstate);

/* hidden.c: before the snapshot, all objects that the collector knows go out of its sight. */
void hidden_take(struct _gc_runtime_state *gc);
/* A run's object becomes as old as the interpreter, and no other's to look for at the end. */
void hidden_adopt(PyObject *op);
/* To the oldest generation. */
void hidden_give_back(struct _gc_runtime_state *gc);

#endif
