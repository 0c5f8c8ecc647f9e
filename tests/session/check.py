# SPDX-License-Identifier: Apache-2.0
"""Cases and checks of the session's tests. A case is a function that is given a new session."""
import traceback

import caselist
import machine
from caselist import case, cases, same  # which the files of cases take from here


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
        return f"     lines {where}: {type(error).__name__}: {error}"[:2005] + "\n"
    return None


def main(home, names):
    return caselist.main("session", names, lambda name: run(home, name))
