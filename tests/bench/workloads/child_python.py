# SPDX-License-Identifier: Apache-2.0
"""Starts a Python that does nothing, and waits for it. Prints the seconds of the first time, and on the last line the median of later ones."""
import statistics
import subprocess
import sys
import time


def seconds():
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


print(seconds())
print(statistics.median(seconds() for _ in range(9)))
