// SPDX-License-Identifier: Apache-2.0
/*
 * What a run has left, its survivors: threads, handlers of atexit, and objects that would be seen
 * to die. The collector's lists hold exactly the objects made since the snapshot. An object whose
 * type does not tell counts as one that would be seen.
 */
#include "driver.h"
#include "pyinternal.h"

#include <string.h>

/* Finds what is there before any run.
 *
 * The preloaded modules have handlers of atexit, which mostly touch a hundred pages to find nothing
 * to do. So the containers that these and threading work on are watched: while they have the size
 * that they had at the snapshot, there is nothing to do.
 *
 * The names of living modules live on under python3, too, when the rest is collected, because
 * handlers of fork and C code hold functions of these modules. unreached() looks at all objects
 * that the last collection left. It returns those that neither the living modules nor the given
 * objects lead to. */
static const char preparation[] =
    "import gc, sys, threading\n"
    "def find(*places):\n"
    "    return [eval(name, vars(sys.modules[module])) for module, name in places\n"
    "            if module in sys.modules]\n"
    "handlers = find(('logging', 'shutdown'),\n"
    "                ('multiprocessing.util', '_exit_function'),\n"
    "                ('matplotlib._pylab_helpers', 'Gcf.destroy_all'),\n"
    "                ('openpyxl.worksheet._writer', '_openpyxl_shutdown'),\n"
    "                ('PIL.Image', 'core.clear_cache'))\n"
    "containers = find(('threading', '_threading_atexits'),\n"
    "                  ('logging', '_handlerList'),\n"
    "                  ('multiprocessing.util', '_finalizer_registry'),\n"
    "                  ('multiprocessing.process', '_children'),\n"
    "                  ('matplotlib._pylab_helpers', 'Gcf.figs'),\n"
    "                  ('openpyxl.worksheet._writer', 'ALL_TEMP_FILES'))\n"
    "sizes = [len(container) for container in containers]\n"
    "names_of_threading, threads = vars(threading), threading._active\n"
    "preloaded = {id(op) for module in sys.modules.values()\n"
    "             if module is not sys.modules['__main__']\n"
    "             for op in (module, getattr(module, '__dict__', module))}\n"
    "living = [vars(sys.modules[name]) for name in\n"
    "          ('sys', 'asyncio.events', 'logging', 'random', 'threading')\n"
    "          if name in sys.modules]\n"
    "def unreached(roots, living=living, id=id, objects=gc.get_objects,\n"
    "              referents=gc.get_referents):\n"
    "    left = {id(op): op for op in objects(2)}\n"
    "    roots += living\n"
    "    while roots:\n"
    "        roots = [op for op in referents(*roots) if left.pop(id(op), None) is not None]\n"
    "    return [*left.values()]\n";

#define CALLS 8 /* more nested calls than unreached() makes */

static struct {
    PyObject *containers, *sizes;
    PyObject *names_of_threading, *threads;
    PyObject *preloaded, *unreached;
    PyObject *known;                 /* handlers of atexit */
    PyObject *closed, *gi_suspended; /* names of attributes */
    uint64_t threading_version;
    uint64_t threads_started;
    int handlers; /* -1: there is one that is not known */
} kept;

void survivors_remember(void)
{
    PyObject *names = drv_run(preparation, "find what is there before a run");
    kept.containers = PyDict_GetItemString(names, "containers");
    kept.sizes = PyDict_GetItemString(names, "sizes");
    kept.names_of_threading = PyDict_GetItemString(names, "names_of_threading");
    kept.threads = PyDict_GetItemString(names, "threads");
    kept.preloaded = PyDict_GetItemString(names, "preloaded");
    kept.unreached = PyDict_GetItemString(names, "unreached");
    kept.closed = drv_need(PyUnicode_InternFromString("closed"));
    kept.gi_suspended = drv_need(PyUnicode_InternFromString("gi_suspended"));
    kept.threading_version = internal_dict_version(kept.names_of_threading);
    kept.known = PyDict_GetItemString(names, "handlers");
    kept.threads_started = internal_threads_started();
}

void survivors_count_handlers(void)
{
    kept.handlers = internal_atexit_known(kept.known) ? internal_atexit_count() : -1;
}

/* Whether there is no thread to join, and no handler has anything to do. */
static bool is_idle(void)
{
    bool idle = internal_atexit_count() == kept.handlers &&
                internal_threads_started() == kept.threads_started &&
                internal_dict_version(kept.names_of_threading) == kept.threading_version;
    for (Py_ssize_t i = 0; idle && i < PyList_GET_SIZE(kept.containers); i++) {
        idle = PyObject_Size(PyList_GET_ITEM(kept.containers, i)) ==
               PyLong_AsSsize_t(PyList_GET_ITEM(kept.sizes, i));
    }
    return idle;
}

static bool attribute_true(PyObject *op, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(op, name);
    const bool yes = value != NULL && PyObject_IsTrue(value) == 1;
    Py_XDECREF(value);
    PyErr_Clear();
    return yes;
}

bool survivors_closed(PyObject *file)
{
    return attribute_true(file, kept.closed);
}

/* Whether this is a module of the snapshot, or the dict of its names. */
static bool is_preloaded(PyObject *op)
{
    PyObject *address = drv_need(PyLong_FromVoidPtr(op));
    const bool found = PySet_Contains(kept.preloaded, address) == 1;
    Py_DECREF(address);
    return found;
}

/* Whether somebody could see a weak reference's callback. One in C, or of a preloaded module, only
 * keeps tables in order. */
static bool callback_visible(PyObject *callback)
{
    if (callback == NULL || PyCFunction_Check(callback)) {
        return false;
    }
    if (PyMethod_Check(callback)) {
        callback = PyMethod_GET_FUNCTION(callback);
    }
    return !PyFunction_Check(callback) || !is_preloaded(PyFunction_GET_GLOBALS(callback));
}

/* Whether anything outside the process could tell that this object is destroyed. */
static int death_visible(PyObject *op, void *unused)
{
    PyTypeObject *type = Py_TYPE(op);
    (void)unused;
    if (PyWeakref_Check(op)) {
        return callback_visible(((PyWeakReference *)op)->wr_callback);
    }
    if (PyType_Check(op) && !PyType_IS_GC((PyTypeObject *)op)) {
        type = (PyTypeObject *)op; /* The collector does not know its instances. */
    }
    if (type->tp_finalize == NULL) {
        return type->tp_del != NULL;
    }
    if (PyGen_CheckExact(op)) {
        return attribute_true(op, kept.gi_suspended);
    }
    if (strcmp(type->tp_name, "_io.BytesIO") == 0 || strcmp(type->tp_name, "_io.StringIO") == 0) {
        return false;
    }
    return strncmp(type->tp_name, "_io.", 4) != 0 || !survivors_closed(op);
}

bool survivors_any(void)
{
    return !is_idle() || internal_collect_is_seen() || internal_gc_visit(death_visible, NULL) != 0;
}

/* Objects that the living modules or this thread refer to are left alone, as under python3. So are
 * those that frames of other threads refer to. Nothing shows these frames any more, so while there
 * are other threads no object is finalized. The script's trace function does not see our call, and
 * the script's limit of calls does not stop it. */
void survivors_finalize(void)
{
    PyThreadState *thread = PyThreadState_Get();
    const int limit = Py_GetRecursionLimit();
    if (PyObject_Size(kept.threads) > 1) {
        return;
    }
    PyObject *roots =
        drv_need(Py_BuildValue("[NO]", PyContext_CopyCurrent(), PyThreadState_GetDict()));
    PyThreadState_EnterTracing(thread);
    Py_SetRecursionLimit(limit + CALLS);
    PyObject *left = drv_need(PyObject_CallOneArg(kept.unreached, roots));
    Py_SetRecursionLimit(limit);
    PyThreadState_LeaveTracing(thread);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(left); i++) {
        PyObject_CallFinalizer(PyList_GET_ITEM(left, i));
    }
    Py_DECREF(left);
    Py_DECREF(roots);
}

void survivors_hide_preloaded(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *others = drv_need(PyDict_New());
    PyObject *key, *value;
    for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &key, &value);) {
        drv_must(is_preloaded(value) ? 0 : PyDict_SetItem(others, key, value));
    }
    internal_swap_dicts(modules, others);
    /* Now `others` has all of them, for good. It lets go of the run's. */
    for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &key, &value);) {
        drv_must(PyDict_SetItem(others, key, Py_None));
    }
}
