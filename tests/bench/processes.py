# SPDX-License-Identifier: Apache-2.0
"""Processes of the guest and what they say to each other, beside the same natively: children that are started and waited
for, and bytes between threads and between processes over pipes and the loopback."""
import os
from typing import NamedTuple

from report import Table
from ways import SCRIPTS, column, median, output

AMD, OTHER = 0, 1  # which limit holds: exceptions, of which processes take many, cost several times as much on other hosts


class Child(NamedTuple):
    script: str
    what: str
    limits: tuple  # of native time: on an AMD host, on others
    faults: int    # of the guest's own in a warm run with one of them, and pages that it writes
    pages: int


CHILDREN = [Child("child_true", '`subprocess.run(["true"])`', (4, 8), 40, 900),
            Child("child_python", '`subprocess.run([sys.executable, "-c", "pass"])`', (2, 4), 40, 900),
            Child("child_fork", "`os.fork()`, `os._exit(0)`, `os.waitpid()`", (1.2, 2.5), 60, None)]
ONCE = {"child_true": "import subprocess; subprocess.run(['true'])",
        "child_python": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'])",
        "child_fork": "import os; os.fork() or os._exit(0); os.wait()"}


def host_kind():
    with open("/proc/cpuinfo") as file:
        return AMD if "AuthenticAMD" in file.read() else OTHER


def seconds_in_guest(bench, script, runs):
    """Of each warm run: the first child's time, and the median of the later ones."""
    numbers = [float(line) for line in output(*bench.run, "--repeat", str(runs + 2), f"{SCRIPTS}/{script}.py").stdout.split()]
    return numbers[6::2], numbers[7::2]


def children(bench, budgets, preloaded):
    """preloaded: a native Python that has imported what the guest's has (ways.Rival)."""
    table = Table("Children, from start to wait", "", "native, ms", "guest, ms", "guest / native", "the first of a run, ms",
                  "pages rewound after one", "pages dropped", "guest page faults", "VM exits",
                  note="In a Python with the default packages loaded. Figures without a unit are of a warm run with one child.")
    kind = host_kind()
    for child in CHILDREN:
        native, guest, first = [], [], []
        for _ in range(bench.times(8)):
            native.append(median(preloaded.runs("inline", child.script, 3)[1]) * 1e3)
            firsts, later = seconds_in_guest(bench, child.script, 3)
            guest.append(median(later) * 1e3)
            first.append(median(firsts) * 1e3)
        ratio = median(g / n for g, n in zip(guest, native))
        lines = bench.warm_code(ONCE[child.script], 8, "-vv")
        pages, faults = column(lines, "pages rewound"), column(lines, "page faults")
        table.row(child.what, median(native), median(guest), ratio, median(first), pages, column(lines, "pages dropped"), faults,
                  column(lines, "exits"))
        budgets.most(f"{child.what}, of native time", ratio, child.limits[kind], "", min(guest) / min(native))
        budgets.most("the same, guest page faults in a warm run with one", faults, child.faults)
        if child.pages is not None:
            budgets.most("the same, pages that it writes", pages, child.pages)


WAYS = {"pipe-threads": "a byte there and back over pipes, between threads, µs",
        "pipe-processes": "the same between processes",
        "yield-threads": "one switch by `sched_yield`, between threads, µs",
        "yield-processes": "the same between processes",
        "echo-threads": "a byte there and back over loopback TCP, between threads, µs",
        "echo-processes": "the same between processes",
        "stream-threads": "a stream over loopback TCP, between threads, MB/s",
        "stream-processes": "the same between processes"}


def round_trips(bench, budgets):
    """A switch between processes is the load of CR3 and what a switch between threads is. So the budget of a round trip
    between processes takes that off twice."""
    text = output("tests/bench/roundtrips.sh", str(bench.times(12)),
                  env=dict(os.environ, BUILD=os.path.dirname(bench.pyhl))).stdout
    found = {"native": {way: [] for way in WAYS}, "guest": {way: [] for way in WAYS}}
    for line in text.splitlines():
        side, way, figure = line.split()
        found[side][way].append(float(figure))
    table = Table("Between threads and between processes, in C", "", "native", "guest", "guest / native")
    ratios = {}
    for way, what in WAYS.items():
        native, guest = found["native"][way], found["guest"][way]
        ratios[way] = median(g / n for g, n in zip(guest, native)), min(guest) / min(native)
        scale = 1 if way.startswith("stream") else 1e-3
        table.row(what, median(native) * scale, median(guest) * scale, ratios[way][0])
    more = [(pipes - 2 * (switch - yields) - threads) / 1e3 for pipes, switch, yields, threads in
            zip(*(found["guest"][way] for way in ("pipe-processes", "yield-processes", "yield-threads", "pipe-threads")))]
    budgets.most("a trip over pipes between processes: more than two CR3 loads and one between threads", median(more), 5, "µs", min(more))
    budgets.most("a trip over pipes between threads, of native time", ratios["pipe-threads"][0], 1.5, "", ratios["pipe-threads"][1])
    budgets.most("a trip over loopback TCP between threads, of native time", ratios["echo-threads"][0], 1.5, "", ratios["echo-threads"][1])
    for way, what in ("stream-threads", "threads"), ("stream-processes", "processes"):
        budgets.least(f"a stream over loopback TCP between {what}, of native speed", ratios[way][0], 0.7, "", ratios[way][1])
