# SPDX-License-Identifier: Apache-2.0
"""CPU-bound Python: five bodies, and the time it took by its own clock on the last line."""
import time


def step(bodies, dt):
    for i, (p, v, m) in enumerate(bodies):
        for q, w, n in bodies[i + 1:]:
            d = [p[k] - q[k] for k in range(3)]
            pull = dt / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 0.01) ** 1.5
            for k in range(3):
                v[k] -= d[k] * n * pull
                w[k] += d[k] * m * pull
    for p, v, _ in bodies:
        for k in range(3):
            p[k] += dt * v[k]


bodies = [([i + 0.5, i * i - 2.0, 3.0 - i], [0.1 * i, 0.2, -0.1 * i], 1.0 + i) for i in range(5)]
began = time.perf_counter()
for _ in range(4000):
    step(bodies, 0.001)
print("sum", round(sum(p[0] for p, _, _ in bodies), 6))
print(time.perf_counter() - began)
