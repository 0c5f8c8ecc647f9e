# SPDX-License-Identifier: Apache-2.0
"""100 MB mapped and unmapped, ten times; on the last line the time of one call by its own clock."""
import mmap
import time

began = time.perf_counter()
for _ in range(10):
    mmap.mmap(-1, 100 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
print((time.perf_counter() - began) / 20)
