# SPDX-License-Identifier: Apache-2.0
"""zygote.py N: the rival. Runs in the image's root: imports what preload.txt names, then forks once a run.

Reads a JSON object of scripts on stdin, prints one of medians: milliseconds from fork to wait, and the last word
of each script's output when that is a number (what it measured itself).
"""
import gc
import json
import os
import statistics
import sys
import time


def preload(path):
    began = time.perf_counter()
    for line in open(path):
        line = line.split("#")[0].strip()
        if line and not line.startswith(">>>"):
            try:
                __import__(line)
            except ImportError:
                continue
    gc.collect()
    gc.freeze()
    return time.perf_counter() - began


def run(code, fd):
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.dup2(fd, 1)
        try:
            exec(code, {"__name__": "__main__"})
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return (time.perf_counter() - began) * 1e3


def own_figure(fd):
    words = os.pread(fd, 65536, 0).split()
    try:
        return float(words[-1])
    except (ValueError, IndexError):
        return None


def measure(source, count):
    code = compile(source, "script.py", "exec")
    times, figures = [], []
    fd = os.open("/tmp/zygote-out", os.O_RDWR | os.O_CREAT)
    run(code, fd)
    for _ in range(count):
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, 0)
        times.append(run(code, fd))
        figures.append(own_figure(fd))
    os.close(fd)
    return statistics.median(times), None if None in figures else statistics.median(figures)


def main(count):
    scripts = json.load(sys.stdin)
    took = preload("/usr/lib/pyhl/preload.txt")
    result = {name: measure(code, count.get(name, count[""])) for name, code in scripts.items()}
    result["import"] = took, None
    json.dump(result, sys.stdout)


main(json.loads(sys.argv[1]))
