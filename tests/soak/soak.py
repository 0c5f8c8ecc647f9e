#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fifty clients of one server for a long time; called by soak.sh.

usage: soak.py SECONDS SEED

Half of the clients share the server's standard streams, the others speak HTTP. Each makes calls of all kinds whose answers
it knows; workers are killed at random meanwhile. In the end all answers must have come, each to its question, no process
may be left, and the memory must be what it was after the first part.
"""
import asyncio
import collections
import contextlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from caselist import children
from clients import Client
from doors import Frames, Http
from toypackages import packages

CLIENTS = 50
SESSIONS = 24
KILLS = 0.7  # seconds between two, on average
SLACK = 6 << 10, 0.10  # KiB, and a part, by which the memory may be more in the end

PYHL = os.environ.get("PYHL", "build/pyhl")


def memory(pid):
    """The RSS of a process, and what it and its children have of memory that is no file's, KiB: pages of the image and of
    the snapshot are the page cache's, and a worker that has imported pandas maps 100 MiB of them."""
    def sum_of(process, *names):
        try:
            text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(names))
    return sum_of(pid, "Rss:"), sum(sum_of(process, "Pss_Anon:", "Pss_Shmem:") for process in [pid, *children(pid)])


class Soak:
    def __init__(self, seed):
        self.seed, self.counts, self.wrong = seed, collections.Counter(), []
        self.until = 0

    def over(self):
        return time.monotonic() > self.until or self.wrong

    async def client(self, number, door, ops):
        """Acts until the time is over."""
        rng = random.Random(f"{self.seed} {number} {self.until}")
        client = Client(door, rng, self.counts, ops)
        while not self.over():
            try:
                await client.act()
            except Exception as error:
                self.wrong.append(f"client {number}: {error!r}")

    async def killer(self):
        rng = random.Random(f"{self.seed} killer")
        while not self.over():
            await asyncio.sleep(rng.expovariate(1 / KILLS))
            pids = children(self.server.pid)
            with contextlib.suppress(IndexError, ProcessLookupError):  # it has ended by itself
                os.kill(rng.choice(pids), signal.SIGKILL)
                self.counts["kills", "of workers"] += 1

    async def part(self, seconds, clients, ops):
        """All of them act so long. Then all sessions are closed, and all is quiet."""
        self.until = time.monotonic() + seconds
        await asyncio.gather(self.killer(), *(self.client(i, door, ops) for i, door in enumerate(clients)))
        await asyncio.sleep(2)
        now = memory(self.server.pid)
        print(f"soak: front {now[0]} KiB RSS, all processes {now[1]} KiB PSS without files, {len(children(self.server.pid))} workers", flush=True)
        return now

    async def ops(self, door):
        request = await door.begin("none")
        message, _ = await request.event()
        return message["message"]

    async def whole(self, seconds, folder, options, env):
        path = f"{folder}/socket"
        self.server = await asyncio.create_subprocess_exec(
            PYHL, "serve", "--stdio", "--listen", f"unix:{path}", "--sessions", str(SESSIONS), "--install", *options, env=env,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=open(f"{folder}/stderr", "wb"))
        frames, web = Frames(self.server), Http(path)
        ops = await self.ops(frames)
        print(f"soak: {ops}", flush=True)
        clients = [frames if i % 2 else web for i in range(CLIENTS)]
        first = await self.part(max(seconds / 10, 10), clients, ops)
        last = await self.part(seconds - max(seconds / 10, 10), clients, ops) if not self.wrong else first
        left = children(self.server.pid)
        if not self.wrong:
            self.server.stdin.close()
            status = await asyncio.wait_for(self.server.wait(), 30)
            self.wrong += [f"the server's exit status is {status}"] * (status != 0)
            self.wrong += [f"{what} grew from {old} to {new} KiB" for what, old, new in
                           zip(("the front's RSS", "the PSS of all without files"), first, last) if new > old + max(SLACK[0], SLACK[1] * old)]
            self.wrong += [f"process {pid} is left" for pid in left if os.path.exists(f"/proc/{pid}")]
        else:
            self.server.kill()
            await self.server.wait()
        self.wrong += [f"the server said: {line}" for line in pathlib.Path(f"{folder}/stderr").read_text().splitlines()
                       if "listening on" not in line]


def main(seconds, seed):
    print(f"soak: {seconds:g} s, SOAK_SEED={seed}, {CLIENTS} clients", flush=True)
    soak = Soak(seed)
    with packages() as (before, options, _, left), tempfile.TemporaryDirectory() as folder:
        env = os.environ | dict(word.split("=", 1) for word in before)
        asyncio.run(soak.whole(seconds, folder, options, env))
        (pathlib.Path(env["XDG_CACHE_HOME"]) / "pyhl/work").mkdir(parents=True, exist_ok=True)
    for (what, how), count in sorted(soak.counts.items()):
        print(f"{count:8} {what}: {how}")
    print(f"{sum(soak.counts.values()):8} in all")
    for line in soak.wrong[:20]:
        print(f"soak: {line}")
    print(f"soak: {'FAIL' if soak.wrong else 'pass'}")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2]))
