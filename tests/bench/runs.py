# SPDX-License-Identifier: Apache-2.0
"""Times of runs: each workload in each way, counts of warm runs, work compared with native Python, a large run among
small ones."""
import re
import subprocess
import sys

from report import Table
from ways import SCRIPTS, Times, column, counts_of, last_number, median, output

# Workload, what it is, and how often it runs: whole Python processes, cold pyhl, runs within a process.
WORKLOADS = [
    ("print", "`print(1)`", 40, 60, 200),
    ("text", "json, re, hashlib", 24, 30, 100),
    ("frame", "DataFrame: merge, group, describe", 6, 24, 60),
    ("arrays", "numpy: matmul, FFT, sort", 8, 24, 60),
    ("touch", "writes 200 MB", 6, 8, 9),
    ("nbody", "pure Python: n-body", 10, 10, 12),
    ("parser", "pure Python: a parser", 10, 10, 12),
    ("strings", "pure Python: string building", 10, 10, 12),
    ("modules", "imports 20 more modules", 8, 12, 12),
    ("importpd", "`import pandas`", 6, 40, 60),
]
ROUNDS = 3
NOT_INLINE = ("modules",)  # its second run in a process has nothing to do
TAXED = [("nbody", "n-body"), ("parser", "a parser"), ("strings", "string building"), ("linear", "numpy")]

# Workload, what it is, and what it may take of native Python's time.
MUCH = [("objects", "300 objects of 1 MiB", 1.0), ("freed", "ten arrays of 20 MiB, freed one by one", 1.3),
        ("deep", "a recursion on a stack of 512 MiB", 1.5), ("threads", "four threads that compute", 1.2)]


def spread(runs):
    """Runs for each round. In a round the ways take turns, so that other work on the machine falls on all alike."""
    return [-(-runs // ROUNDS)] * ROUNDS


class Result:
    """One workload: Times in milliseconds by way, the times of its warm runs, and the -vv figures of a few of them."""

    def __init__(self, bench, rivals, workload):
        self.name, self.what, processes, cold, runs = workload
        forked, inline = rivals
        script = f"/tmp/{self.name}.py"
        bench.check_same(self.name)
        self.times = bench.processes(python=bench.native(processes, script), bwrap=bench.bubblewrap(processes, script),
                                     cold=bench.cold(cold, f"{SCRIPTS}/{self.name}.py"))
        times = {"zygote": [], "inline": []}
        self.lines = []
        for count in spread(bench.times(runs)):
            times["zygote"] += forked.runs("fork", self.name, count + 1)[0][1:]
            # The first run in a process imports and fills caches, which is not "warm".
            times["inline"] += inline.runs("inline", self.name, count + 1)[0][1:]
            self.lines += bench.warm(self.name, count)[0]
        if self.name in NOT_INLINE:
            times["inline"] = [float("nan")]
        times["warm"] = [line["restore"] + line["run"] for line in self.lines]
        self.times.update((way, Times.of(ms)) for way, ms in times.items())
        self.details = bench.warm(self.name, 3, "-vv")[0]

    def ms(self, way):
        return self.times[way].median

    def count(self, name):
        times = column(self.lines, name)
        return column(self.details, name) if times is None else times

    def ratio(self, way, other):
        return self.ms(way) / self.ms(other)


def all_ways(bench, rivals):
    table = Table("Scripts, each way", "script", "`python3 script.py`", "under bubblewrap", "**pyhl, cold**",
                  "cold / python3", "forked zygote", "**pyhl, warm**", "warm / zygote", "one Python for all runs",
                  note="Milliseconds. Zygote: a Python with the same packages loaded that forks for each run. One "
                  "Python for all: the script again and again in one process, nothing undone between runs.")
    results = {}
    for workload in WORKLOADS:
        r = results[workload[0]] = Result(bench, rivals, workload)
        table.row(r.what, r.ms("python"), r.ms("bwrap"), r.ms("cold"), r.ratio("cold", "python"), r.ms("zygote"),
                  r.ms("warm"), r.ratio("warm", "zygote"), r.ms("inline"))
    return results


# Column of the table, and its name in `pyhl run -vv`.
COUNTS = [("restore, ms", "restore"), ("run, ms", "run"), ("VM exits", "exits"), ("of them signals", "signal"),
          ("guest page faults", "page faults"), ("calls rewritten", "rewritten"), ("calls trapped", "trapped"),
          ("pages rewound", "pages rewound")]


def warm_counts(results):
    table = Table("Warm runs in figures", "script", *(title for title, _ in COUNTS), "MiB rewound",
                  "rewind, µs a page", "pages that differed")
    for r in results.values():
        pages = r.count("pages rewound")
        table.row(r.what, *(r.count(name) for _, name in COUNTS), pages / 256, r.count("restore") * 1e3 / max(pages, 1),
                  column(r.details, "changed"))


# As COUNTS, for a cold run.
COLD_COUNTS = [("restore, ms", "restore"), ("run, ms", "run"), ("VM exits", "exits"),
               ("guest page faults", "page faults"), ("calls trapped", "trapped"),
               ("pages prefaulted", "pages prefaulted")]


def cold_counts(bench):
    table = Table("Cold runs in figures", "script", "whole process, ms", "CPU time of it, ms",
                  *(title for title, _ in COLD_COUNTS), "the rest, ms",
                  note="The rest: exec, opening the home, ending the process, and what -v costs. CPU time does not "
                  "count waiting for a CPU that others have.")
    for name, what in (("print", "`print(1)`"), ("importpd", "`import pandas`"), ("frame", "DataFrame"),
                       ("modules", "20 modules")):
        whole, lines = bench.cold_parts(name, 20)
        counts = bench.cold_parts(name, 5, "-vv")[1]
        table.row(what, whole.median, whole.cpu, *(column(lines if figure in lines[0] else counts, figure)
                                                   for _, figure in COLD_COUNTS), whole.median - column(lines, "restore") - column(lines, "run"))


# The phases in order: of the process, of a restore, of a run, and again of the process.
PHASES = ["load", "begin", "jail", "open", "vm", "vcpu", "map", "tracking", "prefault", "slots", "cpuid", "settle", "log",
          "copy", "cool", "shadow", "state", "handover", "enter", "guest", "finish", "end"]


def phases(bench, results):
    """Where the time of a cold and a warm run goes, as `pyhl run -vv` tells it."""
    runs = [("cold `print(1)`", bench.cold_parts("print", 20, "-vv")[1]),
            ("warm `print(1)`", bench.warm("print", bench.times(40), "-vv")[0]),
            ("cold DataFrame", bench.cold_parts("frame", 8, "-vv")[1]), ("warm DataFrame", results["frame"].details),
            ("warm, 20 modules", results["modules"].details)]
    table = Table("Phases, ms", "phase", *(title for title, _ in runs),
                  note="Of the process (load, begin, jail; end), the restore (to state) and the run (handover to finish).")
    for phase in PHASES:
        row = [column(lines, phase) for _, lines in runs]
        if any(figure is not None for figure in row):
            table.row(phase, *row)


def work(bench):
    """Times loops that scripts measure themselves, natively and in the guest by turns. Returns native / guest by name,
    as the median of the pairs and as best against best."""
    table = Table("Work: the same loop in a native process and in the guest", "loop", "native, ms", "guest, ms",
                  "guest's speed, of native", "best against best", "signal exits a run",
                  note="The script's own clock, by turns: a fresh `python3`, then pyhl, warm. The third column is the "
                  "median of the pairs' ratios.")
    speeds = {}
    for name, what in TAXED:
        bench.check_same(name)
        native, guest, exits = [], [], []
        for _ in range(bench.times(12)):
            lines, own = bench.warm(name, 2, "-vv")
            native.append(last_number(bench.native_output(name)) * 1e3)
            guest.append(median(own) * 1e3)
            exits += [line["signal"] for line in lines]
        speeds[name] = median(n / g for n, g in zip(native, guest)), min(native) / min(guest)
        table.row(what, median(native), median(guest), *speeds[name], median(exits))
    return speeds


def much_memory(bench):
    """Times much memory and deep stacks, natively, cold and warm by turns. Returns (warm, best warm) of native."""
    table = Table("Much memory, and threads", "script", "native, ms", "pyhl, cold", "cold / native", "pyhl, warm",
                  "warm / native", "best against best", "pages rewound", "pages dropped",
                  note="The script's own clock; to a warm run the rewind before it is added. Ratios are the median of "
                  "the turns'.")
    ratios = {}
    for name, what, _ in MUCH:
        bench.check_same(name)
        native, cold, warm, counts = [], [], [], []
        for _ in range(bench.times(8)):
            native.append(last_number(bench.native_output(name)) * 1e3)
            cold.append(last_number(output(*bench.run, f"{SCRIPTS}/{name}.py").stdout) * 1e3)
            lines, own = bench.warm(name, 3, "-vv")
            warm.append(median(line["restore"] + ms * 1e3 for line, ms in zip(lines, own)))
            counts += lines
        ratios[name] = median(w / n for n, w in zip(native, warm)), min(warm) / min(native)
        table.row(what, median(native), median(cold), median(c / n for n, c in zip(native, cold)), median(warm),
                  *ratios[name], column(counts, "pages rewound"), column(counts, "pages dropped"))
    return ratios


def renewed(bench):
    """The cost of `--renew`, with which a run cannot tell by timing which pages the run before has touched."""
    table = Table("Warm runs with their memory renewed (`--renew`)", "script", "rewound, ms", "renewed, ms",
                  "of it the renewal, ms", "pages prefaulted", "renewed / rewound")
    for name, what in (("print", "`print(1)`"), ("text", "json, re, hashlib"), ("frame", "DataFrame")):
        rewound, lines = (bench.warm(name, bench.times(30), "-vv", *more)[0] for more in ((), ("--renew",)))
        whole = [median(line["restore"] + line["run"] for line in of) for of in (rewound, lines)]
        table.row(what, *whole, column(lines, "restore"), column(lines, "pages prefaulted"), whole[1] / whole[0])


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"Private_Dirty:\s+(\d+)", file.read()).group(1))


def large_among_small(bench):
    """Runs in one VM: small ones, one that writes 200 MB, small ones again. Does the large one cost later ones?"""
    small, after = 12, 20
    letters = b"s" * small + b"T" + b"s" * after
    command = [*bench.run, "-vv", "--repeat", str(len(letters)), f"{SCRIPTS}/mixed.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        memory = []
        for n, letter in enumerate(letters):
            child.stdin.write(bytes([letter]))
            child.stdin.flush()
            child.stdout.readline()
            if n in (small - 1, small, len(letters) - 1):
                memory.append(private_kib(child.pid) / 1024)
        child.stdin.write(b"s")
        child.stdin.close()
        lines = counts_of(child.stderr.read().decode())
    if child.returncode:
        sys.exit(f"{' '.join(command)}: status {child.returncode}")
    table = Table("Small runs, one that writes 200 MB, small runs again, in one VM", "runs", "ms", "pages rewound",
                  "private memory of the process, MiB")
    parts = [("before", lines[4:small]), ("the large one", lines[small:small + 1])]
    parts += [(f"number {n + 1} after it", lines[small + 1 + n:small + 2 + n]) for n in range(3)]
    parts += [("later ones", lines[small + 6:])]
    sizes = dict(zip(("before", "the large one", "later ones"), memory))
    for what, part in parts:
        table.row(what, median(line["restore"] + line["run"] for line in part), column(part, "pages rewound"),
                  sizes.get(what))


def per_iteration(bench):
    """Returns milliseconds an iteration, and those of CPU time: what 500 iterations take longer than 100, by 400."""
    def repeat(n):
        return bench.cold(12, "--repeat", str(n), "-c", "print(1)")

    ms = bench.processes(few=repeat(100), many=repeat(500))
    return (ms["many"].median - ms["few"].median) / 400, (ms["many"].cpu - ms["few"].cpu) / 400
