# SPDX-License-Identifier: Apache-2.0
"""What a script could still notice: each line of the table in python-agent-driver/README.md, shown by a script.

A row has the table's first column, options and variables, the script, and what it prints under python3 and here. None
stands for anything else. A row that no longer differs fails, and so does a table with other lines, or more than seven.
"""
import base64
import os
import subprocess
import tempfile

MOST = 7
PLACES = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"}
UTF8 = {**PLACES, "LANG": "C.UTF-8"}

EFFECTS = """
import atexit, inspect, logging, warnings
print("matplotlib" in logging.root.manager.loggerDict, atexit._ncallbacks() > 3, len(object.__subclasses__()) > 1000)
import lxml.etree
print(inspect.isgenerator.__module__ == "inspect")
import matplotlib
print(matplotlib.rcParams["backend"])
"""

FINDER = """
import sys
print(len(sys.meta_path))
asked, ran = [], []
class Spy:
    def find_spec(self, name, path=None, target=None):
        asked.append(name)
sys.meta_path.insert(0, Spy())
sys.setprofile(lambda frame, event, arg: ran.append(frame.f_globals.get("__name__")))
import asyncio
sys.setprofile(None)
print("msvcrt" in asked, "asyncio.base_events" in asked, "asyncio.base_events" in ran)
"""

OPTIONS = """
import json, sys, textwrap
print(sys.flags.optimize, json.__doc__ is None, textwrap.dedent.__doc__ is None)
"""

DLOPEN = """
import base64, ctypes
with open("lazy.so", "wb") as file:
    file.write(base64.b64decode("LIBRARY"))
try:
    print(ctypes.CDLL("./lazy.so", mode=1).present())
except OSError:
    print("refused")
"""

MEMORY = """
import gc, sys
import pandas
print(gc.get_stats()[0]["collections"] > 0, sys.getrefcount(pandas.merge) < 1000)
"""

ROWS = (
    ("effects of imports", [], {**UTF8, "MPLBACKEND": "svg"}, EFFECTS,
     "False False False\nFalse\nsvg\n", "True True True\nTrue\nAgg\n"),
    ("import system", [], UTF8, FINDER, "3\nTrue True True\n", "4\nFalse True False\n"),
    ("hash seed", [], {**UTF8, "PYTHONHASHSEED": "0"}, "print(hash('a'))", "4644417185603328019\n", None),
    ("options and variables", ["-OO"], UTF8, OPTIONS, "2 True True\n", "2 False False\n"),
    ("locale", [], PLACES, "import os; print(os.environ.get('LC_CTYPE'))", "C.UTF-8\n", "None\n"),
    ("`dlopen`", [], UTF8, DLOPEN, "7\n", "refused\n"),
    ("collector, counts", [], UTF8, MEMORY, "True True\n", "False False\n"),
)


def lazy_library():
    """A library that calls a function that is nowhere, in a function that nobody calls."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lazy.so")
        code = b"int missing(void); int lazy(void) { return missing(); } int present(void) { return 7; }"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-nostdlib", "-Wl,-z,lazy", "-o", path, "-x", "c", "-"],
                       input=code, check=True)
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()


def table():
    """The first column of the table in the README."""
    with open("python-agent-driver/README.md") as file:
        text = file.read().split("\n## What a script could still notice\n")[1].split("\n## ")[0]
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")][2:]


def check(case, oracle, runner):
    """A list of what is wrong."""
    wrong = []
    names = [row[0] for row in ROWS]
    if table() != names or len(names) > MOST:
        wrong.append(f"  the README's table has {table()}, and the rows shown are {names}")
    for name, case.options, case.env, code, native, here in ROWS:
        case.source = code.replace("LIBRARY", lazy_library()).encode()
        (want, *_), (have, err, status) = oracle(case), runner(case)
        if want.decode() == native and (have.decode() == here or here is None and have != want and not status):
            continue
        wrong.append(f"  {name}: expected {native!r} and {here!r}, got {want}, {have} and {err}")
    return wrong
