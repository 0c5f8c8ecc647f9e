# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: the examples of pyhl/python/examples, as a person runs them."""

import pathlib
import subprocess
import sys

from caselist import case, same

EXAMPLES = pathlib.Path(__file__).parents[2] / "pyhl/python/examples"


def example(*args):
    done = subprocess.run([sys.executable, str(EXAMPLES / args[0]), *args[1:]], capture_output=True, text=True, timeout=60)
    same((done.returncode, done.stderr), (0, ""))
    return done.stdout.splitlines()


@case
def the_grader():
    *verdicts, last = example("grader.py")
    same(sorted(verdicts), ["    10 over the limit: cpu", "   123 gives nothing", "   123 raises FileNotFoundError",
                            "   124 raises NameError", "   248 right", "   372 wrong"])
    assert last.startswith("1000 programs in "), last


@case
def the_agent():
    lines = example("agent.py")
    same([line for line in lines if "decision" in line or "option" in line], [
        "  decision: in how many shops should we buy? [1, 2, 3]", "  option 1: costs 213.0", "  option 2: costs 210.0",
        "  option 3: costs 223.0"])
    assert lines[-1].startswith("  'bought: lamp from "), lines
