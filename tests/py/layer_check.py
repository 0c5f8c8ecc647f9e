# SPDX-License-Identifier: Apache-2.0
"""Packages that come into a machine (HV_RUN_PRELOAD): scripts behave as under python3 with the packages in its
dist-packages. All modules are imported before, and each script finds only what it imports itself."""
import os
import shutil
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../session"))
import machine  # noqa: E402

FOLDER = "usr/local/lib/python3.13/dist-packages"
OUT = "build/tests/py/layer"
MODULE, CODE = 3, 2

FILES = {
    "pure/__init__.py": "from . import part\nfrom .part import f\n__version__ = '1.5'\nfailed = []\n"
                        "try:\n    import no_such_module\nexcept ImportError as error:\n    failed.append(error.name)\n",
    "pure/part.py": "'''A part.'''\nimport json\nimport numpy.fft\nclass C:\n    x = 1\ndef f(n):\n    return 1 / n\n",
    "pure/lazy.py": "import colorsys\nfrom . import part\n",
    "pure/__main__.py": "import sys\nprint('main of', __package__, sys.argv)\n",
    "pure/data.txt": "data of pure\n",
    "pure-1.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: pure\nVersion: 1.5\nRequires-Dist: numpy\n",
    "pure-1.5.dist-info/entry_points.txt": "[pure.things]\nf = pure.part:f\n",
    "pure-1.5.dist-info/RECORD": "pure/__init__.py,,\n",
    "space/one.py": "here = __name__\n",
    "paths.pth": "extra\n/no/such/directory\nimport sys, started; sys.told = 'by a list'\n",
    "started.py": "import string\nfrom collections import OrderedDict\n",
    "extra/space/two.py": "import space.one\nhere = space.one.here\n",
    "ends.py": "import atexit, weakref\n"
               "class D:\n    def __init__(self, name):\n        self.name = name\n"
               "    def __del__(self):\n        if self.name:\n            print('dies:', self.name)\n"
               "kept = D('kept by the module')\natexit.register(print, 'first handler')\n"
               "atexit.register(print, 'second handler', end='!\\n')\nfin = weakref.finalize(kept, print, 'finalized')\n",
    "runs.py": "import threading, time\nseen = []\ndef work():\n    while True:\n        seen.append(1)\n        time.sleep(0.001)\n"
               "thread = threading.Thread(target=work, name='of runs', daemon=True)\nthread.start()\n",
    "swaps.py": "import sys, types\nclass Lazy(types.ModuleType):\n    def __getattr__(self, name):\n        return name.upper()\n"
                "sys.modules[__name__] = Lazy(__name__)\nsys.modules['swaps.moved'] = types.ModuleType('swaps.moved')\n",
    "finds.py": "import importlib.abc, importlib.util, sys\n"
                "class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
                "    def find_spec(self, name, path, target=None):\n"
                "        return importlib.util.spec_from_loader(name, self) if name == 'found' else None\n"
                "    def exec_module(self, module):\n        module.x = 'by a finder'\n"
                "sys.meta_path.append(Finder())\nimport found\n",
    "half.py": "import half_part\nhalf_part.x\nraise ValueError('half way')\n",
    "half_part.py": "x = 1\n",
    "circle_a.py": "import circle_b\nx = 1\n",
    "circle_b.py": "import circle_a\ny = 2\n",
    "warns.py": "import warnings\ndef f():\n    warnings.warn('of f')\n",
    "says.py": "import warnings\nprint('says')\nwarnings.warn('at import')\n",
    "keeps.py": "class D:\n    def __del__(self):\n        print('dies')\nkept = D()\n",
    "patches.py": "import html\nhtml.patched = 1\n",
    "random_state.py": "import random, numpy.random\n",
}

# What a script can notice, with the reason; see What a script could still notice in python-agent-driver/README.md.
DIFFERS = {
    "what an import prints": "import says\n",  # it was printed when the layer was made
    "what only a module keeps": "import keeps\n",  # it does not die in a run
    "what an import changes elsewhere": "import html\nprint(hasattr(html, 'patched'))\n",  # all scripts see it
}

NATIVE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
static long calls;
static PyObject *count(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    return PyLong_FromLong(++calls);
}
static PyMethodDef methods[] = {{"count", count, METH_NOARGS, "Counts."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_native(void)
{
    calls = 40;
    return PyModule_Create(&module);
}
"""

MODULES = ("pure", "pure.lazy", "space.one", "space.two", "native", "ends", "runs", "swaps", "finds", "half", "circle_a",
           "warns", "random_state", "says", "keeps", "patches")

NEW = "import sys\nbefore = {*sys.modules}\ndef new():\n    print(*sorted({*sys.modules} - before))\n"
SCRIPTS = {
    "the start": "import sys\nprint(sys.path, sys.told)\nprint(*sorted(sys.modules))\nprint(sys.argv, sys.flags)\n",
    "a package": NEW + "import pure\nnew()\nprint(*vars(pure), pure.failed, hasattr(pure, 'lazy'), pure.__file__, pure.__spec__)\n"
                 "import pure.lazy\nnew()\nprint(pure.lazy, pure.lazy.part is pure.part)\n",
    "from": NEW + "from pure import lazy\nfrom space import two, one\nnew()\nprint(two.here, one.here, sys.modules['space'].__path__)\n",
    "metadata": "from importlib import metadata, resources\nprint(metadata.version('pure'), metadata.requires('pure'))\n"
                "print(metadata.entry_points(group='pure.things')['f'].load())\nprint(resources.files('pure').joinpath('data.txt')"
                ".read_text())\nprint(sorted({d.name for d in metadata.distributions()})[:3], "
                "metadata.packages_distributions().get('pure'))\n",
    "native code": "import native\nprint(native.count(), native.count(), native.__file__, native.count.__doc__)\n",
    "the end": "import ends\nprint('script')\nends.kept.name = None\nmine = ends.D('of the script')\n",
    "no end": "print('script')\nimport atexit\natexit.register(print, 'own handler')\n",
    "a swap": NEW + "import swaps\nprint(type(swaps).__name__, swaps.anything)\nfrom swaps import moved\nnew()\n",
    "a finder": NEW + "import finds\nnew()\nimport found\nprint(found.x, sys.meta_path[-1].__module__)\n",
    "no finder": "import sys\ntry:\n    import found\nexcept ImportError as error:\n    print(error)\n",
    "half way": NEW + "for _ in range(2):\n    try:\n        import half\n    except ValueError as error:\n        print(error)\n    new()\n"
                "import half\n",
    "a circle": NEW + "import circle_b\nnew()\nprint(circle_b.circle_a.x, circle_b.circle_a.circle_b is circle_b)\n",
    "a traceback": "import pure\npure.f(0)\n",
    "source": "import inspect, pickle, pure\nprint(inspect.getsource(pure.f), inspect.getdoc(pure.part))\n"
              "print(pickle.loads(pickle.dumps(pure.part.C())).x)\n",
    "again": NEW + "import importlib, pure\nfirst = pure.part.C\nimportlib.reload(pure.part)\nprint(pure.part.C is first)\n"
             "del sys.modules['pure']\nimport pure as another\nprint(another is pure, another.part is pure.part)\nnew()\n",
    "warnings": "import warnings, warns\nwarns.f()\nwarns.f()\n",
    "a shadow": "import os, sys\nopen('pure.py', 'w').write('x = 7')\nimport pure\nprint(pure.x)\nos.remove('pure.py')\n",
    "collector": "import gc, pure\ngc.collect()\nprint(len([x for x in gc.get_objects() if type(x).__module__ == 'pure.part']))\n"
                 "loop = []\nloop.append(loop)\ndel loop\nprint(gc.collect(), gc.isenabled(), gc.get_threshold(), gc.garbage)\n",
    "isolated": "import threading\nprint(threading.current_thread().name, threading.main_thread().is_alive())\n",
}


def place(folder, root):
    """Write the packages into a folder."""
    for name, text in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    dev = "build/images/python/dev/usr/include"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", f"-I{dev}/python3.13", f"-I{dev}", f"-I{dev}/x86_64-linux-gnu",
                    "-x", "c", "-", "-o", os.path.join(folder, "native.cpython-313-x86_64-linux-gnu.so")], input=NATIVE, text=True,
                   check=True)


def in_machine(home, folder):
    """Results of the scripts, and what was said of the imports."""
    results = {}
    with machine.Machine(home) as vm:
        vm.files(folder)
        turn = vm.preload("\n".join(MODULES))
        if (turn.kind, turn.status) != ("ready", 0):
            raise SystemExit(f"layer_check.py: packages: {turn.kind} {turn.status} {turn.detail} {turn.err}")
        errors = [record["module"] for record in turn.records("preload") if "error" in record]
        state = vm.checkpoint()
        for name, code in {**SCRIPTS, **DIFFERS}.items():
            vm.to(state)
            turn = vm.script(code, cwd="/tmp")
            results[name] = turn.out.encode(), turn.err.encode(), turn.status
        vm.to(state)
        turn = vm.run(MODULE, "pure", argv=["-m", "a"], cwd="/tmp")
        results["-m"] = turn.out.encode(), turn.err.encode(), turn.status
    return results, errors


def oracle(root, env):
    """The same under python3."""
    enter = ["python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "inroot.py"), root, "/tmp", "python3"]

    def run(*words):
        done = subprocess.run([*enter, *words], capture_output=True, env=env)
        return done.stdout, done.stderr, done.returncode

    return {**{name: run("-c", code) for name, code in {**SCRIPTS, **DIFFERS}.items()}, "-m": run("-m", "pure", "a")}


def check(root, home, env, differences):
    subprocess.run(["make", "-s", "build/tests/turns"], check=True)
    shutil.rmtree(OUT, ignore_errors=True)
    place(OUT, root)
    theirs = os.path.join(root, FOLDER)
    shutil.copytree(OUT, theirs)
    try:
        expected = oracle(root, env)
    finally:
        shutil.rmtree(os.path.join(root, "usr/local/lib/python3.13"))
    got, errors = in_machine(home, OUT)
    wrong = [] if errors == ["half"] else [f"  imports that failed: {errors}"]
    for name, want in expected.items():
        lines = differences(want, got[name])
        if name in DIFFERS:
            lines = [] if lines else ["  no longer differs"]
        wrong += [f"  {name}:", *lines] if lines else []
    return wrong
