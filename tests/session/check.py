# SPDX-License-Identifier: Apache-2.0
"""Cases and checks of the session's tests. A case is a function that is given a new session."""
import sys
import traceback

import machine

cases = {}


def case(function):
    cases[function.__name__.replace("_", "-")] = function
    return function


def same(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


def ends(turn, status, out="", err=""):
    """The run has ended and the session goes on."""
    same((turn.kind, turn.status, turn.out, turn.err), ("ready", status, out, err))
    return turn


def gives(turn, result):
    """The cell has this value as its result and gives nothing else."""
    same((turn.kind, turn.status, turn.out, turn.err, turn.error, turn.result), ("ready", 0, "", "", None, result))
    return turn


def raises(turn, text):
    """The cell has ended with this traceback."""
    same((turn.kind, turn.status, turn.out, turn.err), ("ready", 1, "", ""))
    same(turn.error and turn.error["traceback"], text)
    return turn


def run(home, name):
    """None, or why the case fails."""
    try:
        with machine.Machine(home) as session:
            cases[name](session)
    except Exception as error:
        where = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename.endswith("_cases.py")]
        return f"lines {where}: {type(error).__name__}: {error}"
    return None


def main(home, names):
    if names == ["--list"]:
        print(*cases, sep="\n")
        return 0
    for name in names:
        if name not in cases:
            print(f"tests/session/run.sh: there is no case '{name}'; --list names them all", file=sys.stderr)
            return 2
    failed = 0
    chosen = names or list(cases)
    for name in chosen:
        wrong = run(home, name)
        print(f"FAIL {name}\n     {wrong[:2000]}" if wrong else f"pass {name}", flush=True)
        failed += wrong is not None
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
