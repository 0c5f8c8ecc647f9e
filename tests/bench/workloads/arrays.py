# SPDX-License-Identifier: Apache-2.0
"""Linear algebra and an FFT."""
import numpy as np

a = np.random.default_rng(1).random((200, 200)) + 10 * np.eye(200)
print(round(float(np.trace(np.linalg.inv(a) @ a)), 6), round(float(abs(np.fft.fft(a[0])).max()), 6))
