# SPDX-License-Identifier: Apache-2.0
"""The machine: what it is, how busy it is, what its traps cost."""
import os
import platform
import re
import subprocess
import sys

from report import Table
from ways import output


def load():
    return " ".join(f"{x:.2f}" for x in os.getloadavg())


def remark():
    """A warning when the machine is busy: the load of the last minute is not this program's yet."""
    if os.getloadavg()[0] <= os.cpu_count() / 2:
        return ""
    return "**The machine is busy: trust counts, and ratios a little, but no time.** "


def heading(bench):
    with open("/proc/cpuinfo") as file:
        cpuinfo = file.read()
    cpu = re.search(r"model name\s*: (.*)", cpuinfo).group(1)
    hardware = re.search(r"^flags\s*:.*\b(vmx|svm)\b", cpuinfo, re.M)
    version = output(bench.pyhl, "--version").stdout.strip()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    print(f"## {version} {commit} on {'hardware KVM' if hardware else 'kvm-pvm'}\n\n"
          f"{cpu}, {os.cpu_count()} CPUs, Linux {platform.release()}; load average at the start {load()}. {remark()}"
          f"{'A quick run: few repetitions. ' if bench.quick else ''}Medians. Ratios and counts repeat; times do so "
          f"only on a machine left alone.", flush=True)


def calls(bench):
    """Returns the nanoseconds of a getppid: in the C library and in generated code, natively and in the guest."""
    text = output("tests/bench/calls.sh", env=dict(os.environ, BUILD=os.path.dirname(bench.pyhl))).stdout
    native, guest = text.split("guest:")
    return [float(re.search(rf"{what} ([\d.]+) ns", part).group(1))
            for part in (native, guest) for what in ("libc", "generated")]


def trap_costs(bench):
    print("\n### What events cost here\n", flush=True)
    print(output(f"{bench.programs}/traps", f"{bench.programs}/trapguest").stdout.strip())
    native, _, rewritten, trapped = calls(bench)
    table = Table("System calls of the guest kernel", "`getppid`", "ns", "of Linux on this host")
    table.row("Linux on this host", native, 1.0)
    table.row("in the guest, through the C library: a rewritten site", rewritten, rewritten / native)
    table.row("in the guest, from generated code: it traps", trapped, trapped / native)


TOOL_CALLS = {
    "bare": "a bare exit: the doorbell, and no call",
    "plain": "a call with 8 bytes, answered at once",
    "4KiB": "a call with 4 KiB of arguments and of reply",
    "ten": "one of ten that are made, then read",
    "ten-late": "one of ten that the host answers together, when the guest sleeps",
    "record": "a record of 100 bytes, which the host drops",
}


def tool_calls(bench):
    """Prints what calls of functions of the host cost. Returns their ratios to a bare exit: median and least."""
    text = output("tests/bench/toolcalls.sh", env=dict(os.environ, BUILD=os.path.dirname(bench.pyhl))).stdout
    table = Table("Calls of functions of the host, in C", "from the write to the reply", "µs", "of a bare exit")
    ratios = {}
    for line in text.splitlines():
        way, *figures = line.split()
        ns, _, ratio, least = map(float, figures)
        table.row(TOOL_CALLS[way], ns / 1e3, ratio)
        ratios[way] = ratio, least
    return ratios


BRANCHES = {
    "checkpoint": "a checkpoint of a session that has written 1 MiB since the last one",
    "rewind": "a rewind of the session to it",
    "restore": "a VM from the snapshot",
    "fork": "a VM from the checkpoint",
}


def branches(bench):
    """Prints what branches of a session cost. Returns (median, least) by name."""
    text = output(f"{bench.programs}/branch", bench.home, str(bench.times(200))).stdout
    found = {name: (float(median), float(least)) for name, median, least in map(str.split, text.splitlines())}
    table = Table("Branches of a session", "", "CPU time, ms", "least")
    for name, what in BRANCHES.items():
        table.row(what, *found[name])
    print(f"\nA checkpoint takes {found['bytes'][0]:.2f} MiB. A VM from it has {found['pages'][0]:.0f} pages of its own more than one from "
          "the snapshot, and shares the rest of what the session has written.")
    return found


def serve(bench):
    """Prints what `pyhl serve --stdio` adds to a run. Returns the figures by name."""
    text = output(f"{bench.programs}/serve", bench.pyhl, bench.home, str(bench.times(10000))).stdout
    found = {name: [float(figure) for figure in figures] for name, *figures in map(str.split, text.splitlines())}
    text = output(sys.executable, "tests/bench/sdk.py", bench.pyhl, bench.home, str(bench.times(10000))).stdout
    found.update((name, [float(figure) for figure in figures]) for name, *figures in map(str.split, text.splitlines()))
    table = Table("`pyhl serve --stdio`: `print(1)`, beyond what `vmm_run()` takes, ms", "", "median", "least", "p99")
    table.row("a client in C", *found["beyond"])
    table.row("`pyhl.run()` of the Python package", *found["run"])
    table.row("`await pyhl.arun()`", *found["arun"])
    print(f"\nWith requests ahead {found['rate'][0]:,.0f} runs a second, by a `pyhl.Pool` {found['pool'][0]:,.0f}; the first answer of a "
          f"new server after {found['first'][0]:.0f} ms. A fork of a session into ten takes {found['fork'][0]:.1f} ms, at least "
          f"{found['fork'][1]:.1f}.")
    return found


CELLS = {"short": "`1+1`", "five": "five lines", "ms": "a loop of about 1 ms"}
CELL_EXITS = 2  # its record, and its end


def cells(bench):
    """Prints what cells of a session cost. Returns by name the ratio to 1.2 x exec(compile()) and two exits: of the
    medians, and of the least."""
    text = output(f"{bench.programs}/cells", bench.home, str(bench.times(2000))).stdout
    found = {name: (float(median), float(least)) for name, median, least in map(str.split, text.splitlines())}
    table = Table("Cells of a session", "", "cell, µs", "least", "`exec(compile())`, µs", "its exits, µs",
                  "of 1.2 x `exec(compile())` and the exits",
                  note="`exec(compile())` and exits are timed in loops, in the guest, where all that they use is in the "
                  "CPU's caches. An exit leaves them cold.")
    ratios = {}
    for name, what in CELLS.items():
        limits = [1.2 * native + CELL_EXITS * leaving for native, leaving in zip(found[f"{name}-native"], found["exit"])]
        ratios[name] = tuple(cell / limit for cell, limit in zip(found[name], limits))
        table.row(what, *found[name], found[f"{name}-native"][0], CELL_EXITS * found["exit"][0], ratios[name][0])
    return ratios
