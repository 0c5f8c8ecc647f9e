# SPDX-License-Identifier: Apache-2.0
"""Ten arrays of 20 MiB, freed one by one, and the time it took by its own clock on the last line."""
import time

import numpy as np

began = time.perf_counter()
kept = [np.ones(20 << 17) for _ in range(10)]
total = 0
while kept:
    total += kept.pop().size
print(total)
print(time.perf_counter() - began)
