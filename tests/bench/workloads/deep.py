# SPDX-License-Identifier: Apache-2.0
"""A deep recursion on a stack of 512 MiB, and the time it took by its own clock on the last line."""
import sys
import threading
import time

sys.setrecursionlimit(10**7)
threading.stack_size(512 << 20)


def depth(n):
    return 0 if n == 0 else 1 + max(depth(n - 1) for _ in (1,))


began = time.perf_counter()
thread = threading.Thread(target=lambda: print(depth(60000)))
thread.start()
thread.join()
print(time.perf_counter() - began)
