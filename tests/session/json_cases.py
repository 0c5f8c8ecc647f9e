# SPDX-License-Identifier: Apache-2.0
"""pyhl run --json: the exception that has ended a script."""
import json
import os
import subprocess

from check import case, same

PYHL = os.path.abspath("build/pyhl")


def run(session, *words):
    done = subprocess.run([PYHL, "run", "--dest", session.home, "--json", *words], capture_output=True, text=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


@case
def json_error(session):
    """An exception is told with its type, its text and the traceback that is on standard error, which is as without --json."""
    for code, name, value in (("1/0", "ZeroDivisionError", "division by zero"),
                              ("class E(Exception): pass\nprint(1)\ntry:\n    1/0\nexcept Exception:\n    raise E('é', 2)",
                               "E", "('é', 2)"),
                              ("x = = 2", "SyntaxError", "invalid syntax (<string>, line 1)"),
                              ("import atexit; atexit.register(print, 'bye'); [][1]", "IndexError", "list index out of range")):
        one, = run(session, "-c", code)
        same((one["exit_code"], one["error"]["name"], one["error"]["value"]), (1, name, value))
        same(one["error"]["traceback"], one["stderr"])
        plain = subprocess.run([PYHL, "run", "--dest", session.home, "-c", code], capture_output=True, text=True, timeout=120)
        same((plain.stdout, plain.stderr), (one["stdout"], one["stderr"]))


@case
def json_no_error(session):
    """A script that ends in another way has no exception to tell of."""
    for code, status in ("print(1)", 0), ("import sys; sys.exit(3)", 3), ("raise SystemExit('words')", 1), \
            ("try:\n    1/0\nexcept ZeroDivisionError:\n    pass", 0), ("import os; os._exit(4)", 4):
        one, = run(session, "-c", code)
        same((one["exit_code"], one["error"], one["results"]), (status, None, []))


@case
def json_error_of_each(session):
    """Iterations do not see each other's exceptions: the first that fails is the last."""
    first, = run(session, "--repeat", "2", "-c", "1/0")
    same(first["error"]["name"], "ZeroDivisionError")
    same([one["error"] for one in run(session, "--repeat", "2", "-c", "print(1)")], [None] * 3)
