#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py PYHL IMAGE [HOME]: what runs cost here, beside what others take for the same on this machine.

Run from the top of the tree, as root (chroot). Makes a home of its own unless one is named. Rivals use the image's own
Python: started afresh, under bubblewrap, and as a forked zygote with the same packages loaded. Medians; ratios and
counts can be trusted, absolute times only on a machine left alone. Nothing is asserted.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = {"": 200, "frame": 100, "arrays": 60, "touch": 15, "nbody": 15, "getppid": 15}
COLD = 60
LINE = re.compile(r"restore ([\d.]+) ms, run ([\d.]+) ms, exits (\d+).* pages rewound (\d+)")


def output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}: {done.stderr[-500:]}")
    return done


def workloads():
    names = ["print", "text", "frame", "arrays", "touch", "nbody", "getppid"]
    return {n: open(f"{HERE}/workloads/{n}.py").read() for n in names}


class Table:
    """A Markdown table, printed row by row."""

    def __init__(self, title, *columns):
        print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)

    def row(self, *cells):
        print(f"| {' | '.join(c if isinstance(c, str) else f'{c:.3g}' if c < 100 else f'{c:.0f}' for c in cells)} |",
              flush=True)


class Bench:
    def __init__(self, pyhl, image, home, scratch):
        self.pyhl, self.home, self.scratch = os.path.abspath(pyhl), home, scratch
        self.root = os.path.abspath(os.path.join(image, "root"))
        self.spawn = os.path.join(scratch, "spawn")
        output(os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o", self.spawn, f"{HERE}/spawn.c")

    def started(self, *command, root="/", runs=COLD):
        """The median time of a whole process."""
        return float(output(self.spawn, str(runs), root, *command).stdout.split()[0])

    def bubblewrap(self, *command):
        return ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", self.root, "/", "--dev", "/dev", "--proc",
                "/proc", "--tmpfs", "/tmp", *command)

    def zygote(self, scripts):
        """The image's tree is only read: /tmp is the zygote's own. One BLAS thread, as on the guest's one CPU."""
        counts = json.dumps(RUNS)
        program = open(f"{HERE}/zygote.py").read()
        command = ["bwrap", "--ro-bind", self.root, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
                   "--ro-bind", os.path.abspath("python-agent-driver"), "/usr/lib/pyhl",
                   "--setenv", "OPENBLAS_NUM_THREADS", "1",
                   "/usr/bin/python3", "-c", program, counts]
        return json.loads(output(*command, input=json.dumps(scripts)).stdout)

    def warm(self, name):
        """Medians of a script's later iterations: ms of restore and run, exits, pages; and what it printed last."""
        path = f"{HERE}/workloads/{name}.py"
        count = RUNS.get(name, RUNS[""])
        done = output(self.pyhl, "run", "--dest", self.home, "-v", "--repeat", str(count), path)
        rows = [[float(x) for x in m.groups()] for m in map(LINE.search, done.stderr.splitlines()) if m]
        words = done.stdout.split("\n")
        figures = [float(w) for w in words if re.fullmatch(r"\d+\.\d+(e-?\d+)?", w)]
        return [statistics.median(column) for column in zip(*rows[2:])], statistics.median(figures or [0])

    def private_memory(self):
        """KiB that a restored VM has for itself after print(1)."""
        with subprocess.Popen([self.pyhl, "run", "--dest", self.home, "-c",
                               "print(1, flush=True); import time; time.sleep(3)"], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            text = open(f"/proc/{child.pid}/smaps_rollup").read()
            child.kill()
        return int(re.search(r"Private_Dirty:\s+(\d+)", text).group(1))


def table_processes(bench):
    table = Table("Whole processes", "what", "ms", "budget, ms", "of `python3 -c pass`")
    native = {"root": bench.root}
    base = bench.started("/usr/bin/python3", "-c", "pass", **native)
    rows = [("`python3 -c pass`, the image's own", base, "")]
    rows.append(("`python3 -c 'print(1)'`", bench.started("/usr/bin/python3", "-c", "print(1)", **native), ""))
    pandas = ("/usr/bin/python3", "-c", "import pandas")
    rows.append(("`python3 -c 'import pandas'`", bench.started(*pandas, runs=10, **native), ""))
    if shutil.which("bwrap"):
        wrapped = bench.bubblewrap("/usr/bin/python3", "-c", "print(1)")
        rows.append(("the same print under bubblewrap", bench.started(*wrapped), ""))
        rows.append(("the same import under bubblewrap", bench.started(*bench.bubblewrap(*pandas), runs=10), ""))
    run = (bench.pyhl, "run", "--dest", bench.home, "-c")
    rows.append(("**cold** `pyhl run -c 'print(1)'`", bench.started(*run, "print(1)"), f"6; {base / 2:.3g}"))
    rows.append(("**cold** `pyhl run -c 'import pandas'`", bench.started(*run, "import pandas"), ""))
    for name in ("frame", "arrays"):
        path = f"{HERE}/workloads/{name}.py"
        rows.append((f"**cold** {name}", bench.started(*run[:-1], path, runs=20), ""))
    for name, ms, budget in rows:
        table.row(name, ms, budget, ms / base)


def table_runs(bench, rival):
    table = Table("Warm hermetic runs against a forked zygote with the same packages", "script", "zygote, ms",
                  "pyhl, ms", "pyhl / zygote", "restore, ms", "run, ms", "exits", "pages rewound", "µs a page")
    results = {}
    for name in ("print", "text", "frame", "arrays", "touch", "nbody"):
        (restore, run, exits, pages), figure = bench.warm(name)
        results[name] = restore, run, exits, pages, figure
        zygote = rival.get(name, (float("nan"),))[0]
        table.row(name, zygote, restore + run, (restore + run) / zygote, restore, run, exits, pages,
                  restore * 1e3 / max(pages, 1))
    return results


def table_budgets(bench, rival, runs):
    restore, run, exits, pages, _ = runs["print"]
    zygote, native_loop = rival.get("print", (float("nan"),))[0], rival.get("nbody", (0, 0))[1]
    _, getppid = bench.warm("getppid")
    table = Table("Budgets of the design", "what", "here", "budget")
    table.row("VM exits per warm `print(1)`", exits, "1")
    table.row("rewind per dirty page, µs", restore * 1e3 / max(pages, 1), "0.2")
    table.row("warm `print(1)`, ms", restore + run, "0.15")
    table.row("the same, of a forked zygote's", (restore + run) / zygote, "0.1")
    table.row("private memory of a restored VM after `print(1)`, KiB", bench.private_memory(), "1024")
    table.row("CPU-bound Python, of native speed", native_loop / runs["nbody"][4], "0.98")
    table.row("`getppid` through libc, ns", getppid, "15")
    table.row("`getppid` in the zygote (Linux), ns", rival.get("getppid", (0, 0))[1], "")
    disk = os.stat(os.path.join(bench.home, "snapshot")).st_blocks * 512 / 2**20
    table.row("snapshot on disk, MiB", disk, "120")
    return table


def main(pyhl, image, home=None):
    with tempfile.TemporaryDirectory() as scratch:
        setup = ""
        if home is None:
            home = os.path.join(scratch, "home")
            setup = output(pyhl, "setup", "--from", image, "--dest", home).stdout.replace(home, "HOME")
        bench = Bench(pyhl, image, home, scratch)
        rival = bench.zygote(workloads()) if shutil.which("bwrap") else {}
        table_processes(bench)
        runs = table_runs(bench, rival)
        table_budgets(bench, rival, runs)
        if setup:
            imports = rival.get("import", (float("nan"),))[0]
            print(f"\n### Set-up\n\nThe preloaded imports alone take {imports:.3g} s natively; the budget of set-up is "
                  f"twice that and 1 s: {2 * imports + 1:.3g} s.\n\n```\n{setup.strip()}\n```")


if __name__ == "__main__":
    main(*sys.argv[1:])
