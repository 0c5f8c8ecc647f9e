# SPDX-License-Identifier: Apache-2.0
"""What the Python package adds to a run: print(1) again and again, one at a time. Each line is a name and its figures.

    run MEDIAN LEAST P99     ms of pyhl.run(), less what vmm_run() took
    arun MEDIAN LEAST P99    the same of pyhl.arun()
    pool RUNS                a second, by a Pool

usage: sdk.py PYHL HOME TIMES
"""

import asyncio
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "pyhl/python"))
import pyhl  # noqa: E402

COLD = 50  # the first ones find cold workers


def said(name, beyond):
    warm = sorted(beyond[COLD:])
    print(f"{name} {warm[len(warm) // 2]:.4f} {warm[0]:.4f} {warm[len(warm) * 99 // 100]:.4f}", flush=True)


def blocking(server, times):
    beyond = []
    for _ in range(times + COLD):
        began = time.perf_counter()
        done = pyhl.run("print(1)", server=server)
        beyond.append((time.perf_counter() - began) * 1e3 - done.times["run_ms"])
    said("run", beyond)


async def looped(server, times):
    beyond = []
    for _ in range(times + COLD):
        began = time.perf_counter()
        done = await pyhl.arun("print(1)", server=server)
        beyond.append((time.perf_counter() - began) * 1e3 - done.times["run_ms"])
    said("arun", beyond)


def pool(server, times):
    with pyhl.Pool(server=server) as workers:
        list(workers.map_code(["print(1)"] * COLD))
        began = time.perf_counter()
        assert all(done.stdout == "1\n" for done in workers.map_code(["print(1)"] * times))
        print(f"pool {times / (time.perf_counter() - began):.0f}")


if __name__ == "__main__":
    binary, home, count = sys.argv[1:]
    with pyhl.Server(["--dest", home], binary=binary) as served:
        blocking(served, int(count))
        asyncio.run(looped(served, int(count)))
        pool(served, int(count))
