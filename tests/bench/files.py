# SPDX-License-Identifier: Apache-2.0
"""Files into a run and out of it, beside `cp -r` of the same tree: whole processes, in turns."""
import os
import shutil
import subprocess
import tempfile
import time

from report import Table
from ways import median

MB = 10**6
TREES = {"1 MB in 10 files": (10, MB // 10), "200 MB in 50 files": (50, 4 * MB)}


def make_tree(path, files, size):
    os.mkdir(path)
    for number in range(files):
        with open(f"{path}/{number}", "wb") as file:
            file.write(os.urandom(size))


def seconds(command, folder):
    shutil.rmtree(f"{folder}/out", ignore_errors=True)
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    return time.perf_counter() - began


def copies(bench):
    """Prints what copying costs. Returns for each tree the ratios to `cp -r` of in and out: medians and least."""
    table = Table("Files in and out, whole processes", "", "`cp -r`, ms", "in, ms", "in, of `cp -r`", "out, ms",
                  "out, of `cp -r`", note="What comes out is what came in; the time of that is taken off.")
    ratios = {}
    for what, (files, size) in TREES.items():
        with tempfile.TemporaryDirectory(prefix="pyhl-bench-") as folder:
            make_tree(f"{folder}/tree", files, size)
            ways = {"cp": ["cp", "-r", "tree", "out"], "in": [*bench.run, "--copy-in", "tree", "-c", "pass"],
                    "both": [*bench.run, "--copy-in", "tree", "--copy-out", "tree:out", "-c", "pass"]}
            rounds = [{way: seconds(command, folder) for way, command in ways.items()} for _ in range(bench.times(12))]
        times = {way: median(r[way] for r in rounds) * 1e3 for way in ways}
        into = [r["in"] / r["cp"] for r in rounds]
        out = [(r["both"] - r["in"]) / r["cp"] for r in rounds]
        table.row(what, times["cp"], times["in"], median(into), times["both"] - times["in"], median(out))
        ratios[what] = {"in": (median(into), min(into)), "out": (median(out), min(out))}
    return ratios
