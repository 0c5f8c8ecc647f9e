# SPDX-License-Identifier: Apache-2.0
"""The process under the cells: threads, clocks, streams, sources, random state, and what a rewind leaves."""
import os
import random
import signal
import threading
import time

import machine
from check import case, ends, gives, raises, same


@case
def threads_stand_still(session):
    """Between cells nothing runs, and clocks go on."""
    ends(session.cell("import threading, time\nn = 0\ndef count():\n    global n\n    while True: n += 1; time.sleep(0.01)\n"
                      "threading.Thread(target=count, daemon=True).start()\nbegan = time.monotonic(), time.time()"), 0)
    ends(session.cell("time.sleep(0.2)\nbefore = n"), 0)
    time.sleep(1)
    gives(session.cell("before > 2, n - before < 3, [1 < t() - b < 20 for t, b in "
                       "zip((time.monotonic, time.time), began)]"), "(True, True, [True, True])")
    gives(session.cell("before = n; time.sleep(0.2); n - before > 2"), "True")
    gives(session.cell("import concurrent.futures as c\npool = c.ThreadPoolExecutor(2)\n"
                       "f = pool.submit(lambda: time.sleep(0.1) or 5)\n[f.result(), pool.submit(pow, 2, 3).result()]"),
          "[5, 8]")
    gives(session.cell("pool.submit(pow, 2, 4).result()"), "16")


@case
def sources(session):
    """A cell's text is there for inspect, and for the traceback of a later cell."""
    ends(session.cell("x = 1\ndef f(a):\n    'doc'\n    return a.b\n"), 0)
    gives(session.cell("import inspect\ninspect.getsource(f), inspect.signature(f)"),
          r'''("def f(a):\n    'doc'\n    return a.b\n", <Signature (a)>)''')
    ends(session.cell("import traceback, inspect, sys\ntraceback.print_stack()\n"
                      "print(len(inspect.stack()), sys._getframe().f_back)"), 0, "1 None\n",
         '  File "<cell 3>", line 2, in <module>\n    traceback.print_stack()\n')
    ends(session.cell("for i in range(1100): exec(compile('i', f'<x {i}>', 'eval'))"), 0)
    same("return a.b" in session.cell("f(1)").error["traceback"], True)


@case
def chained(session):
    """No frame of ours is in a traceback, of a cause neither."""
    raises(session.cell("try:\n    input()\nexcept EOFError as e:\n    raise ValueError('no') from e"), """\
Traceback (most recent call last):
  File "<cell 1>", line 2, in <module>
    input()
    ~~~~~^^
EOFError: EOF when reading a line

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<cell 1>", line 4, in <module>
    raise ValueError('no') from e
ValueError: no
""")
    raises(session.cell("def f(): f()\ntry: f()\nexcept RecursionError: pass\nraise ExceptionGroup('g', [OSError('x')])"),
           """\
  + Exception Group Traceback (most recent call last):
  |   File "<cell 2>", line 4, in <module>
  |     raise ExceptionGroup('g', [OSError('x')])
  | ExceptionGroup: g (1 sub-exception)
  +-+---------------- 1 ----------------
    | OSError: x
    +------------------------------------
""")
    same(session.cell("import sys\nsys.last_exc").result, "ExceptionGroup('g', [OSError('x')])")


@case
def hooks(session):
    """displayhook and excepthook are the program's, when it sets them."""
    ends(session.cell("import sys\nsys.displayhook = lambda v: print('shown', v)\n"
                      "sys.excepthook = lambda t, v, tb: print('raised', v)"), 0)
    ends(session.cell("5"), 0, "shown 5\n")
    turn = session.cell("1 / 0")
    same((turn.out, turn.error["name"]), ("raised division by zero\n", "ZeroDivisionError"))
    ends(session.cell("sys.displayhook = lambda v: 1 / 0\nsys.excepthook = sys.__excepthook__"), 0)
    same(session.cell("5").error["name"], "ZeroDivisionError")
    ends(session.cell("sys.displayhook = sys.__displayhook__"), 0)
    ends(session.cell("5"), 0, "5\n")


@case
def streams(session):
    """Streams that the program replaces or closes are its own matter."""
    ends(session.cell("import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nprint(1)"), 0)
    ends(session.cell("text = sys.stdout.getvalue(); sys.stdout = old; print(text)"), 0, "1\n\n")
    ends(session.cell("sys.stdout = None"), 0)
    gives(session.cell("6"), "6")
    ends(session.cell("sys.stdout = open('/dev/full', 'w'); n = sys.stdout.write('x')"), 120,
         err="Exception ignored on flushing sys.stdout:\nOSError: [Errno 28] No space left on device\n")
    ends(session.cell("full, sys.stdout = sys.stdout, old; old.close()"), 0)
    same(session.cell("print(1)").error["value"], "I/O operation on closed file.")


@case
def futures(session):
    ends(session.cell("from __future__ import annotations"), 0)
    gives(session.cell("def f(x: not_there): pass\nf.__annotations__"), "{'x': 'not_there'}")
    ends(session.context("make", "a"), 0)
    same(session.cell("def f(x: not_there): pass", "a").error["name"], "NameError")


@case
def entropy(session):
    """Random state is fresh in each restored machine, and goes on from cell to cell."""
    source = "import random, numpy, os\nrandom.random(), numpy.random.random(), os.urandom(8)"
    first, second = session.cell(source).result, session.cell(source).result
    session.rewind()
    same(len({first, second, session.cell(source).result}), 3)
    ends(session.cell("random.seed(1)"), 0)
    gives(session.cell("random.random()"), "0.13436424411240122")


@case
def rewinds(session):
    """A rewind gives a fresh session: nothing of the last one is there."""
    look = ("import os, sys, threading, builtins\n[x for x in ('_', 'display') if hasattr(builtins, x)], threading.active_count(),"
            " os.listdir('/tmp'), os.getcwd(), os.environ.get('A'), sorted(sys.modules), len(globals())")
    clean = session.cell(look).result
    for _ in range(3):
        session.rewind()
        same(session.cell(look).result, clean)
        ends(session.context("make", "a", cwd="/tmp/left", env=["A=1"]), 0)
        ends(session.cell("import numpy, asyncio, threading, time, os\nx = [0] * 1000000\nopen('/tmp/x', 'w').write('x')\n"
                          "threading.Thread(target=time.sleep, args=(99,)).start()\nos.environ['A'] = '1'; os.chdir('/tmp')\n"
                          "t = asyncio.create_task(asyncio.sleep(9)); await asyncio.sleep(0)"), 0)
        same(session.cell("5", "a").result, "5")
        same([value["id"] for value in session.context("list").records("contexts")[0]], ["default", "a"])


@case
def script_is_plain(session):
    """A script in the same machine, instead of a session, finds nothing of one."""
    turn = session.run(machine.SCRIPT, "import sys, builtins\nprint(sys.argv, sys.path[0], hasattr(builtins, 'display'), input,"
                       " [n for n in sys.modules if n in ('cells', 'display', 'records', 'contexts', 'stdin')])\n"
                       "for n in 'cells', 'contexts', 'records':\n    try: __import__(n)\n    except ImportError as e: print(e)",
                       argv=["-c"])
    same((turn.kind, turn.out), ("exited", "['-c']  False <built-in function input> []\nNo module named 'cells'\n"
                                           "No module named 'contexts'\nNo module named 'records'\n"))


@case
def limits(session):
    """A limit ends the session, and each run has its own."""
    for _ in range(3):
        ends(session.cell("import time; time.sleep(0.3)", timeout=0.6), 0)
        ends(session.cell("print('x' * 500)", max_output=600), 0, "x" * 500 + "\n")
    turn = session.cell("print('x' * 5000)", max_output=600)
    same((turn.kind, turn.out), ("output", "x" * 600))


@case
def many_cells(session):
    """Of a thousand cells nothing is kept but their text, and that of the last."""
    ends(session.cell("import linecache"), 0)
    for i in range(1100):
        session.cell(f"n = {i}")
    gives(session.cell("n, len([n for n in linecache.cache if n.startswith('<cell')])"), "(1099, 1000)")


@case
def large_cell(session):
    """Cells of 3 MB, and small ones after them. The text of old ones is forgotten."""
    for _ in range(8):
        ends(session.cell("x = '''" + "a" * 3_000_000 + "'''"), 0)
    gives(session.cell("import linecache\nlen(x), [n for n in linecache.cache if n.startswith('<cell')]"),
          "(3000000, ['<cell 4>', '<cell 5>', '<cell 6>', '<cell 7>', '<cell 8>', '<cell 9>'])")
    gives(session.cell("1"), "1")


@case
def counts(session):
    """A cell makes two calls, for its record and at its end, and takes no fault: nothing is scrubbed or joined."""
    ends(session.cell("x = 1"), 0)
    gives(session.cell("1+1"), "2")
    turns = [session.cell("1+1") for _ in range(50)]
    same({(turn.calls, turn.faults) for turn in turns}, {(2, 0)})
    same(sorted(turn.exits for turn in turns)[25], 2)
    turns = [session.cell("x = 2") for _ in range(50)]
    same(({turn.calls for turn in turns}, sorted(turn.exits for turn in turns)[25]), ({1}, 1))


@case
def options(session):
    """Options of python3 are those of the first run."""
    same(session.cell("import sys; sys.flags.optimize, __debug__", options=["-O"]).result, "(1, False)")
    ends(session.cell("1", options=["-O"]), 125, err="pyhl: option '-O': only the first run of a session has options\n")
    gives(session.cell("__debug__"), "False")


@case
def interrupted_again_and_again(session):
    """SIGINT may come at any time: each run ends by itself or by KeyboardInterrupt, and the session goes on."""
    ends(session.cell("import time, asyncio\nn = 0"), 0)
    stop = threading.Event()

    def interrupt():
        while not stop.wait(random.random() / 200):
            os.kill(session.process.pid, signal.SIGUSR1)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        turns = [session.cell(source) for _ in range(60) for source in (
            "1+1", "time.sleep(0.005)\nn += 1", "await asyncio.sleep(0.005)\nn", "for i in range(50000): pass", "print(n)")]
    finally:
        stop.set()
        thread.join()
    same({turn.kind for turn in turns}, {"ready"})
    same([turn.order for turn in turns if bool(turn.status) != bool(turn.records("error"))], [])
    same({error["name"] for turn in turns for error in turn.records("error")}, {"KeyboardInterrupt"})
    session.cell("pass")  # one that came after the last run acts on this
    gives(session.cell("await asyncio.sleep(0, 7)"), "7")


@case
def tracers(session):
    """A trace or profile function sees the program's frames and none of ours."""
    ends(session.cell("import sys\nseen = set()\ndef trace(frame, event, arg):\n    seen.add(frame.f_code.co_filename)\n"
                      "    return trace\nsys.settrace(trace); sys.setprofile(trace)"), 0)
    gives(session.cell("def f(): return 5\nf()"), "5")
    same(session.cell("1 / 0").status, 1)
    ends(session.cell("sys.settrace(None); sys.setprofile(None)"), 0)
    gives(session.cell("sorted(seen)"), "['<cell 1>', '<cell 2>', '<cell 3>', '<cell 4>']")


@case
def damaged(session):
    """A session stands that its process is damaged, as far as python3's prompt does."""
    ends(session.cell("import sys\nout = sys.stdout\ndel sys.stdout, sys.modules['builtins'], sys.modules['asyncio.tasks']"), 0)
    gives(session.cell("5"), "5")
    gives(session.cell("import asyncio\nawait asyncio.sleep(0, 6)"), "6")
    ends(session.cell("sys.stdout = out\nprint(_)"), 0, "6\n")
    ends(session.cell("import os; os.closerange(3, 1000)"), 0)
    gives(session.cell("7"), "7")
    ends(session.cell("os.makedirs('/tmp/gone'); os.chdir('/tmp/gone'); os.rmdir('/tmp/gone')"), 0)
    ends(session.context("make", "a"), 0)
    gives(session.cell("8", "a"), "8")
    gives(session.cell("9"), "9")


@case
def boot_id(session):
    """It stays while the machine is not restored."""
    read = "open('/proc/sys/kernel/random/boot_id').read()"
    seen = [session.cell(read).result, session.cell(read).result]
    session.rewind()
    seen += [session.cell(read).result, session.cell(read).result]
    same((seen[0] == seen[1], seen[2] == seen[3], seen[1] == seen[2]), (True, True, False))
