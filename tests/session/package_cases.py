# SPDX-License-Identifier: Apache-2.0
"""Packages that come into a machine (HV_RUN_PRELOAD): as its first run, and in a live session."""
import contextlib
import os
import tempfile

from check import case, ends, gives, same

PATH = "/usr/local/lib/python3.13/dist-packages"


@contextlib.contextmanager
def tree(files):
    """A directory with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        yield folder


def take(session, lines="", files=None, out="", err=""):
    """Give the machine packages; returns the records of the lines."""
    with tree(files or {}) as folder:
        session.files(folder)
        turn = ends(session.preload(lines), 0, out, err)
    return turn.records("preload")


def ran(turn, out=None):
    """A script has ended the machine, with this output, if any, and nothing else. Returns the output."""
    same((turn.kind, turn.status, turn.out, turn.err), ("exited", 0, turn.out if out is None else out, ""))
    return turn.out


@case
def packages_first(session):
    """The first run takes packages and imports them, or tells why not; the next one is any script, and a cell too."""
    files = {"one.py": "import sys\nwhere = __file__\nstate = [0]\n", "bad.py": "import no_such_thing\n",
             "ends.py": "raise SystemExit(3)\n", "lines.pth": "extra\nimport sys; sys.told = 'pth'\n", "extra/two.py": ""}
    told = take(session, "# packages\n\none\nbad\n missing? \n>>> one_more = 1 / 0\nends\ntwo\n", files)
    same(told, [{"line": 3, "module": "one"}, {"line": 4, "module": "bad"},
                {"line": 4, "module": "bad", "error": "ModuleNotFoundError: No module named 'no_such_thing'"},
                {"line": 5, "module": "missing"}, {"line": 6, "module": ">>> one_more = 1 / 0"},
                {"line": 6, "module": ">>> one_more = 1 / 0", "error": "ZeroDivisionError: division by zero"},
                {"line": 7, "module": "ends"}, {"line": 7, "module": "ends", "error": "SystemExit: 3"},
                {"line": 8, "module": "two"}])
    state = session.checkpoint()
    ran(session.script("import one, two, sys; print(one.where, two.__file__, sys.told); one.state += [1]"),
        f"{PATH}/one.py {PATH}/extra/two.py pth\n")
    session.to(state)
    ran(session.script("import one; print(one.state)"), "[0]\n")
    session.to(state)
    gives(session.cell("import one; one.state"), "[0]")


@case
def packages_twice(session):
    """A second run of packages adds to the first."""
    take(session, "one", {"one.py": "x = 1\n", "a.pth": "import sys; sys.told = ['a']\n"})
    take(session, "two", {"two.py": "from one import x\n", "b.pth": "import sys; sys.told += ['b']\n"})
    ran(session.script("import one, two, sys; print(one.x + two.x, sys.told)"), "2 ['a', 'b']\n")


@case
def packages_end(session):
    """An import that takes the process down ends the machine, and the last record tells which it was."""
    deaths = {"leaves": ("import os; os._exit(7)", "exited", 7), "crashes": ("import ctypes; ctypes.string_at(0)", "signaled", 11), "aborts": ("import os; os.abort()", "signaled", 6),
              "hangs": ("while True: pass", "timeout", 0)}
    start = session.checkpoint()
    for name, (text, kind, status) in deaths.items():
        with tree({f"{name}.py": text}) as folder:
            session.files(folder)
            turn = session.preload(f"json\n{name}\nos\n", timeout=2)
        same((turn.kind, turn.status if kind != "timeout" else 0), (kind, status))
        same(turn.records("preload"), [{"line": 1, "module": "json"}, {"line": 2, "module": name}])
        session.to(start)
    told = take(session, "huge\nos\n", {"huge.py": "x = [bytearray(1 << 26) for _ in range(1000)]\n"})
    same(told[1:], [{"line": 1, "module": "huge", "error": "MemoryError: "}, {"line": 2, "module": "os"}])
    ran(session.script("print(1)"), "1\n")


@case
def packages_live(session):
    """A session takes packages between two cells; it imports none by itself."""
    gives(session.cell("import sys\nbefore = [*sys.path]\ntry:\n    import late\nexcept ImportError:\n    pass\n1"), "1")
    same(take(session, "", {"late.py": "x = 5\n", "a.pth": "more\n", "more/other.py": "y = 6\n"}), [])
    gives(session.cell("import late, other\nlate.x, other.y"), "(5, 6)")
    gives(session.cell("[p for p in sys.path if p not in before], sys.path[-1]"),
          f"(['{PATH}', '{PATH}/more'], '/usr/lib/python3/dist-packages')")
    same(take(session, "", {"later.py": "z = 7\n"}), [])
    gives(session.cell("import later\nlater.z"), "7")
    turn = session.preload("later")
    same((turn.kind, turn.status, turn.err), ("ready", 125, "pyhl: modules are imported before the first cell of a session; "
                                             "the next cell can import them\n"))
    gives(session.cell("late.x"), "5")


@case
def packages_unseen(session):
    """A script finds nothing of what it does not import: no module, no attribute of a package, no handler. With a module
    comes what its import brings."""
    files = {"one/__init__.py": "import atexit, json, numpy.fft, late_one.sub\n"
             "atexit.register(print, 'one ends')\nlater = []\n", "late_one/__init__.py": "", "late_one/sub.py": "",
             "one/more.py": "import atexit\natexit.register(print, 'more', end='!\\n')\n", "two.py": "import one\n"}
    look = ("import sys\nprint(*sys.modules)\nprint(*map(str, sys.meta_path[1:]), len(sys.meta_path))\n"
            "import numpy\nprint('fft' in vars(numpy), *sorted({*sys.modules}))\n")
    plain = ran(session.script(look))
    session.rewind()
    take(session, "one.more\ntwo\n", files)
    state = session.checkpoint()
    ran(session.script(look), plain)
    for code, out in (
            ("import two, sys\nprint([n for n in ('one', 'two', 'one.more', 'late_one.sub', 'json', 'numpy.fft') if n in sys.modules])"
             "\nprint(hasattr(two.one, 'more'), hasattr(sys.modules['numpy'], 'fft'))",
             "['one', 'two', 'late_one.sub', 'json', 'numpy.fft']\nFalse True\none ends\n"),
            ("import one.more\nprint(one.more.__name__)", "one.more\nmore!\none ends\n"),
            ("import late_one\nprint(hasattr(late_one, 'sub'))\nimport late_one.sub\nprint(late_one.sub)",
             f"False\n<module 'late_one.sub' from '{PATH}/late_one/sub.py'>\n"),
            ("import importlib, two, sys\nsys.modules.pop('two')\nprint(importlib.import_module('two') is two)",
             "False\none ends\n"),
            ("import gc, two\nprint(gc.get_count()[1:], gc.get_freeze_count(), gc.is_tracked(two.one.later),"
             " any(x is two.one.later for x in gc.get_objects()))", "(0, 0) 0 True False\none ends\n")):
        session.to(state)
        ran(session.script(code), out)


@case
def packages_left(session):
    """What imports leave: a descriptor is told of and stays open, bytecode is there for what was not imported, warnings are
    shown again, and no line of a file is kept."""
    told = take(session, "json\none\n", {
        "one.py": "import os, warnings\nfile = os.open('/etc/passwd', os.O_RDONLY)\nwarnings.warn('from one')\n"
                  "def f(): warnings.warn('of f')\nf()\n",
        "lazy.py": "x = 1\n", "tests/test_one.py": "x = 2\n", "old.py": "print 'python 2'\n"},
        err=f"{PATH}/one.py:3: UserWarning: from one\n  warnings.warn('from one')\n"
            f"{PATH}/one.py:4: UserWarning: of f\n  def f(): warnings.warn('of f')\n")
    same(told[2:], [{"line": 2, "module": "one", "open": 3, "path": "/etc/passwd"}])
    state = session.checkpoint()
    ran(session.script("import os, one\nprint(os.read(3, 4), one.file)"), "b'root' 3\n")
    session.to(state)
    turn = session.script("import one, linecache, os\nprint(len(linecache.cache), sorted(os.listdir(os.path.dirname(one.__file__) + "
                          "'/__pycache__')))\none.f()")
    same((turn.status, turn.out, turn.err),
         (0, "0 ['lazy.cpython-313.pyc', 'one.cpython-313.pyc']\n",
          f"{PATH}/one.py:4: UserWarning: of f\n  def f(): warnings.warn('of f')\n"))


@case
def packages_random(session):
    """A generator that has seeded itself while it was imported differs from run to run; one with a seed does not."""
    take(session, "one\n", {
        "one.py": "import random\nown, given, later = random.Random(), random.Random(5), random.Random()\nlater.seed(6)\n"
                  "class R(random.Random):\n    pass\nmore = R()\nmore.random()\nprint('printed once')\n"}, out="printed once\n")
    state = session.checkpoint()
    seen = []
    for _ in range(2):
        session.to(state)
        seen.append(ran(session.script(
            "import one, random\nprint(one.own.random(), one.more.random(), random.random(), one.given.random(), one.later.random())"
        )).split())
    same([a == b for a, b in zip(*seen)], [False, False, False, True, True])
    session.to(state)
    ran(session.script("import random; print(random.Random.seed.__module__, random.Random(1).random())"),
        "random 0.13436424411240122\n")


@case
def packages_options(session):
    """Packages are imported without options; the machine can still take packages."""
    turn = session.preload("json", options=["-O"])
    same((turn.kind, turn.status, turn.err), ("ready", 125, "pyhl: option '-O': packages are imported without options\n"))
    take(session, "one", {"one.py": "x = 1\n"})
    ran(session.script("import one; print(one.x)"), "1\n")


@case
def packages_rewound(session):
    """A machine that is made from a state with packages is that state again after each run, whatever the run did."""
    take(session, "one", {"one.py": "import json, numpy\nx = [object() for _ in range(1_000_000)]\n", "other.py": "y = 1\n"})
    session.copy(session.checkpoint())
    for code in ("print(1)", "import one; one.x.clear()", "import one; print(sum(map(id, one.x)) > 0)",
                 "import shutil; shutil.rmtree('/usr/local/lib/python3.13')", "import os; os._exit(3)", "1 / 0",
                 "import numpy; x = numpy.ones(20_000_000); import one; one.y = x; import other; other.z = one"):
        assert session.script(code).kind == "exited", code
        session.rewind()
        session.check()
    ran(session.script("import one, other; print(len(one.x), other.y, hasattr(other, 'z'))"), "1000000 1 False\n")


@case
def packages_cost(session):
    """A small script writes about as many pages as without packages, and takes one exit and no fault."""
    def warm():
        turns = []
        for _ in range(5):
            turns.append(session.script("print(1)"))
            session.rewind()
        same(min((turn.exits, turn.faults) for turn in turns), (1, 0))  # a busy host has its own
        return turns[-1].pages

    plain = warm()
    session.rewind()
    take(session, "one", {"one.py": "import json, numpy\nx = [object() for _ in range(100_000)]\n"})
    session.copy(session.checkpoint())
    with_packages = warm()
    assert with_packages < plain * 1.1, (plain, with_packages)
