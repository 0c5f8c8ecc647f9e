# SPDX-License-Identifier: Apache-2.0
"""Branches of a session: checkpoints, rewinds to them, and copies."""
from check import case, ends, gives, same
from machine import Machine


def two_ways(session, checkpoint):
    """The two ways to a checkpoint."""
    return (lambda: session.to(checkpoint)), (lambda: session.copy(checkpoint))


@case
def branches(session):
    """Each branch goes on from the state of its checkpoint and sees nothing of the others."""
    ends(session.cell("import pandas as pd\nframe = pd.DataFrame({'x': range(5)})\ntrace = []"), 0)
    loaded = session.checkpoint()
    for i in range(3):
        for go in two_ways(session, loaded):
            go()
            gives(session.cell(f"trace.append({i}); frame.x *= {i + 2}; trace, int(frame.x.sum())"),
                  f"([{i}], {10 * (i + 2)})")
    session.to(loaded)
    gives(session.cell("trace, int(frame.x.sum())"), "([], 10)")


@case
def chains(session):
    """A checkpoint of a branch, and a rewind without a name, which goes to the newest."""
    points = []
    for i in range(4):
        ends(session.cell(f"x = {i}\nblock = bytearray(b'{i}' * (1 << 20))"), 0)
        points.append(session.checkpoint())
    ends(session.cell("x = -1"), 0)
    session.rewind()
    gives(session.cell("x, block[-1:]"), "(3, bytearray(b'3'))")
    for i in 0, 2, 1, 3:
        for go in two_ways(session, points[i]):
            go()
            gives(session.cell("x, block[-1:]"), f"({i}, bytearray(b'{i}'))")


@case
def randomness(session):
    """In each branch random numbers are others, also of what was seeded before the checkpoint."""
    ends(session.cell("import os, random, secrets, ssl, sqlite3, tempfile, uuid\n"
                      "def numbers():\n"
                      "    one = sqlite3.connect(':memory:').execute('select random()').fetchone()\n"
                      "    return (random.random(), os.urandom(8), secrets.token_hex(8), ssl.RAND_bytes(8), one,\n"
                      "            tempfile.mktemp(), uuid.uuid4().hex)\n"
                      "numbers(); random.seed(3);"), 0)
    point = session.checkpoint()
    seen = [session.cell("numbers()").result]
    for _ in range(3):
        for go in two_ways(session, point):
            go()
            seen.append(session.cell("numbers()").result)
    values = [eval(text) for text in seen]
    for each in zip(*values):
        same(len(set(each)), len(values))


@case
def fork_hooks(session):
    """What the program wants to be called in a child of os.fork() is called in each copy; other threads go on."""
    ends(session.cell("import os, threading, time\n"
                      "seen, beats = [], []\n"
                      "os.register_at_fork(after_in_child=lambda: seen.append(len(seen)))\n"
                      "def beat():\n"
                      "    while True:\n"
                      "        beats.append(1)\n"
                      "        time.sleep(0.001)\n"
                      "threading.Thread(target=beat, daemon=True).start()"), 0)
    point = session.checkpoint()
    gives(session.cell("seen"), "[]")
    for go in two_ways(session, point):
        go()
        gives(session.cell("seen"), "[0]")
        gives(session.cell("count = len(beats); time.sleep(0.1); len(beats) > count, threading.active_count()"),
              "(True, 2)")


@case
def cells_do_not_reseed(session):
    """Random state goes on from cell to cell: it is renewed by a rewind and a copy alone."""
    ends(session.cell("import random\nrandom.seed(5)"), 0)
    first = session.cell("random.random()").result
    ends(session.cell("random.seed(5)"), 0)
    same(session.cell("random.random()").result, first)


@case
def clocks(session):
    """Clocks go on in a branch: they never go back, and wall time is the host's."""
    ends(session.cell("import time\nwall, mono = time.time(), time.monotonic()"), 0)
    point = session.checkpoint()
    for go in two_ways(session, point):
        go()
        gives(session.cell("time.sleep(0.01); 0 < time.time() - wall < 60, 0 < time.monotonic() - mono < 60"),
              "(True, True)")


@case
def threads_and_files(session):
    """Threads, open files, the working directory, the event loop and contexts are in the branch."""
    ends(session.cell("import asyncio, os, threading\n"
                      "os.makedirs('/tmp/d', exist_ok=True); os.chdir('/tmp/d')\n"
                      "file = open('f', 'w+'); file.write('one '); file.flush()\n"
                      "go, gone = threading.Event(), []\n"
                      "thread = threading.Thread(target=lambda: (go.wait(), gone.append(1)), daemon=True)\n"
                      "thread.start()\n"
                      "async def slow():\n    await asyncio.sleep(0.01)\n    return 'slept'\n"), 0)
    ends(session.cell("await asyncio.sleep(0); task = asyncio.ensure_future(slow())"), 0)
    ends(session.context("make", "other"), 0)
    ends(session.cell("y = 2", context="other"), 0)
    point = session.checkpoint()
    for way in two_ways(session, point):
        way()
        gives(session.cell("go.set(); thread.join(5); gone, os.getcwd()"), "([1], '/tmp/d')")
        ends(session.cell("file.write('two'); file.flush()"), 0)
        gives(session.cell("file.seek(0); file.read()"), "'one two'")
        gives(session.cell("await task"), "'slept'")
        gives(session.cell("y", context="other"), "2")


@case
def suspended(session):
    """A branch of a cell that waits for the host goes on in the middle of it, with another answer and with random numbers of
    its own; a task that sleeps meanwhile goes on, too."""
    with Machine(session.home, tools=True) as machine:
        ends(machine.cell("import asyncio, host, random, time\nasync def nap():\n    await asyncio.sleep(0.3)\n    return 'nap'"), 0)
        turn = machine.cell("random.seed(1); start = time.monotonic()\n"
                            "answers = await asyncio.gather(host.ask.aio(question='?'), nap())\n"
                            "*answers, random.random(), 0.2 < time.monotonic() - start < 30")
        same(turn.kind, "called")
        point = machine.checkpoint()
        seen = []
        for answer in "one", "two", "three":
            turn = machine.reply(f'"{answer}"')
            while turn.kind == "called":
                turn = machine.reply('""')
            same((turn.kind, turn.status, turn.error), ("ready", 0, None))
            text, nap, number, in_time = eval(turn.result)
            same((text, nap, in_time), (answer, "nap", True))
            seen.append(number)
            gives(machine.cell("answers[0]"), repr(answer))
            if answer == "one":
                machine.copy(point)
            else:
                machine.to(point)
        same(len(set(seen)), 3)
        turn = machine.reply('"sync"')
        while turn.kind == "called":
            turn = machine.reply('""')
        same(machine.cell("host.ask(question=2)").kind, "called")
        gives(machine.reply("7"), "7")
