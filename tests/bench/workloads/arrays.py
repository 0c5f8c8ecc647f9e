# SPDX-License-Identifier: Apache-2.0
"""Small arrays: matmul, an FFT, a sort."""
import numpy as np

g = np.random.default_rng(1)
a = g.random((200, 200))
b = g.random(1 << 14)
print(round(float((a @ a.T).trace()), 6), round(float(abs(np.fft.rfft(b)).max()), 6), round(float(np.sort(b)[100]), 6))
