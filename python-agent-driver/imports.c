// SPDX-License-Identifier: Apache-2.0
/*
 * Finds out, while the list is preloaded, which modules each module's import brings with it. At the
 * snapshot these are taken out of sys.modules (held.c), and a script that imports one of them gets
 * with it exactly those that python3 would have loaded for it.
 */
#include "driver.h"
#include "pyinternal.h"

/* A module's needs are what is imported while its code runs, in that order, loaded already or not.
 * loading[-1] is the module whose code runs now, '' outside of all. Two doors lead into the import
 * system: __import__, which import statements call, and _find_and_load, which loads a module that
 * is not in sys.modules. C code has ways past the first, but all go through the second. So each
 * line of the list begins with the modules of python3's start alone; the others wait in `aside`. A
 * third kind of module is put into sys.modules by the code of another one: sweep() finds those at
 * the end of the dict. */
static const char recorder[] =
    "import builtins, sys\n"
    "import _frozen_importlib as bootstrap\n"
    "at_start, finders = {*sys.modules}, [*sys.meta_path]\n"
    "known, loaded, loading = {*at_start}, set(), ['']\n"
    "needs, aside = {}, {}\n"
    "statement, load = builtins.__import__, bootstrap._find_and_load\n"
    "def note(name):\n"
    "    needs.setdefault(loading[-1], {})[name] = None\n"
    "def sweep():\n"
    "    new = []\n"
    "    for name in reversed(sys.modules):\n"
    "        if name not in known:\n"
    "            new.append(name)\n"
    "        elif name != loading[-1]:\n"
    "            break\n"
    "    known.update(new)\n"
    "    for name in reversed(new):\n"
    "        note(name)\n"
    "def put_back(name):\n"
    "    if name in aside and name not in sys.modules:\n"
    "        sys.modules[name] = aside[name]\n"
    "        put_back(name.rpartition('.')[0])\n"
    "        for need in needs.get(name, ()):\n"
    "            put_back(need)\n"
    "def find_and_load(name, import_):\n"
    "    sweep()\n"
    "    note(name)\n"
    "    known.add(name)\n"
    "    loaded.add(name)\n"
    "    put_back(name)\n"
    "    loading.append(name)\n"
    "    try:\n"
    "        return load(name, import_)\n"
    "    finally:\n"
    "        sweep()\n"
    "        loading.pop()\n"
    "def absolute(name, names, level):\n"
    "    package = names.get('__package__')\n"
    "    if package is None:\n"
    "        package = names['__name__']\n"
    "        if '__path__' not in names:\n"
    "            package = package.rpartition('.')[0]\n"
    "    package = package.rsplit('.', level - 1)[0]\n"
    "    return f'{package}.{name}' if name else package\n"
    "def note_parts(name, parts):\n"
    "    module = sys.modules.get(name, aside.get(name))\n"
    "    names = getattr(module, '__dict__', {})\n"
    "    for part in parts:\n"
    "        whole = f'{name}.{part}'\n"
    "        if part not in names or names[part] is sys.modules.get(whole, aside.get(whole)):\n"
    "            note(whole)\n"
    "def import_(name, globals=None, locals=None, fromlist=(), level=0):\n"
    "    whole = absolute(name, globals, level) if level else name\n"
    "    note(whole)\n"
    "    note_parts(whole, fromlist or ())\n"
    "    module = statement(name, globals, locals, fromlist, level)\n"
    "    if '*' in (fromlist or ()):\n"
    "        note_parts(whole, module.__dict__.get('__all__', ()))\n"
    "    return module\n"
    "def put_aside():\n"
    "    for name in [name for name in sys.modules if name in loaded]:\n"
    "        aside[name] = sys.modules.pop(name)\n"
    "def stop():\n"
    "    builtins.__import__, bootstrap._find_and_load = statement, load\n"
    "    sys.modules.update(aside)\n"
    "builtins.__import__, bootstrap._find_and_load = import_, find_and_load\n";

/* `needed` has for each name the indices of what it needs, the package that it is in first. An
 * attribute of a package that is a module, but one that the import of the package does not bring,
 * is deleted. Its name is in `late`: it is set again with that module. `places` has the entry of
 * sys.path where a module was found, `added` what it has put into sys.meta_path. */
static const char sorting[] =
    "names = [name for name in sys.modules if name not in at_start]\n"
    "modules = [sys.modules[name] for name in names]\n"
    "index = {name: i for i, name in enumerate(names)}\n"
    "def parts(name):\n"
    "    parent, _, child = name.rpartition('.')\n"
    "    return parent, child, sys.modules.get(parent)\n"
    "def list_needs(name):\n"
    "    every = {parts(name)[0]: None, **needs.get(name, {})}\n"
    "    return [index[n] for n in every if n in index and n != name]\n"
    "needed = [list_needs(name) for name in names]\n"
    "closures = {}\n"
    "def closure(name):\n"
    "    if name not in closures:\n"
    "        found = {index[name]} if name in index else set()\n"
    "        new = [*found]\n"
    "        while new:\n"
    "            new = [j for j in {j for i in new for j in needed[i]} if j not in found]\n"
    "            found.update(new)\n"
    "        closures[name] = found\n"
    "    return closures[name]\n"
    "def is_late(i, name):\n"
    "    parent, child, owner = parts(name)\n"
    "    return (i not in closure(parent) and\n"
    "            getattr(owner, '__dict__', {}).get(child) is modules[i])\n"
    "def place(name, module):\n"
    "    spec = getattr(module, '__spec__', None)\n"
    "    if '.' in name or not getattr(spec, 'has_location', False):\n"
    "        return None\n"
    "    folder = spec.origin.rpartition('/')[0]\n"
    "    if spec.submodule_search_locations is not None:\n"
    "        folder = folder.rpartition('/')[0]\n"
    "    return folder if folder in sys.path else None\n"
    "late = [parts(name)[1] if is_late(i, name) else None for i, name in enumerate(names)]\n"
    "parents = [parts(name)[0] or None for name in names]\n"
    "owners = [parts(name)[2] for name in names]\n"
    "places = [place(*pair) for pair in zip(names, modules)]\n"
    "inside = [parts(name)[0] in index for name in names]\n"
    "imported = [name in loaded and isinstance(module, type(sys))\n"
    "            for name, module in zip(names, modules)]\n"
    "own = [finder for finder in sys.meta_path if finder not in finders]\n"
    "sys.meta_path[:] = finders\n"
    "added = [[finder for finder in own if type(finder).__module__ == name] or None\n"
    "         for name in names]\n"
    "path = [*sys.path]\n"
    "import _frozen_importlib_external as external\n"
    "endings = ['.py', '/__init__.py', '.pyc', *external.EXTENSION_SUFFIXES]\n"
    "for child, owner in zip(late, owners):\n"
    "    if child is not None:\n"
    "        delattr(owner, child)\n";

static PyObject *names;

void imports_record(void)
{
    names = drv_run(recorder, "watch the imports");
}

static void call_recorder(const char *function)
{
    PyObject *result = PyObject_CallNoArgs(drv_need(PyDict_GetItemString(names, function)));
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot watch the imports");
    }
    Py_DECREF(result);
}

void imports_begin_line(void)
{
    call_recorder("put_aside");
}

void imports_stop(void)
{
    call_recorder("stop");
}

PyObject *imports_table(void)
{
    PyObject *result = PyRun_String(sorting, Py_file_input, names, names);
    if (result == NULL) {
        PyErr_Print();
        drv_fail("cannot sort out the imports");
    }
    Py_DECREF(result);
    return names;
}
