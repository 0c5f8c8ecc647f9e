#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py PYHL IMAGE: what runs cost here, beside what others take for the same on this machine. See README.md.

Run it from the top of the tree, as root (chroot, mounts). It prints Markdown; nothing is asserted.
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile

import files
import footprint
import host
import layers
import processes
import runs
from report import Budgets
from ways import Bench, Rival, Times, column, median, output


def budgets_of_runs(budgets, bench, results):
    frame, file, tenth = results["frame"], results["print"].times["warm"], results["print"].times["zygote"]
    lines = [line for count in runs.spread(bench.times(300)) for line in bench.warm_code("print(1)", count)]
    counts = bench.warm_code("print(1)", 50, "-vv")
    pages = max(column(counts, "pages rewound"), 1)
    wall, cpu = runs.per_iteration(bench)
    warm = Times.of([line["restore"] + line["run"] for line in lines])
    budgets.most("VM exits per warm `-c 'print(1)'`", column(counts, "exits"), 1)
    budgets.most("guest faults per warm `-c 'print(1)'`", column(counts, "page faults"), 0)
    budgets.most("trapped system calls per warm run, any script", max(r.count("trapped") for r in results.values()), 0)
    budgets.most(f"rewind, per dirty page, of its {pages:.0f}", column(lines, "restore") * 1e3 / pages, 0.2, "µs",
                 min(line["restore"] for line in lines) * 1e3 / pages)
    budgets.most("warm hermetic `-c 'print(1)'`", warm.median, 0.15, "ms", warm.least)
    budgets.most("the same by the wall clock of 400 iterations", wall, 0.15, "ms")
    budgets.most("the same by their CPU time", cpu, 0.15, "ms")
    budgets.most("the same, of a forked zygote's", warm.median / tenth.median, 0.1, "", warm.least / tenth.least)
    budgets.most("warm hermetic `print(1)` in a script file", file.median, 0.15, "ms", file.least)
    budgets.most("warm DataFrame script (1.2 x warm in one native Python, and 0.3 ms)", frame.ms("warm"),
                 1.2 * frame.ms("inline") + 0.3, "ms", frame.times["warm"].least)


def budgets_of_processes(budgets, bench):
    times = bench.processes(nothing=bench.native(60, "-c", "pass"), small=bench.cold(60, "-c", "print(1)"))
    small, nothing = times["small"], times["nothing"]
    budgets.most("cold `pyhl run -c 'print(1)'`, whole process", small.median, 6, "ms", small.least)
    budgets.most("the same, of `python3 -c pass`", small.median / nothing.median, 0.5, "", small.least / nothing.least)
    budgets.most("the same, CPU time of both", small.cpu / nothing.cpu, 0.5)
    jail = [line["jail"] for line in bench.cold_parts("print", 40, "-vv")[1]]
    budgets.most("jail of a cold process", median(jail), 0.15, "ms", min(jail))
    times = bench.processes(native=bench.native(8, "-c", "import pandas"), cold=bench.cold(40, "-c", "import pandas"))
    cold, native = times["cold"], times["native"]
    budgets.most("cold `pyhl run -c 'import pandas'`, of python3's", cold.median / native.median, 0.05, "",
                 cold.least / native.least)


def budgets_of_deadlines(budgets, bench):
    late = json.loads(output("python3", "-B", "tests/deadlines/runs.py", bench.pyhl, bench.home, "--figures",
                             "--seed", "1", "--at-a-time", "3", "--runs", str(bench.times(200))).stdout)
    what = f"`--timeout` with readers that stall, share, stop and die: late in {late['runs']} runs"
    budgets.most(f"{what}, p99", late["p99"] * 1e3, 50, "ms", late["p50"] * 1e3)
    budgets.most("the same, the latest", late["max"] * 1e3, 2000, "ms")
    budgets.most("the same, runs that did not end as they should", late["failed"], 0)


def measure(bench, rivals, setup_seconds, import_seconds):
    budgets = Budgets()
    results = runs.all_ways(bench, rivals)
    runs.warm_counts(results)
    runs.cold_counts(bench)
    runs.phases(bench, results)
    runs.renewed(bench)
    budgets_of_runs(budgets, bench, results)
    budgets_of_processes(budgets, bench)
    speeds = runs.work(bench)
    for name, what in runs.TAXED:
        speed, best = speeds[name]
        budgets.least(f"work in the guest, of native speed: {what}", speed, 0.98, "", best)
    ratios = runs.much_memory(bench)
    for name, what, limit in runs.MUCH:
        budgets.most(f"warm, of native time: {what}", ratios[name][0], limit, "", ratios[name][1])
    remap = Times.of([seconds * 1e3 for seconds in bench.warm("remap", bench.times(12))[1]])
    budgets.most("100 MB mapped or unmapped again and again", remap.median, 0.2, "ms", remap.least)
    processes.children(bench, budgets, rivals[1])
    processes.round_trips(bench, budgets)
    runs.large_among_small(bench)
    private, snapshot, cpio = footprint.memory_and_disk(bench)
    budgets.most("private memory of a VM after `print(1)`", private / 1024, 1, "MiB")
    budgets.most("snapshot on disk", snapshot, 180, "MiB")
    budgets.most("CPIO on disk", cpio, 480, "MiB")  # 450, and 30 for a shell with its programs, and users
    calls = Times.of(bench.warm("getppid", bench.times(12))[1])
    budgets.most("`getppid` through libc, in the guest", calls.median, 15, "ns", calls.least)
    calls = host.tool_calls(bench)
    for way, what in ("plain", "a tool call in C, of a bare exit"), ("ten", "the same, one of ten at once"):
        budgets.most(what, calls[way][0], 1.3, "", calls[way][1])
    cells = host.cells(bench)
    budgets.most("a cell of 1 ms, of 1.2 x `exec(compile())` and two exits", cells["ms"][0], 1, "", cells["ms"][1])
    copies = files.copies(bench)["200 MB in 50 files"]
    budgets.most("200 MB in, whole process, of `cp -r`", copies["in"][0], 1.5, "", copies["in"][1])
    branches = host.branches(bench)
    for name, what, limit, unit in (("checkpoint", "a checkpoint of a session, 1 MiB written, CPU time", 0.5, "ms"),
                                    ("bytes", "its memory", 1.2, "MiB"),
                                    ("more", "a VM from it, more than one from the snapshot, CPU time", 0.5, "ms")):
        budgets.most(what, branches[name][0], limit, unit, branches[name][1])
    served = host.serve(bench)
    median, least, p99 = served["beyond"]
    budgets.most("`print(1)` through `pyhl serve --stdio`, beyond `vmm_run()`", median, 0.06, "ms", least)
    budgets.most("the same, p99", p99, 0.3, "ms", median)
    median, least, p99 = served["run"]
    budgets.most("the same by the Python package, `pyhl.run()`", median, 0.15, "ms", least)
    budgets.most("the same, p99", p99, 0.5, "ms", median)
    budgets.least("`print(1)` through `pyhl serve --stdio`, runs a second with requests ahead", served["rate"][0], 5000, "", served["rate"][0])
    budgets.most("the first answer of a new server", served["first"][0], 20, "ms")
    median, least = served["fork"]
    budgets.most("a fork of a session into ten", median, 10, "ms", least)
    cold = layers.layers(bench)
    budgets.most("a cold run from a layer, whole process, of a plain one", cold["layer"][0], 1.2, "", cold["layer"][1])
    budgets_of_deadlines(budgets, bench)
    budgets.most(f"set-up (2 x the imports natively, {import_seconds:.2f} s, and 1 s)", setup_seconds,
                 2 * import_seconds + 1, "s")
    return budgets


def scale(bench):
    """The tables of the program `scale`, where that has been built."""
    program = f"{bench.programs}/scale"
    if os.path.exists(program):
        print("\n## Many VMs\n", flush=True)
        footprint.many_processes(bench)
        try:
            subprocess.run([program, bench.home, "--vms", "64" if bench.quick else "1000", "--seconds", "0.2",
                            "--pyhl", bench.pyhl], check=True, timeout=300)
        except subprocess.SubprocessError as error:
            print(f"\n**The tables end here: {error}**", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pyhl")
    parser.add_argument("image")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("bwrap"):
        parser.error("needs root and bubblewrap (make prereqs)")
    programs = os.path.join(os.path.dirname(os.path.abspath(options.pyhl)), "tests", "bench")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.pyhl, options.image, os.path.join(scratch, "home"), programs, options.quick)
        host.heading(bench)
        setup_seconds = footprint.make_home(bench)
        rivals = Rival(bench), Rival(bench)
        budgets = measure(bench, rivals, setup_seconds, median(rival.import_seconds for rival in rivals))
        for rival in rivals:
            rival.close()
        host.trap_costs(bench)
        scale(bench)
    budgets.print()
    print(f"\nLoad average at the end {host.load()}.")


if __name__ == "__main__":
    main()
