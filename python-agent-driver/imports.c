// SPDX-License-Identifier: Apache-2.0
/*
 * Finds out, while a list is preloaded, which modules each module's import brings with it. At the
 * snapshot these are taken out of sys.modules (held.c), and a script that imports one of them gets
 * with it exactly those that python3 would have loaded for it. The same goes for handlers of atexit
 * that a module registers. Packages that come later are recorded as the list is; what was held
 * before is imported by them as by a script.
 */
#include "driver.h"
#include "pyinternal.h"

/* A module's needs are what is imported while its code runs, in that order, loaded already or not.
 * loading[-1] is the module whose code runs now, '' outside of all. Two doors lead into the import
 * system: __import__, which import statements call, and _find_and_load, which loads a module that
 * is not in sys.modules. C code has ways past the first, but all go through the second. So each
 * line of the list begins with the modules of python3's start alone; the others wait in `aside`. A
 * third kind of module is put into sys.modules by the code of another one: sweep() finds those at
 * the end of the dict. A module that keeps __import__ under a name of its own (logging.config) is
 * given the real one when the list has ended.
 *
 * `held` has what was held before, by index: name, module, needs, attribute of its package, finders
 * that it adds; or None for what cannot be imported any more. `registrants` has for each handler of
 * atexit the module whose code has registered it, `seeded` each generator of random numbers with
 * the module whose code has had it seed itself, or None when it was given a seed. */
static const char recorder[] =
    "import builtins, sys\n"
    "import _frozen_importlib as bootstrap\n"
    "at_start, finders = {*sys.modules}, [*sys.meta_path]\n"
    "old = [entry and entry[0] for entry in held]\n"
    "alive = {entry[0]: entry for entry in held if entry}\n"
    "known, loaded, loading = {*at_start, *alive}, set(), ['']\n"
    "needs = {name: dict.fromkeys(old[i] for i in entry[2]) for name, entry in alive.items()}\n"
    "aside = {name: entry[1] for name, entry in alive.items() if name not in at_start}\n"
    "bound, registrants, seeded = [], [None] * handlers(), {}\n"
    "Random = getattr(aside.get('random', sys.modules.get('random')), 'Random', None)\n"
    "plain_seed = getattr(Random, 'seed', None)\n"
    "def seed(self, a=None, version=2):\n"
    "    plain_seed(self, a, version)\n"
    "    seeded[id(self)] = self, loading[-1] if a is None else None\n"
    "if Random:\n"
    "    Random.seed = seed\n"
    "statement, load = builtins.__import__, bootstrap._find_and_load\n"
    "def note(name):\n"
    "    needs.setdefault(loading[-1], {})[name] = None\n"
    "def sweep():\n"
    "    registrants.extend([loading[-1]] * (handlers() - len(registrants)))\n"
    "    new = []\n"
    "    for name in reversed(sys.modules):\n"
    "        if name not in known:\n"
    "            new.append(name)\n"
    "        elif name != loading[-1]:\n"
    "            break\n"
    "    known.update(new)\n"
    "    for name in reversed(new):\n"
    "        note(name)\n"
    "def bind(name, module, need, child, added):\n"
    "    parent = name.rpartition('.')[0]\n"
    "    owner = sys.modules.get(parent, aside.get(parent))\n"
    "    if child:\n"
    "        setattr(owner, child, module)\n"
    "    sys.meta_path += added\n"
    "    bound.append((owner, child, module, added))\n"
    "def unbind():\n"
    "    for owner, child, module, added in bound:\n"
    "        if child and owner.__dict__.get(child) is module:\n"
    "            delattr(owner, child)\n"
    "        if added:\n"
    "            sys.meta_path[:] = [it for it in sys.meta_path if it not in added]\n"
    "    bound.clear()\n"
    "def put_back(name):\n"
    "    wanted = [name]\n"
    "    while wanted:\n"
    "        name = wanted.pop()\n"
    "        if name in aside and name not in sys.modules:\n"
    "            sys.modules[name] = aside[name]\n"
    "            if name in alive:\n"
    "                bind(*alive[name])\n"
    "            wanted += [name.rpartition('.')[0], *needs.get(name, ())]\n"
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
    "    sweep()\n"
    "    for name in [name for name in sys.modules if name in loaded or name in aside]:\n"
    "        aside[name] = sys.modules.pop(name)\n"
    "    unbind()\n"
    "def give_back(user):\n"
    "    if type(user) is staticmethod:\n"
    "        user.__init__(statement)\n"
    "    elif type(user) is dict and user.get('import_') is not import_ and '__spec__' in user:\n"
    "        user.update({name: statement for name, it in user.items() if it is import_})\n"
    "def stop():\n"
    "    if Random:\n"
    "        Random.seed = plain_seed\n"
    "    put_aside()\n"
    "    builtins.__import__, bootstrap._find_and_load = statement, load\n"
    "    sys.modules.update(aside)\n"
    "    there = 'gc' in sys.modules\n"
    "    import gc\n"
    "    for user in gc.get_referrers(import_):\n"
    "        give_back(user)\n"
    "    if not there:\n"
    "        del sys.modules['gc']\n"
    "builtins.__import__, bootstrap._find_and_load = import_, find_and_load\n";

/* `needed` has for each name the indices of what it needs, the package that it is in first. An
 * attribute of a package that is a module, but one that the import of the package does not bring,
 * is deleted. Its name is in `late`: it is set again with that module. `imported` is not true of
 * what a finder of the packages' own has found: only that finder knows when it is to be found.
 * `places` has the entry of sys.path where a module was found, `added` what it has put into
 * sys.meta_path, `registered` its handlers of atexit, `generators` those that have seeded
 * themselves. Of what was held before nothing changes. */
static const char sorting[] =
    "names = old + [name for name in sys.modules if name not in at_start and name not in alive]\n"
    "modules = [sys.modules.get(name) for name in names]\n"
    "index = {name: i for i, name in enumerate(names) if name}\n"
    "def parts(name):\n"
    "    parent, _, child = name.rpartition('.')\n"
    "    return parent, child, sys.modules.get(parent)\n"
    "def list_needs(name):\n"
    "    every = {parts(name)[0]: None, **needs.get(name, {})}\n"
    "    return [index[n] for n in every if n in index and n != name]\n"
    "needed = [entry[2] if entry else [] for entry in held]\n"
    "needed += [list_needs(name) for name in names[len(old):]]\n"
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
    "    return (i >= len(old) and i not in closure(parent) and\n"
    "            getattr(owner, '__dict__', {}).get(child) is modules[i])\n"
    "def place(name, module):\n"
    "    spec = getattr(module, '__spec__', None)\n"
    "    if '.' in name or not getattr(spec, 'has_location', False):\n"
    "        return None\n"
    "    folder = spec.origin.rpartition('/')[0]\n"
    "    if spec.submodule_search_locations is not None:\n"
    "        folder = folder.rpartition('/')[0]\n"
    "    return folder if folder in sys.path else None\n"
    "names = [name or '' for name in names]\n"
    "late = [parts(name)[1] if is_late(i, name) else None for i, name in enumerate(names)]\n"
    "parents = [parts(name)[0] or None for name in names]\n"
    "owners = [parts(name)[2] for name in names]\n"
    "places = [place(*pair) for pair in zip(names, modules)]\n"
    "inside = [parts(name)[0] in index for name in names]\n"
    "generators = [[op for op, by in seeded.values() if by == name] or None for name in names]\n"
    "registered = [[i for i, by in enumerate(registrants) if by == name] or None\n"
    "              for name in names]\n"
    "def is_own(name, module):\n"
    "    loader = getattr(getattr(module, '__spec__', None), 'loader', None)\n"
    "    own = loader if isinstance(loader, type) else type(loader)\n"
    "    return '.' not in name and loader and own.__module__ not in (\n"
    "        '_frozen_importlib', '_frozen_importlib_external', 'zipimport')\n"
    "imported = [name in loaded and isinstance(module, type(sys)) and not is_own(name, module)\n"
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

/* handlers(): how many functions are registered with atexit. */
static PyObject *count_handlers(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    return PyLong_FromLong(internal_atexit_count());
}

void imports_record(PyObject *held)
{
    static PyMethodDef method = {"handlers", count_handlers, METH_NOARGS, NULL};
    names = drv_need(Py_BuildValue("{sOsNsN}", "__builtins__", PyEval_GetBuiltins(), "held",
                                   held == NULL ? drv_need(PyList_New(0)) : held, "handlers",
                                   drv_need(PyCFunction_New(&method, NULL))));
    drv_run_in(names, recorder, "watch the imports");
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
    drv_run_in(names, sorting, "sort out the imports");
    return names;
}
