#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py [CASE...]; called by run.sh."""

import sys
import traceback

from client import Server

cases = {}


def case(function):
    cases[function.__name__.replace("_", "-")] = function
    return function


def same(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


def ran(answer, out=b"", err=b"", outcome="status", status=0):
    """The run has ended in this way and has written this, and nothing else."""
    done, got = answer
    same((done["event"], done.get("outcome"), done.get("status"), got["stdout"], got["stderr"]),
         ("done", outcome, status, out, err))
    return done, got


def cell(answer, status=0, out=b""):
    return ran(answer, out, outcome="ready", status=status)


def failed(answer, type, text=""):
    done, _ = answer
    assert done["event"] == "failed" and done["type"] == type and text in done["message"], done
    return done


def main(names):
    import hostile_cases
    import run_cases
    import session_cases
    del hostile_cases, run_cases, session_cases
    if names == ["--list"]:
        print(*cases, sep="\n")
        return 0
    for name in names:
        if name not in cases:
            print(f"tests/serve/run.sh: there is no case '{name}'; --list names them all", file=sys.stderr)
            return 2
    wrong = 0
    for name in names or list(cases):
        try:
            cases[name]()
            print(f"pass {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            wrong += 1
            print(f"FAIL {name}\n" + "".join(f"     {line[:400]}\n" for line in traceback.format_exc().splitlines()[-9:]),
                  end="", flush=True)
    count = len(names or cases)
    print(f"{count - wrong} passed, {wrong} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.modules["cases"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
