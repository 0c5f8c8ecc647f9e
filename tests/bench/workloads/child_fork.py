# SPDX-License-Identifier: Apache-2.0
"""Forks this Python, whose copy ends at once. Prints the seconds of the first time, and on the last line the median of
later ones."""
import os
import statistics
import time


def seconds():
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    took = time.perf_counter() - began
    return took if status == 0 else exit(f"the copy ended with status {status}")


print(seconds())
print(statistics.median(seconds() for _ in range(9)))
