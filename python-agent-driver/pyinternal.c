// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver takes from CPython's internal headers; no other file includes them.
 */
#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE

#include "driver.h"
#include "pyinternal.h"

#include <internal/pycore_ast.h>
#include <internal/pycore_compile.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_initconfig.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_obmalloc.h>
#include <internal/pycore_pathconfig.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_pyarena.h>
#include <internal/pycore_runtime.h>

#include <string.h>

/* As in dictobject.c. */
#define PERTURB_SHIFT 5

/* Everything made before the snapshot is out of the garbage collector's sight, in a list of our
 * own. In the list of gc.freeze() it would be brought back by gc.unfreeze(), and then each full
 * collection of the script would look at it. An object leaves our list as it leaves any other: by
 * telling its neighbours. */
static PyGC_Head hidden = {(uintptr_t)&hidden, (uintptr_t)&hidden};

/* No object: a place in our list, after those that were visited. */
static PyGC_Head mark;

static PyInterpreterState *interpreter(void)
{
    return PyInterpreterState_Get();
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
    for (Py_ssize_t i = 0; i < list->length; i++) {
        PyMem_RawFree(list->items[i]);
    }
    PyMem_RawFree(list->items);
    *list = (PyWideStringList){0};
}

void internal_drop_paths(void)
{
    _PyPathConfig_ClearGlobal();
}

void internal_take_free_pools(void)
{
    struct _obmalloc_mgmt *mgmt = &interpreter()->obmalloc->mgmt;
    for (uint i = 0; i < mgmt->maxarenas; i++) {
        struct arena_object *arena = &mgmt->arenas[i];
        if (arena->address == 0) {
            continue;
        }
        for (poolp pool = arena->freepools, next; pool != NULL; pool = next) {
            next = pool->nextpool;
            memset(pool, 0, POOL_SIZE);
        }
        arena->freepools = NULL;
        arena->nfreepools = 0;
    }
    mgmt->usable_arenas = NULL;
    memset(mgmt->nfp2lasta, 0, sizeof(mgmt->nfp2lasta));
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

int internal_dict_give(PyObject *dict, PyObject *key, Py_hash_t hash, PyObject *value)
{
    PyDictObject *owner = (PyDictObject *)dict;
    PyDictKeysObject *keys = owner->ma_keys;
    if (!PyDict_CheckExact(dict) || keys->dk_kind != DICT_KEYS_GENERAL || keys->dk_usable <= 0 ||
        keys->dk_log2_index_bytes != keys->dk_log2_size + 1) {
        return -1;
    }
    int16_t *indices = (int16_t *)(void *)keys->dk_indices;
    PyDictKeyEntry *entries = DK_ENTRIES(keys);
    const size_t mask = DK_SIZE(keys) - 1;
    size_t perturb = (size_t)hash, at = perturb & mask;
    for (; indices[at] != DKIX_EMPTY; at = (at * 5 + perturb + 1) & mask) {
        const PyDictKeyEntry *entry = indices[at] < 0 ? NULL : &entries[indices[at]];
        if (entry != NULL && entry->me_hash == hash && PyUnicode_Check(entry->me_key) &&
            PyUnicode_Compare(entry->me_key, key) == 0) {
            return 0;
        }
        perturb >>= PERTURB_SHIFT;
    }
    indices[at] = (int16_t)keys->dk_nentries;
    entries[keys->dk_nentries++] = (PyDictKeyEntry){hash, key, value};
    keys->dk_usable--;
    keys->dk_version = 0;
    owner->ma_used++;
    return 0;
}

void internal_swap_dicts(PyObject *one, PyObject *other)
{
    enum { BODY = offsetof(PyDictObject, ma_used), SIZE = sizeof(PyDictObject) - BODY };
    char kept[SIZE];
    memcpy(kept, (char *)one + BODY, SIZE);
    memcpy((char *)one + BODY, (char *)other + BODY, SIZE);
    memcpy((char *)other + BODY, kept, SIZE);
}

/* Move all objects of a list to the end of the hidden ones. */
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

static void link_head(PyGC_Head *gc, PyGC_Head *after)
{
    PyGC_Head *next = _PyGCHead_NEXT(after);
    _PyGCHead_SET_PREV(gc, after);
    _PyGCHead_SET_NEXT(gc, next);
    _PyGCHead_SET_NEXT(after, gc);
    _PyGCHead_SET_PREV(next, gc);
}

static void unlink_head(PyGC_Head *gc)
{
    PyGC_Head *next = _PyGCHead_NEXT(gc), *previous = _PyGCHead_PREV(gc);
    _PyGCHead_SET_NEXT(previous, next);
    _PyGCHead_SET_PREV(next, previous);
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

void internal_gc_visit_hidden(visitproc visit, void *arg)
{
    PyGC_Head *at = mark._gc_next == 0 ? &hidden : &mark;
    while ((at = _PyGCHead_NEXT(at)) != &hidden) {
        (void)visit((PyObject *)(at + 1), arg);
    }
    if (mark._gc_next != 0) {
        unlink_head(&mark);
    }
    link_head(&mark, _PyGCHead_PREV(&hidden));
}

bool internal_is_immortal(PyObject *op)
{
    return _Py_IsImmortal(op);
}

void internal_make_immortal(PyObject *op)
{
    if (!_Py_IsImmortal(op)) {
        op->ob_refcnt = _Py_IMMORTAL_REFCNT;
    }
}

PyObject *internal_interned(void)
{
    return _Py_INTERP_CACHED_OBJECT(interpreter(), interned_strings);
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
    PyObject_GC_UnTrack(op);
    link_head(_Py_AS_GC(op), &hidden);
}

int internal_gc_visit(visitproc visit, void *arg)
{
    struct _gc_runtime_state *gc = &interpreter()->gc;
    PyGC_Head *const lists[] = {&gc->generations[2].head, &gc->generations[1].head,
                                &gc->generations[0].head, &gc->permanent_generation.head};
    const int enabled = gc->enabled;
    int rc = 0;
    gc->enabled = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        PyGC_Head *at = _PyGCHead_NEXT(lists[i]);
        for (; at != lists[i] && rc == 0; at = _PyGCHead_NEXT(at)) {
            rc = visit((PyObject *)(at + 1), arg);
        }
    }
    gc->enabled = enabled;
    return rc;
}

void internal_gc_collect(void)
{
    struct _gc_runtime_state *gc = &interpreter()->gc;
    Py_CLEAR(gc->callbacks);
    gc->enabled = 1;
    PyGC_Collect();
}

bool internal_end_is_heard(void)
{
    const PyInterpreterState *interp = interpreter();
    return interp->next != NULL || interp->audit_hooks != NULL;
}

bool internal_imports_are_heard(void)
{
    const PyInterpreterState *interp = interpreter();
    return interp->audit_hooks != NULL || interp->config.import_time != 0 ||
           interp->config.verbose != 0;
}

bool internal_collect_is_seen(void)
{
    const PyInterpreterState *interp = interpreter();
    const struct _gc_runtime_state *gc = &interp->gc;
    return interp->config.verbose != 0 || gc->debug != 0 || PyList_GET_SIZE(gc->callbacks) != 0 ||
           PyList_GET_SIZE(gc->garbage) != 0 || interp->ceval.pending.npending != 0;
}

PyObject *internal_audit_hooks(PyObject *hooks)
{
    PyObject *before = interpreter()->audit_hooks;
    interpreter()->audit_hooks = hooks;
    return before;
}

unsigned long internal_main_thread(unsigned long ident)
{
    const unsigned long before = _PyRuntime.main_thread;
    _PyRuntime.main_thread = ident;
    return before;
}

void internal_allow_depth(int more)
{
    PyThreadState_Get()->py_recursion_remaining += more;
}

uint64_t internal_threads_started(void)
{
    return interpreter()->threads.next_unique_id;
}

int internal_atexit_count(void)
{
    return interpreter()->atexit.ncallbacks;
}

PyObject *internal_fork_hooks(void)
{
    return PyInterpreterState_Get()->after_forkers_child;
}

bool internal_atexit_known(PyObject *functions)
{
    bool known = true;
    for (int i = 0; i < internal_atexit_count() && known; i++) {
        const atexit_py_callback *callback = interpreter()->atexit.callbacks[i];
        known = callback != NULL && PySequence_Contains(functions, callback->func) == 1;
    }
    return known;
}

PyObject *internal_atexit_take(int place)
{
    struct atexit_state *state = &interpreter()->atexit;
    atexit_py_callback *callback = place < state->ncallbacks ? state->callbacks[place] : NULL;
    if (callback == NULL) {
        return NULL;
    }
    const Py_ssize_t n = PyTuple_GET_SIZE(callback->args);
    PyObject *args = drv_need(PyTuple_New(n + 1));
    PyTuple_SET_ITEM(args, 0, callback->func);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyTuple_SET_ITEM(args, i + 1, Py_NewRef(PyTuple_GET_ITEM(callback->args, i)));
    }
    PyObject *keywords = callback->kwargs == NULL ? drv_need(PyDict_New()) : callback->kwargs;
    Py_DECREF(callback->args);
    PyMem_Free(callback);
    state->callbacks[place] = NULL;
    return drv_need(Py_BuildValue("(NN)", args, keywords));
}

void internal_atexit_close_up(void)
{
    struct atexit_state *state = &interpreter()->atexit;
    int left = 0;
    for (int i = 0; i < state->ncallbacks; i++) {
        if (state->callbacks[i] != NULL) {
            state->callbacks[left++] = state->callbacks[i];
        }
    }
    state->ncallbacks = left;
}

typedef mod_ty parse_function(const char *, PyObject *, int, PyCompilerFlags *, PyArena *);

static parse_function *parse_text;

void internal_parse_remember(void)
{
    *(void **)&parse_text = hook_call_after("Py_CompileStringObject", "_PyArena_New");
}

/* Whether a semicolon follows this place in a text: a line's number, from 1, and bytes in it. What
 * may stand before it are parentheses, spaces and comments. */
static bool is_silenced(const char *text, int line, int column)
{
    for (; line > 1 && *text != 0; text++) {
        line -= *text == '\n' || (*text == '\r' && text[1] != '\n');
    }
    for (text += column; *text != 0 && *text != ';'; text++) {
        if (*text == '#') {
            text += strcspn(text, "\r\n");
        }
        if (*text == 0) {
            return false;
        }
    }
    return *text == ';';
}

/* Turns the last statement of a module, an expression, into an assignment. */
static int keep_result(mod_ty module, PyObject *result, PyArena *arena)
{
    asdl_stmt_seq *body = module->v.Module.body;
    stmt_ty last = asdl_seq_GET(body, asdl_seq_LEN(body) - 1);
    expr_ty value = last->v.Expr.value;
    expr_ty target = _PyArena_Malloc(arena, sizeof(*target));
    asdl_expr_seq *targets = _PyArena_Malloc(arena, sizeof(*targets));
    if (target == NULL || targets == NULL) {
        return -1;
    }
    *target = *value; /* for its place */
    target->kind = Name_kind;
    target->v.Name.id = result;
    target->v.Name.ctx = Store;
    targets->size = 1;
    targets->elements = (void **)targets->typed_elements;
    targets->typed_elements[0] = target;
    last->kind = Assign_kind;
    last->v.Assign.targets = targets;
    last->v.Assign.value = value;
    last->v.Assign.type_comment = NULL;
    return 0;
}

static bool has_result(mod_ty module, const char *text)
{
    asdl_stmt_seq *body = module->v.Module.body;
    const Py_ssize_t len = asdl_seq_LEN(body);
    if (len == 0 || asdl_seq_GET(body, len - 1)->kind != Expr_kind) {
        return false;
    }
    const expr_ty value = asdl_seq_GET(body, len - 1)->v.Expr.value;
    return !is_silenced(text, value->end_lineno, value->end_col_offset);
}

PyObject *internal_compile_cell(const char *text, PyObject *name, int flags, PyObject *result,
                                bool *shows)
{
    PyCompilerFlags how = {flags | PyCF_SOURCE_IS_UTF8 | PyCF_IGNORE_COOKIE, PY_MINOR_VERSION};
    PyCodeObject *code = NULL;
    PyArena *arena = _PyArena_New();
    mod_ty module = arena == NULL ? NULL : parse_text(text, name, Py_file_input, &how, arena);
    if (module != NULL) {
        *shows = has_result(module, text);
        if (!*shows || keep_result(module, result, arena) == 0) {
            code = _PyAST_Compile(module, name, &how, -1, arena);
        }
    }
    if (arena != NULL) {
        _PyArena_Free(arena);
    }
    return (PyObject *)code;
}
