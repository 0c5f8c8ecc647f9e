// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a run, in place of Py_FinalizeEx. Some runs have started no thread, registered no
 * handler and left nothing that would be seen to die (__del__, a suspended generator, an open file,
 * a callback). Their streams are flushed, and that is all. For every other run the real
 * Py_FinalizeEx runs, but without destroying what was preloaded: nobody would see that, and it
 * costs more than most scripts. Three objects, called witnesses, see to that: Py_FinalizeEx lets go
 * of each at a known moment, and its destructor is ours.
 */
#include "driver.h"
#include "pyinternal.h"

#include <setjmp.h>

static PyObject *flush_name, *builtin_names;

static struct {
    PyObject *streams[3]; /* the output streams that the run began with; NULL for stdin */
    bool through;         /* Py_FinalizeEx must run to its end */
    jmp_buf out;
} end;

static int flush_stream(PyObject *stream, bool show)
{
    if (stream == NULL || stream == Py_None || survivors_closed(stream)) {
        return 0;
    }
    PyObject *result = PyObject_CallMethodNoArgs(stream, flush_name);
    if (result == NULL && show) {
        PyErr_FormatUnraisable("Exception ignored on flushing sys.stdout");
    }
    PyErr_Clear();
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* An error is shown for stdout alone, as in CPython. An error of either makes the exit status
 * 120. */
static int flush_streams(void)
{
    int out = flush_stream(PySys_GetObject("stdout"), true);
    int err = flush_stream(PySys_GetObject("stderr"), false);
    return out < 0 ? out : err;
}

/* The third witness: all modules are gone. Collects what only sys kept, and flushes what was
 * written last. Under python3 the destructors of the streams do that, but here the streams have
 * other owners. Nobody would see the rest of Py_FinalizeEx. */
static void on_builtins_clear(PyObject *capsule)
{
    (void)capsule;
    internal_gc_collect();
    (void)flush_stream(end.streams[1], false);
    (void)flush_stream(end.streams[2], false);
    if (!end.through) {
        longjmp(end.out, 1);
    }
}

/* The second witness: Py_FinalizeEx has collected what it could. Next it clears the modules that
 * are left, then sys and builtins. */
static void on_modules_clear(PyObject *capsule)
{
    PyObject *witness = drv_need(PyCapsule_New(&end, NULL, on_builtins_clear));
    (void)capsule;
    survivors_finalize();
    drv_must(PyDict_SetItemString(builtin_names, "pyhl", witness));
    Py_DECREF(witness);
}

/* Lets go of __main__ first, while preloaded modules can still be imported; afterwards they cannot.
 * multiprocessing has another name for __main__. */
static void drop_main(PyObject *modules)
{
    PyObject *main_one = PyDict_GetItemString(modules, "__main__");
    if (main_one != NULL && PyDict_GetItemString(modules, "__mp_main__") == main_one) {
        drv_must(PyDict_DelItemString(modules, "__mp_main__"));
    }
    const bool held = main_one != NULL && Py_REFCNT(main_one) > 1;
    drv_must(main_one == NULL ? 0 : PyDict_SetItemString(modules, "__main__", Py_None));
    survivors_hide_preloaded();
    drv_must(held ? PyDict_SetItemString(modules, "__main__", main_one) : 0);
}

/* The first witness: Py_FinalizeEx is clearing attributes of sys. Next it would put the streams
 * back and then let go of the modules. We do both here, so that __main__ goes first. Two kinds of
 * streams need all of Py_FinalizeEx: a stream of the script's own could tell that something was
 * left out, and for one that cannot be flushed only Py_FinalizeEx knows the status. */
static void on_specials_clear(PyObject *capsule)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *last_module = drv_need(PyModule_New("pyhl"));
    PyObject *witness = drv_need(PyCapsule_New(&end, NULL, on_modules_clear));
    Py_DECREF((PyObject *)PyCapsule_GetPointer(capsule, NULL));
    for (int i = 0; i < 3; i++) {
        PyObject *stream = PySys_GetObject(drv_stream_names[i][0]);
        PyObject *original = PySys_GetObject(drv_stream_names[i][1]);
        if (i > 0 && stream != NULL && stream != Py_None) {
            end.through |= stream != end.streams[i] || flush_stream(stream, false) < 0;
        }
        drv_must(PySys_SetObject(drv_stream_names[i][0], original == NULL ? Py_None : original));
    }
    drop_main(modules);
    drv_must(PyModule_AddObject(last_module, "end", witness));
    drv_must(PyDict_SetItemString(modules, "pyhl", last_module));
}

/* Puts the first witness into sys. It is a capsule whose destructor is ours, which tells that
 * Py_FinalizeEx has come to the place where it lets go of it. The other two follow from it. */
static void plant(void)
{
    PyObject *special = PySys_GetObject("__interactivehook__");
    PyObject *kept = Py_NewRef(special == NULL ? Py_None : special);
    PyObject *witness = drv_need(PyCapsule_New(kept, NULL, on_specials_clear));
    end.streams[1] = Py_XNewRef(PySys_GetObject("__stdout__"));
    end.streams[2] = Py_XNewRef(PySys_GetObject("__stderr__"));
    drv_must(PySys_SetObject("__interactivehook__", witness));
    Py_DECREF(witness);
}

/* Py_FinalizeEx as it was: the function that it goes on in, which takes the runtime. */
static int (*finalize_whole)(void *runtime);

static void (*run_ended)(void); /* NULL: nobody wants to know */

void final_watch(void (*ended)(void))
{
    run_ended = ended;
}

static int finalize(void *runtime)
{
    if (!Py_IsInitialized()) {
        return 0;
    }
    if (run_ended != NULL) {
        run_ended();
    }
    bool heard = internal_end_is_heard() || !PyDict_CheckExact(PyImport_GetModuleDict());
    if (!heard && !survivors_any()) {
        return flush_streams();
    }
    if (!heard) {
        plant();
    }
    return setjmp(end.out) == 0 ? finalize_whole(runtime) : 0;
}

/* In place of Py_Exit, which SystemExit ends in. */
static void leave(int status)
{
    run_ended = NULL;
    drv_leave(Py_FinalizeEx() < 0 ? 120 : status);
}

void final_remember(void)
{
    flush_name = drv_need(PyUnicode_InternFromString("flush"));
    builtin_names = PyModule_GetDict(drv_import("builtins"));
    /* Py_FinalizeEx lets go of the finders. Destroying them would write thousands of pages. */
    Py_XINCREF(PySys_GetObject("path_importer_cache"));
    *(void **)&finalize_whole = hook_copy("Py_FinalizeEx");
    hook_set("Py_FinalizeEx", (const void *)finalize);
    hook_set("Py_Exit", (const void *)leave);
}

void final_rehearse(void)
{
    (void)flush_streams();
    (void)survivors_any();
}
