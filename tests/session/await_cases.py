# SPDX-License-Identifier: Apache-2.0
"""Top-level await, and the event loop that a context keeps."""
from check import case, ends, gives, raises, same

TICKS = """
import asyncio
ticks = []
async def tick(n, pause):
    for i in range(n):
        ticks.append(i)
        await asyncio.sleep(pause)
    return n
"""


@case
def await_at_top(session):
    ends(session.cell(TICKS), 0)
    gives(session.cell("await tick(2, 0.001)"), "2")
    ends(session.cell("n = await tick(3, 0)\nprint(n)"), 0, "3\n")
    gives(session.cell("async with asyncio.timeout(1):\n    pass\n[i async for i in asyncio.as_completed([tick(1, 0)])]"
                       "\nlen([await i for i in [tick(1, 0)]])"), "1")
    ends(session.cell("await tick(1, 0);"), 0)
    gives(session.cell("await asyncio.wait_for(asyncio.sleep(0, 'in time'), 5)"), "'in time'")
    same(session.cell("await asyncio.wait_for(asyncio.sleep(5), 0.01)").error["name"], "TimeoutError")
    gives(session.cell("await asyncio.gather(*[asyncio.sleep(0.01, i) for i in range(3)])"), "[0, 1, 2]")


@case
def await_raises(session):
    raises(session.cell("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 1 / 0\nawait f()"), """\
Traceback (most recent call last):
  File "<cell 1>", line 5, in <module>
    await f()
  File "<cell 1>", line 4, in f
    return 1 / 0
           ~~^~~
ZeroDivisionError: division by zero
""")
    ends(session.cell("import sys\nawait asyncio.sleep(0)\nsys.exit(5)"), 5)
    same(session.cell("raise asyncio.CancelledError('x')\nawait f()").error["name"], "CancelledError")
    gives(session.cell("await asyncio.sleep(0, 1)"), "1")


@case
def await_interrupt(session):
    """SIGINT is KeyboardInterrupt where the cell waits, and where it computes."""
    ends(session.cell(TICKS), 0)
    session.interrupt_after(0.2)
    turn = session.cell("await asyncio.sleep(30)")
    same((turn.kind, turn.status, turn.run_ns < 20e9), ("ready", 1, True))
    lines = turn.error["traceback"].splitlines()
    same((lines[1:3], lines[-1]), (['  File "<cell 2>", line 1, in <module>', "    await asyncio.sleep(30)"],
                                   "KeyboardInterrupt"))
    session.interrupt_after(0.2)
    turn = session.cell("await asyncio.sleep(0)\nwhile True: pass")
    same((turn.error["name"], turn.run_ns < 20e9), ("KeyboardInterrupt", True))
    session.interrupt_after(0.2)
    gives(session.cell("try:\n    await asyncio.sleep(30)\nexcept asyncio.CancelledError:\n    x = 7\nx"), "7")
    gives(session.cell("await tick(2, 0)"), "2")


@case
def tasks_go_on(session):
    """A task goes on in the next cell that awaits, and stands still between cells."""
    ends(session.cell(TICKS), 0)
    ends(session.cell("task = asyncio.create_task(tick(3, 0.02))"), 0)
    gives(session.cell("ticks"), "[]")
    ends(session.cell("await asyncio.sleep(0)"), 0)
    gives(session.cell("ticks"), "[0]")
    gives(session.cell("await task, ticks"), "(3, [0, 1, 2])")
    ends(session.cell("await asyncio.sleep(0)\ntask = asyncio.create_task(tick(2, 0))\nqueue = asyncio.Queue()"), 0)
    gives(session.cell("await task"), "2")
    ends(session.cell("queue.put_nowait(5)\nasync def numbers():\n    for i in range(3):\n        yield i\nit = numbers()"), 0)
    gives(session.cell("await queue.get(), await anext(it)"), "(5, 0)")
    gives(session.cell("await anext(it)"), "1")


@case
def loops_of_their_own(session):
    """asyncio.run() works in a cell that does not await, and the context's loop stays."""
    ends(session.cell(TICKS), 0)
    gives(session.cell("loop = asyncio.get_event_loop_policy() and (await asyncio.sleep(0, asyncio.get_running_loop()))\n"
                       "asyncio.get_event_loop() is loop"), "True")
    gives(session.cell("asyncio.run(tick(2, 0))"), "2")
    gives(session.cell("asyncio.get_event_loop() is loop, loop.run_until_complete(tick(1, 0))"), "(True, 1)")
    gives(session.cell("await asyncio.sleep(0)\nasyncio.get_running_loop() is loop"), "True")
    same(session.cell("c = tick(1, 0)\nasyncio.run(c)\nawait c").error["value"],
         "asyncio.run() cannot be called from a running event loop")
    gives(session.cell("loop.close()\nawait_again = 1"), None)
    gives(session.cell("await tick(1, 0)"), "1")


@case
def context_variables(session):
    """What a cell sets in a context variable is there in the next, and each context has its own."""
    ends(session.cell("import contextvars, decimal\nv = contextvars.ContextVar('v', default=0)\nv.set(1)\n"
                      "decimal.getcontext().prec = 3"), 0)
    gives(session.cell("import asyncio\nawait asyncio.sleep(0)\nold = v.get()\nt = v.set(2)\nold"), "1")
    gives(session.cell("v.get(), decimal.Decimal(1) / 3"), "(2, Decimal('0.333'))")
    ends(session.context("make", "other"), 0)
    gives(session.cell("import decimal; decimal.Decimal(1) / 3", "other"), "Decimal('0.3333333333333333333333333333')")
