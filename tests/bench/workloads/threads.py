# SPDX-License-Identifier: Apache-2.0
"""Four threads that compute, and the time it took by its own clock on the last line."""
import threading
import time

totals = []


def work():
    total = 0
    for i in range(2000000):
        total += i * i
    totals.append(total)


began = time.perf_counter()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(totals)
print(time.perf_counter() - began)
