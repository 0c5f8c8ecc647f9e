# SPDX-License-Identifier: Apache-2.0
"""The ways to run a script: those of a user without pyhl (python3, bubblewrap, a forked zygote, one Python for all),
and pyhl's, cold and warm. The rivals use the image's own Python and packages, with valid bytecode in the page cache.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = f"{HERE}/workloads"
PYTHON = "/usr/bin/python3"
median = statistics.median


def output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}: {done.stderr[-800:]}")
    return done


def source(name):
    with open(f"{SCRIPTS}/{name}.py") as file:
        return file.read()


def last_number(text):
    """The last number in a text, which a script may have measured itself; else None."""
    words = text.split()
    try:
        return float(words[-1])
    except (ValueError, IndexError):
        return None


def counts_of(text):
    """The figures of `pyhl run -v` or -vv, a dictionary for each iteration: every "words number" of its lines, so that
    new figures are found, too. Indented lines belong to the iteration before them; the process's times to the last."""
    found = []
    for line in text.splitlines():
        if line.startswith("pyhl: iteration "):
            found.append({})
        if found and line.startswith(("pyhl: iteration ", "  ", "pyhl: process: ")):
            found[-1].update((what, float(n)) for what, n in re.findall(r"([a-z][a-z -]*?) (\d+(?:\.\d+)?)\b", line))
    return found


def column(lines, name):
    """The median of one of these figures, or None where this pyhl does not print it."""
    values = [line[name] for line in lines if name in line]
    return median(values) if values else None


class Times(NamedTuple):
    """Milliseconds. Other work on the machine disturbs the least time least."""
    median: float
    least: float
    cpu: float = float("nan")  # the median of the CPU time, which waiting for a CPU does not change

    @classmethod
    def of(cls, values):
        return cls(median(values), min(values))


class Bench:
    """Paths, and how often each way is run."""

    def __init__(self, pyhl, image, home, programs, quick):
        self.pyhl, self.home, self.programs, self.quick = os.path.abspath(pyhl), home, programs, quick
        self.image = image
        self.root = os.path.abspath(os.path.join(image, "root"))
        self.run = (self.pyhl, "run", "--dest", home)

    def times(self, n):
        return max(3, n // 4) if self.quick else n

    # Whole processes: (runs, root, command...) for the program spawn.

    def native(self, runs, *words):
        return self.times(runs), self.root, PYTHON, *words

    def bubblewrap(self, runs, *words):
        return (self.times(runs), "/", "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", self.root, "/",
                "--dev", "/dev", "--proc", "/proc", "--ro-bind", SCRIPTS, "/tmp", PYTHON, *words)

    def cold(self, runs, *words):
        return self.times(runs), "/", *self.run, *words

    def spawned(self, commands):
        """Runs a dictionary of commands in turns. Returns the Times of each from fork to wait, and the text on stderr."""
        words = [f"{self.programs}/spawn", SCRIPTS]
        for command in commands.values():
            words += [*map(str, command), ","]
        done = output(*words[:-1])
        lines = done.stdout.splitlines()
        return {name: Times(*map(float, line.split())) for name, line in zip(commands, lines, strict=True)}, done.stderr

    def processes(self, **commands):
        return self.spawned(commands)[0]

    def native_output(self, name):
        """The output of a Python started for the script, with one BLAS thread, as the guest has one CPU."""
        alone = dict(os.environ, OPENBLAS_NUM_THREADS="1")
        return output("chroot", self.root, PYTHON, "-c", source(name), env=alone).stdout

    def check_same(self, name):
        """Ends the program unless a script prints the same in both, since times of different work tell nothing. Lines with a
        script's own time may differ."""
        said = [[line for line in text.splitlines() if not re.fullmatch(r"\d+\.\d{5,}(e-?\d+)?", line)] for text in
                (self.native_output(name), output(*self.run, f"{SCRIPTS}/{name}.py").stdout)]
        if said[0] != said[1]:
            sys.exit(f"{name}.py prints something else in the guest: {said[0]} natively, {said[1]}")

    def warm(self, name, count, flag="-v", *more):
        """The steady state: the figures of `count` iterations after the first three, and what their scripts measured."""
        done = output(*self.run, flag, *more, "--repeat", str(count + 2), f"{SCRIPTS}/{name}.py")
        lines, printed = counts_of(done.stderr), done.stdout.splitlines()
        size = len(printed) // len(lines)
        own = [last_number(printed[n * size + size - 1]) if size else None for n in range(len(lines))]
        return lines[3:], own[3:]

    def warm_code(self, code, count, flag="-v"):
        """The same for `-c code`, without what it prints."""
        return counts_of(output(*self.run, flag, "--repeat", str(count + 2), "-c", code).stderr)[3:]

    def cold_parts(self, name, runs, flag="-v"):
        """Cold runs: the Times of the whole process, and the figures of each run."""
        times, said = self.spawned({"cold": self.cold(runs, flag, f"{SCRIPTS}/{name}.py")})
        return times["cold"], counts_of(said)[1:]


class Rival:
    """zygote.py, which runs in the image's root. It can only write to /tmp and to a copy of the home, where caches are."""

    def __init__(self, bench):
        self.home = tempfile.TemporaryDirectory()
        shutil.copytree(os.path.join(bench.root, "root"), self.home.name, dirs_exist_ok=True)
        program = ["bwrap", "--ro-bind", bench.root, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
                   "--bind", self.home.name, "/root", "--ro-bind", os.path.abspath("python-agent-driver"), "/tmp/driver",
                   "--ro-bind", HERE, "/tmp/bench",
                   "--setenv", "OPENBLAS_NUM_THREADS", "1", "--setenv", "HOME", "/root", "--die-with-parent",
                   PYTHON, "/tmp/bench/zygote.py", "/tmp/driver/preload.txt"]
        self.child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.import_seconds = self.answer()

    def answer(self):
        line = self.child.stdout.readline()
        return json.loads(line) if line else sys.exit("zygote.py ended; its last words are above")

    def runs(self, way, name, count):
        """Returns the milliseconds of each run, and what the scripts measured themselves."""
        self.child.stdin.write(json.dumps({"way": way, "source": source(name), "count": count}) + "\n")
        self.child.stdin.flush()
        answers = self.answer()
        return [ms for ms, _ in answers], [own for _, own in answers]

    def close(self):
        self.child.stdin.close()
        self.child.wait(timeout=10)
        self.home.cleanup()

