#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fresh_check.py PYHL HOME SCRIPT cold|warm|deterministic [entropy|clocks]

Compares many runs of fresh.py with each other and with this host's clock. It is silent and exits with 0 when all is
well.
"""
import json
import subprocess
import sys
import time

COLD, WARM = 8, 60
SEEDED = ("random.random", "numpy.random", "uuid4")


def runs(command, *options):
    """Outputs of one command, and the host's wall clock around it."""
    begun = time.time()
    *pyhl, script = command
    done = subprocess.run([*pyhl, *options, script], stdout=subprocess.PIPE, timeout=200, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], begun, time.time()


def gather(command, kind):
    if kind == "warm":
        return [runs(command, "--repeat", str(WARM - 1))]
    if kind == "cold":
        return [runs(command) for _ in range(COLD)]
    return [runs(command, "--deterministic", "--repeat", "4"), runs(command, "--deterministic")]


def check_entropy(groups):
    rows = [row["random"] for outputs, _, _ in groups for row in outputs]
    for name in rows[0]:
        values = [str(row[name]) for row in rows]
        if len(set(values)) != len(values):
            yield f"{name}: {len(values) - len(set(values))} of {len(values)} runs repeat a value of another"


def check_deterministic(groups):
    rows = [row["random"] for outputs, _, _ in groups for row in outputs]
    for name in SEEDED:
        if len({str(row[name]) for row in rows}) != 1:
            yield f"{name}: --deterministic runs differ: {[row[name] for row in rows]}"


def check_clocks(groups):
    last_wall = last_monotonic = 0
    for outputs, begun, ended in groups:
        for row in outputs:
            for name, value in row["wall"].items():
                if not begun - 2 <= value <= ended + 2:
                    yield f"{name}: {value}, on the host it was {begun} to {ended}"
            if row["wall"]["wall"] < last_wall:
                yield f"the wall clock went back from {last_wall} to {row['wall']['wall']}"
            if row["monotonic"] <= last_monotonic and len(groups) == 1:
                yield f"the monotonic clock went from {last_monotonic} to {row['monotonic']}"
            if row["boottime"] < row["monotonic"] - 0.01:
                yield f"boot time {row['boottime']} is below monotonic {row['monotonic']}"
            last_wall, last_monotonic = row["wall"]["wall"], row["monotonic"]
            for slept in row["slept"]:
                if not 0.049 <= slept <= 2:
                    yield f"a sleep of 0.05 s took {row['slept']} s by the three clocks"
            if not 0 <= row["cpu"] < ended - begun + 60:
                yield f"CPU time {row['cpu']}"


def main(pyhl, home, script, kind, what="entropy"):
    command = [pyhl, "run", "--dest", home, script]
    groups = gather(command, kind)
    check = check_clocks if what == "clocks" else check_deterministic if kind == "deterministic" else check_entropy
    problems = list(check(groups))
    print("\n".join(problems[:8]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
