# SPDX-License-Identifier: Apache-2.0
"""A layer with a package, made once, and states of sessions: cold runs from them beside plain ones, whole processes in
turns."""
import os
import tempfile
import time

from report import Table
from ways import output

# Of functions and classes as a large package has them, and of data as its libraries are.
PACKAGE = "\n".join(f"class C{i}:\n    x = {i}\n    def f(self, y): return y + {i}\ndef g{i}(a, b=None): return (a, b, 'g{i}')"
                    for i in range(4000))
DATA = 60 << 20
WAYS = {"plain": "a plain one: `print(1)`", "layer": "from the layer: `print(1)`", "used": "from the layer, which imports the package",
        "state": "from a state that `pyhl run --save` has saved"}


def make_layer(bench, folder):
    """The first run makes the layer; what resolves its packages is the tests' stand-in for uv. Returns its seconds."""
    os.mkdir(f"{folder}/bin")
    os.symlink(os.path.abspath("tests/packages/toy_uv.py"), f"{folder}/bin/uv")
    for name, text in (("large.py", PACKAGE), ("large.size", str(DATA))):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "TOYS": folder}
    began = time.perf_counter()
    output(*bench.run, "--with", "large", "-c", "import large", env=environment)
    return time.perf_counter() - began


def layers(bench):
    """Prints what runs from layers cost. Returns by way the ratios to a plain run: of the medians, and of the least."""
    kept = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory(prefix="pyhl-bench-") as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        try:
            seconds = make_layer(bench, folder)
            output(*bench.run, "--save", f"{folder}/state", "-c", "import pandas; frame = pandas.DataFrame({'x': range(9)})")
            times = bench.processes(plain=bench.cold(40, "-c", "print(1)"),
                                    layer=bench.cold(40, "--with", "large", "-c", "print(1)"),
                                    used=bench.cold(40, "--with", "large", "-c", "import large; print(1)"),
                                    state=bench.cold(40, "--from", f"{folder}/state", "-c", "print(1)"))
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if kept is not None:
                os.environ["XDG_CACHE_HOME"] = kept
    table = Table("Cold runs from a layer and from a state, whole processes", "", "ms", "least", "CPU time, ms", "of a plain run",
                  note=f"The layer has a package of 4,000 classes, 4,000 functions and {DATA >> 20} MiB of data. The first run with it, "
                  f"which makes the layer, took {seconds:.2f} s.")
    ratios = {}
    for way, what in WAYS.items():
        ratios[way] = times[way].median / times["plain"].median, times[way].least / times["plain"].least
        table.row(what, times[way].median, times[way].least, times[way].cpu, ratios[way][0])
    return ratios
