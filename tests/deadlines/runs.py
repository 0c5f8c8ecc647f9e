#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs pyhl with --timeout in circumstances that might hold it up, and measures by how much it is late.

A run is a script that never ends, on streams whose other ends misbehave. It must end with one of the expected
statuses, and no later than LATE_MAX after its deadline (after SIGCONT, when it was stopped over that).
"""
import argparse
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import circumstances

LATE_MAX = 2.0
HUNG = 10.0
RUNS = 200
AT_A_TIME = 10


class Result:
    def __init__(self, name, late, problem):
        self.name, self.late, self.problem = name, late, problem


def wchan(pid):
    try:
        with open(f"/proc/{pid}/wchan") as file:
            return file.read()
    except OSError:
        return "?"


def await_end(process, circumstance, began, timeout):
    """The Result of one process, once it has ended."""
    try:
        process.wait(timeout + HUNG)
    except subprocess.TimeoutExpired:
        where = wchan(process.pid)
        process.kill()
        process.wait()
        return Result(circumstance.name, HUNG, f"still there {HUNG} s after its deadline, in {where}")
    late = time.monotonic() - max(began + timeout, circumstance.continued)
    if process.returncode not in circumstance.statuses:
        return Result(circumstance.name, late, f"status {process.returncode}, not of {circumstance.statuses}")
    if late > LATE_MAX:
        return Result(circumstance.name, late, f"{late:.2f} s late")
    return Result(circumstance.name, late, circumstance.message_problem(process.returncode))


def run(pyhl, home, kind, seed):
    """All processes of one circumstance, which may share its streams."""
    rng = random.Random(seed)
    timeout = rng.choice((0.3, 0.5, 0.7))
    with tempfile.TemporaryDirectory() as scratch:
        circumstance = circumstances.Circumstance(kind, rng, timeout, scratch)
        command = [pyhl, "run", "--dest", home, "--timeout", str(timeout), *circumstance.arguments]
        began, processes = [], []
        for _ in range(circumstance.processes):
            began.append(time.monotonic())
            processes.append(subprocess.Popen(command, stdin=circumstance.stdin, stdout=circumstance.stdout,
                                              stderr=circumstance.stderr))
        over = threading.Event()
        other_side = threading.Thread(target=circumstance.act, args=(processes, over))
        other_side.start()
        with concurrent.futures.ThreadPoolExecutor(len(processes)) as pool:
            results = list(pool.map(await_end, processes, [circumstance] * len(processes), began,
                                    [timeout] * len(processes)))
        over.set()
        for process in processes:
            process.send_signal(signal.SIGCONT)
        other_side.join()
        circumstance.close()
    return results


def plan(count, others, rng):
    """Kinds in turn, until there are processes enough, each with a seed of its own."""
    jobs, processes = [], 0
    kinds = [kind for kind in circumstances.KINDS if not others or kind.other in others]
    while processes < count:
        for kind in kinds:
            jobs.append((kind, rng.getrandbits(32)))
            processes += kind.processes
    rng.shuffle(jobs)
    return jobs


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def figures(results):
    late = sorted(result.late for result in results)
    return {"runs": len(late), "p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": late[-1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pyhl")
    parser.add_argument("home")
    parser.add_argument("others", nargs="*", help="only those whose other side does this: stalls, slow, ...")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--at-a-time", type=int, default=AT_A_TIME)
    parser.add_argument("--figures", action="store_true", help="print the distribution alone, as JSON, and succeed")
    options = parser.parse_args()
    jobs = plan(options.runs, options.others, random.Random(options.seed))
    if not options.figures:
        print(f"seed {options.seed}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.at_a_time) as pool:
        results = [result for group in pool.map(lambda job: run(options.pyhl, options.home, *job), jobs)
                   for result in group]
    failed = [result for result in results if result.problem]
    if options.figures:
        print(json.dumps(dict(figures(results), failed=len(failed))))
        return 0
    for result in failed:
        print(f"FAIL {result.name}\n     {result.problem}")
    print("late, ms: " + ", ".join(f"{name} {figure * 1e3:.1f}" for name, figure in figures(results).items()
                                   if name != "runs"))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed, 0 skipped")
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
