# SPDX-License-Identifier: Apache-2.0
"""The same operations on arrays that take their time, and how long by its own clock on the last line."""
import time

import numpy as np

g = np.random.default_rng(1)
a = g.random((500, 500))
b = g.random(1 << 18)
began = time.perf_counter()
for _ in range(2):
    c = a @ a.T
    f = np.fft.irfft(np.fft.rfft(b))
    s = np.sort(f)
    total = float(np.exp(-s).cumsum()[-1]) + float(c.trace())
print("total", round(total, 3))
print(time.perf_counter() - began)
