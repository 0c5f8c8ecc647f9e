# SPDX-License-Identifier: Apache-2.0
"""300 objects of 1 MiB, and the time it took by its own clock on the last line."""
import time

began = time.perf_counter()
kept = [bytearray(1 << 20) for _ in range(300)]
print(len(kept), sum(map(len, kept)))
del kept
print(time.perf_counter() - began)
