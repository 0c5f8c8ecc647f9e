# SPDX-License-Identifier: Apache-2.0
"""A suite whose cases are functions: their list, a run of them, and what the world looks like after them."""

import os
import pathlib
import sys
import traceback

cases = {}


def case(function):
    cases[function.__name__.replace("_", "-")] = function
    return function


def same(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


def raises(kind, text, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        assert text in str(error), error
        return error
    raise AssertionError(f"no {kind.__name__}")


def children(pid):
    """Its processes. /proc/PID/task/PID/children may miss some while others end."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry))
    return found


def attempt(name):
    """None, or why the case fails. A case may end by KeyboardInterrupt."""
    try:
        cases[name]()
    except BaseException:
        return "".join(f"     {line[:400]}\n" for line in traceback.format_exc().splitlines()[-9:])
    return None


def main(suite, names, attempt=attempt):
    """Runs the cases of these names, or all: each by attempt(name), which gives None or lines that say what is wrong."""
    if names == ["--list"]:
        print(*cases, sep="\n")
        return 0
    for name in names:
        if name not in cases:
            print(f"tests/{suite}/run.sh: there is no case '{name}'; --list names them all", file=sys.stderr)
            return 2
    failed = 0
    for name in names or list(cases):
        wrong = attempt(name)
        print(f"FAIL {name}\n{wrong}" if wrong else f"pass {name}\n", end="", flush=True)
        failed += wrong is not None
    count = len(names or cases)
    print(f"{count - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
