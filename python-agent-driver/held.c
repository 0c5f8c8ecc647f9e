// SPDX-License-Identifier: Apache-2.0
/*
 * The modules that the snapshot has and python3 at its start has not are held aside: sys.modules is
 * as under python3, so that nothing that walks through it pays for the preload. A finder first in
 * sys.meta_path answers an import of one of them. With the module come those that its import would
 * have loaded, in the order of python3. They are not looked at one by one: their references are
 * kept for sys.modules since the snapshot, so a run writes neither names nor modules.
 */
#include "driver.h"
#include "pyinternal.h"

#include <stdlib.h>

#define MOST  8192u /* modules */
#define SLOTS (2 * MOST)
#define ROOM  512 /* in sys.modules, for modules that are not held */
#define LATER 512 /* in the table, for modules that come later */

struct held {
    PyObject *name, *module;  /* NULL: another name of __main__ */
    PyObject *parent, *owner; /* the name of its package, and that package; NULL at the top */
    PyObject *late;           /* the name in its package, when that is set with the module */
    PyObject *added;          /* finders that it puts into sys.meta_path, or NULL */
    PyObject *generators;     /* of random numbers, to be seeded in each run, or NULL */
    PyObject *registered;     /* arguments of atexit.register() for its handlers, or NULL */
    PyObject *place;          /* the entry of sys.path where it lies; NULL: anywhere */
    Py_hash_t hash;
    bool inside;           /* its package is held, too, and is its first need */
    bool imported;         /* a module, and not put into sys.modules by another one's code */
    bool gone;             /* its import would find another module now */
    void (*prepare)(void); /* what must be done before a run has the module; NULL: nothing */
    const uint16_t *needs, *needs_end;
};

static struct held *table;
static size_t count, table_room;
static uint16_t slots[SLOTS]; /* by hash; the index in the table and 1 */
static bool given[MOST];      /* to this run, or to every run */
static const struct held *linecache;
static void (*seed_generator)(PyObject *generator);
static PyObject *finder;
static PyObject *spec_type, *spec_name, *import_code, *atexit_register;

struct loader {
    PyObject base;
    struct held *held; /* NULL for the finder */
    PyObject *spec;    /* the module's own */
};

static struct held *lookup(PyObject *name)
{
    const Py_hash_t hash = PyUnicode_CheckExact(name) ? PyObject_Hash(name) : -1;
    if (hash == -1) {
        PyErr_Clear();
        return NULL;
    }
    for (size_t at = (size_t)hash % SLOTS; slots[at] != 0; at = (at + 1) % SLOTS) {
        struct held *held = &table[slots[at] - 1];
        if (held->hash == hash && !held->gone && PyUnicode_Compare(held->name, name) == 0) {
            return held;
        }
    }
    return NULL;
}

PyObject *held_module(const char *name)
{
    PyObject *key = drv_need(PyUnicode_FromString(name));
    PyObject *module = PyImport_GetModule(key);
    const struct held *held = module == NULL && count > 0 ? lookup(key) : NULL;
    Py_DECREF(key);
    return held == NULL ? module : Py_XNewRef(held->module);
}

PyObject *held_import(const char *name)
{
    PyObject *module = held_module(name);
    return module == NULL ? drv_import(name) : module;
}

/* Whether this module is what the run's import system would find. */
static bool is_found(const struct held *held)
{
    if (held->parent != NULL) {
        PyObject *owner = PyImport_GetModule(held->parent);
        Py_XDECREF(owner);
        return owner == held->owner;
    }
    return held->place == NULL || place_is_first(held->name, held->place);
}

/* Whether the import system asks us because it is going to load the module. importlib.util and
 * importlib.reload ask, too: they are answered by the finders after this one, as under python3. */
static bool is_import(void)
{
    PyFrameObject *asks = PyEval_GetFrame();
    PyFrameObject *back = asks == NULL ? NULL : PyFrame_GetBack(asks);
    PyCodeObject *code = back == NULL ? NULL : PyFrame_GetCode(back);
    const bool same = (PyObject *)code == import_code;
    Py_XDECREF(code);
    Py_XDECREF(back);
    return same;
}

/* Whether the script has put something else into sys.modules for a module that the held one has
 * imported: None, which forbids it, or another module. The held one's code would not be bound to
 * that, or would do something else: the file is for the finders after this one. */
static bool needs_differ(const struct held *held)
{
    PyObject *modules = PyImport_GetModuleDict();
    if (!PyDict_CheckExact(modules)) {
        return false;
    }
    for (const uint16_t *need = held->needs; need < held->needs_end; need++) {
        PyObject *there = PyDict_GetItem(modules, table[*need].name);
        if (there == Py_None ||
            (there != NULL && table[*need].module != NULL && there != table[*need].module)) {
            return true;
        }
    }
    return false;
}

static PyObject *find_spec(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct held *held = PyTuple_GET_SIZE(args) > 0 ? lookup(PyTuple_GET_ITEM(args, 0)) : NULL;
    (void)kwargs;
    if (held == NULL || !held->imported || given[held - table] || !is_import() || !is_found(held) ||
        needs_differ(held)) {
        return Py_NewRef(Py_None);
    }
    struct loader *loader = PyObject_New(struct loader, Py_TYPE(self));
    if (loader == NULL) {
        return NULL;
    }
    loader->held = held;
    loader->spec = NULL;
    PyObject *spec = PyObject_CallFunctionObjArgs(spec_type, held->name, (PyObject *)loader, NULL);
    Py_DECREF(loader);
    return spec;
}

static struct held *held_of(PyObject *self)
{
    struct held *held = ((struct loader *)self)->held;
    if (held == NULL) {
        PyErr_SetString(PyExc_ImportError, "only the import system loads modules of the snapshot");
    }
    return held;
}

static PyObject *create_module(PyObject *self, PyObject *spec)
{
    const struct held *held = held_of(self);
    (void)spec;
    if (held == NULL) {
        return NULL;
    }
    PyObject *own = PyObject_GetAttr(held->module, spec_name);
    PyErr_Clear();
    Py_XSETREF(((struct loader *)self)->spec, own);
    return Py_NewRef(held->module);
}

static int add_finders(const struct held *held)
{
    PyObject *finders = PySys_GetObject("meta_path");
    if (held->added == NULL || finders == NULL || !PyList_CheckExact(finders)) {
        return 0;
    }
    const Py_ssize_t end = PyList_GET_SIZE(finders);
    return PyList_SetSlice(finders, end, end, held->added);
}

static void prepare(const struct held *held)
{
    if (held->prepare != NULL) {
        held->prepare();
    }
}

/* What else the module's code has done to the process. */
static int act(const struct held *held)
{
    const Py_ssize_t n = held->registered == NULL ? 0 : PyList_GET_SIZE(held->registered);
    const Py_ssize_t g = held->generators == NULL ? 0 : PyList_GET_SIZE(held->generators);
    for (Py_ssize_t i = 0; i < g; i++) {
        seed_generator(PyList_GET_ITEM(held->generators, i));
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *handler = PyList_GET_ITEM(held->registered, i);
        PyObject *done = PyObject_Call(atexit_register, PyTuple_GET_ITEM(handler, 0),
                                       PyTuple_GET_ITEM(handler, 1));
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    }
    return add_finders(held);
}

/* Gives a module to sys.modules, unless the script has put something else there. */
static int give(const struct held *held)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *module = held->module == NULL ? PyImport_AddModule("__main__") : held->module;
    if (module == NULL) {
        return -1;
    }
    prepare(held);
    if (held->module == NULL || internal_dict_give(modules, held->name, held->hash, module) < 0) {
        const int there = PyMapping_HasKey(modules, held->name);
        if (!there && PyObject_SetItem(modules, held->name, module) < 0) {
            return -1;
        }
    }
    if (act(held) < 0) {
        return -1;
    }
    return held->late == NULL ? 0 : PyObject_SetAttr(held->owner, held->late, held->module);
}

/* A package goes first: its code may import the module. */
static int give_with_needs(size_t i)
{
    if (!given[i] && table[i].inside && give_with_needs(*table[i].needs) < 0) {
        return -1;
    }
    if (given[i]) {
        return 0;
    }
    given[i] = true;
    for (const uint16_t *need = table[i].needs; need < table[i].needs_end; need++) {
        if (give_with_needs(*need) < 0) {
            return -1;
        }
    }
    return give(&table[i]);
}

/* Has the import system import each of the needs, for those who are told of each import. */
static int import_needs(const struct held *held)
{
    for (const uint16_t *need = held->needs; need < held->needs_end; need++) {
        PyObject *module = NULL;
        if (given[*need]) {
            continue;
        }
        if (!table[*need].imported) {
            given[*need] = true;
            if (give(&table[*need]) < 0) {
                return -1;
            }
            continue;
        }
        module = PyImport_ImportModuleLevelObject(table[*need].name, NULL, NULL, NULL, 0);
        if (module == NULL) {
            return -1;
        }
        Py_DECREF(module);
    }
    return 0;
}

static int give_needs(const struct held *held)
{
    PyObject *finders = PySys_GetObject("meta_path");
    if (internal_imports_are_heard() || finders == NULL || !PyList_CheckExact(finders) ||
        PyList_GET_SIZE(finders) == 0 || PyList_GET_ITEM(finders, 0) != finder) {
        return import_needs(held);
    }
    for (const uint16_t *need = held->needs; need < held->needs_end; need++) {
        if (give_with_needs(*need) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *exec_module(PyObject *self, PyObject *module)
{
    const struct held *held = held_of(self);
    PyObject *spec = ((struct loader *)self)->spec;
    if (held == NULL) {
        return NULL;
    }
    given[held - table] = true;
    prepare(held);
    if (give_needs(held) < 0 || act(held) < 0) {
        given[held - table] = false;
        return NULL;
    }
    if (spec != NULL && PyObject_SetAttr(module, spec_name, spec) < 0) {
        PyErr_Clear();
    }
    return Py_NewRef(Py_None);
}

static void loader_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(((struct loader *)self)->spec);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *loader_repr(PyObject *self)
{
    const struct held *held = ((struct loader *)self)->held;
    return held == NULL ? PyUnicode_FromString("<pyhl: finds the modules of the snapshot>")
                        : PyUnicode_FromFormat("<pyhl: %U of the snapshot>", held->name);
}

static PyObject *make_finder(void)
{
    static PyMethodDef methods[] = {
        {"find_spec", (PyCFunction)(void (*)(void))find_spec, METH_VARARGS | METH_KEYWORDS, NULL},
        {"create_module", create_module, METH_O, NULL},
        {"exec_module", exec_module, METH_O, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot type_slots[] = {
        {Py_tp_methods, methods},
        {Py_tp_dealloc, loader_dealloc},
        {Py_tp_repr, loader_repr},
        {0, NULL},
    };
    static PyType_Spec type = {
        .name = "pyhl.Snapshot",
        .basicsize = sizeof(struct loader),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = type_slots,
    };
    PyObject *made = drv_need(PyType_FromSpec(&type));
    struct loader *loader = PyObject_New(struct loader, (PyTypeObject *)made);
    drv_need((PyObject *)loader);
    loader->held = NULL;
    loader->spec = NULL;
    return (PyObject *)loader;
}

static PyObject *attribute(const char *module, const char *name)
{
    PyObject *owner = drv_import(module);
    PyObject *value = drv_need(PyObject_GetAttrString(owner, name));
    Py_DECREF(owner);
    return value;
}

/* A reference to an item of one of the recorder's lists for good; NULL for None. */
static PyObject *item(PyObject *names, const char *list, size_t i)
{
    PyObject *value = PyList_GetItem(PyDict_GetItemString(names, list), (Py_ssize_t)i);
    drv_need(value);
    return value == Py_None ? NULL : Py_NewRef(value);
}

static void fill_needs(struct held *held, PyObject *list)
{
    const Py_ssize_t len = PyList_Size(list);
    uint16_t *needs = malloc(((size_t)len + 1) * sizeof(*needs));
    if (needs == NULL) {
        drv_fail("no memory for the needs of modules");
    }
    for (Py_ssize_t i = 0; i < len; i++) {
        needs[i] = (uint16_t)PyLong_AsLong(PyList_GET_ITEM(list, i));
    }
    held->needs = needs;
    held->needs_end = needs + len;
}

/* Gets the handlers that have these places among those of atexit. Those of the list are left there
 * (survivors.c knows them). */
static PyObject *handlers_of(PyObject *places)
{
    PyObject *handlers = drv_need(PyList_New(0));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); i++) {
        PyObject *handler = internal_atexit_take((int)PyLong_AsLong(PyList_GET_ITEM(places, i)));
        drv_must(handler == NULL ? 0 : PyList_Append(handlers, handler));
        Py_XDECREF(handler);
    }
    return handlers;
}

static void fill(PyObject *names, size_t i)
{
    struct held *held = &table[i];
    PyObject *list = item(names, "needed", i), *places = item(names, "registered", i);
    *held = (struct held){
        .name = item(names, "names", i),
        .module = item(names, "modules", i),
        .parent = item(names, "parents", i),
        .owner = item(names, "owners", i),
        .late = item(names, "late", i),
        .added = item(names, "added", i),
        .generators = item(names, "generators", i),
        .registered = places == NULL || finder == NULL ? NULL : handlers_of(places),
        .place = item(names, "places", i),
        .inside = item(names, "inside", i) == Py_True,
        .imported = item(names, "imported", i) == Py_True,
    };
    held->hash = PyObject_Hash(held->name);
    /* What sys.modules of the run will own. But __main__ is the run's own, and ends with it. */
    Py_INCREF(held->name);
    if (held->module == PyImport_AddModule("__main__")) {
        Py_CLEAR(held->module);
    }
    Py_XINCREF(held->module);
    fill_needs(held, list);
    size_t at = (size_t)held->hash % SLOTS;
    while (slots[at] != 0) {
        at = (at + 1) % SLOTS;
    }
    slots[at] = (uint16_t)(i + 1);
}

/* Leaves in sys.modules what was there at the start. The table has room for all others, and has
 * their hashes in it: a search looks at no name that is not the one. */
static void empty_modules(PyObject *names)
{
    PyObject *modules = PyImport_GetModuleDict(),
             *at_start = PyDict_GetItemString(names, "at_start");
    PyObject *left = drv_need(_PyDict_NewPresized(PyDict_Size(modules) + ROOM));
    PyObject *key, *value;
    for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &key, &value);) {
        if (PySet_Contains(at_start, key) == 1) {
            drv_must(PyDict_SetItem(left, key, value));
        }
    }
    internal_swap_dicts(modules, left);
    Py_DECREF(left);
}

static void find_names(void)
{
    spec_name = drv_need(PyUnicode_InternFromString("__spec__"));
    spec_type = attribute("_frozen_importlib", "ModuleSpec");
    atexit_register = attribute("atexit", "register");
    PyObject *function = attribute("_frozen_importlib", "_find_and_load_unlocked");
    import_code = drv_need(PyObject_GetAttrString(function, "__code__"));
    Py_DECREF(function);
    finder = make_finder();
}

static PyObject *finders(void)
{
    PyObject *list = PySys_GetObject("meta_path");
    if (list == NULL || !PyList_CheckExact(list)) {
        drv_fail("sys.meta_path is not a list");
    }
    return list;
}

/* A large array of the program's own would put the driver where its pages are mapped one by one. */
static void make_room(size_t all)
{
    if (all > MOST) {
        drv_fail("no room for %zu preloaded modules: there is room for %u", all, MOST);
    }
    if (all > table_room) {
        struct held *larger = realloc(table, (all + LATER) * sizeof(*table));
        if (larger == NULL) {
            drv_fail("no memory for %zu preloaded modules", all);
        }
        table = larger;
        table_room = all + LATER;
    }
}

void held_take(void)
{
    PyObject *names = imports_table();
    PyObject *list = PyDict_GetItemString(names, "names");
    const size_t all = list == NULL ? 0 : (size_t)PyList_Size(list);
    make_room(all);
    for (size_t i = count; i < all; i++) {
        fill(names, i);
    }
    internal_atexit_close_up();
    count = all;
    PyObject *key = drv_need(PyUnicode_FromString("linecache"));
    linecache = lookup(key);
    Py_DECREF(key);
    place_remember(PyDict_GetItemString(names, "path"), PyDict_GetItemString(names, "endings"));
    if (finder == NULL) {
        find_names();
    }
    empty_modules(names);
    PyDict_Clear(names);
    Py_DECREF(names);
    drv_must(PyList_Insert(finders(), 0, finder));
}

/* Whether a new directory of sys.path has another module of this name. With a package all that is
 * in it is gone. */
static bool is_gone(size_t i)
{
    const struct held *held = &table[i];
    return held->gone || (held->place != NULL && !place_is_first(held->name, held->place)) ||
           (held->inside && is_gone(*held->needs));
}

static PyObject *numbers(const uint16_t *at, const uint16_t *end)
{
    PyObject *list = drv_need(PyList_New(0));
    for (; at < end; at++) {
        PyObject *number = drv_need(PyLong_FromLong(*at));
        drv_must(PyList_Append(list, number));
        Py_DECREF(number);
    }
    return list;
}

PyObject *held_list(void)
{
    PyObject *list = drv_need(PyList_New(0)), *none = drv_need(PyList_New(0));
    for (size_t i = 0; i < count; i++) {
        struct held *held = &table[i];
        held->gone = is_gone(i);
        PyObject *entry = held->gone || held->module == NULL
                              ? Py_NewRef(Py_None)
                              : drv_need(Py_BuildValue("(OONOO)", held->name, held->module,
                                                       numbers(held->needs, held->needs_end),
                                                       held->late == NULL ? Py_None : held->late,
                                                       held->added == NULL ? none : held->added));
        drv_must(PyList_Append(list, entry));
        Py_DECREF(entry);
    }
    Py_DECREF(none);
    drv_must(PySequence_DelItem(finders(), PySequence_Index(finders(), finder)));
    return list;
}

bool held_prepare(const char *name, void (*action)(void))
{
    PyObject *key = drv_need(PyUnicode_FromString(name));
    struct held *held = lookup(key);
    Py_DECREF(key);
    if (held == NULL || given[held - table]) {
        return false;
    }
    held->prepare = action;
    return true;
}

void held_seed_with(void (*seed)(PyObject *generator))
{
    seed_generator = seed;
}

/* python3 itself imports this module for code of -c. Without the import system that takes no page
 * that the run does not write anyway. */
void held_give_linecache(void)
{
    const struct held *held = linecache;
    if (held != NULL && !internal_imports_are_heard() && is_found(held) &&
        give_with_needs((size_t)(held - table)) < 0) {
        PyErr_Clear();
    }
}
