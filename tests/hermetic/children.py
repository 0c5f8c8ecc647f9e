# SPDX-License-Identifier: Apache-2.0
"""Prints how many processes there are, makes children that sleep, compute and have ended, and ends before them."""
import os
import sys

SLEEPS = "import time; time.sleep(100)"
COMPUTES = "while True: pass"


def spawn(code):
    return os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", code], os.environ)


def processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))


before = processes()
children = [spawn(SLEEPS), spawn(COMPUTES), spawn("pass")]
os.waitid(os.P_PID, children[2], os.WEXITED | os.WNOWAIT)
print("before", before, "after", processes(), "children", [pid - children[0] for pid in children], flush=True)
os._exit(0)
