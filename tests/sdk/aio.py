# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: tasks of an event loop. Each has a loop of its own."""

import asyncio
import functools
import os
import signal
import threading
import time

import pyhl

from caselist import case, same


def looped(function):
    """A case that is a coroutine function."""
    @functools.wraps(function)
    def run():
        asyncio.run(asyncio.wait_for(function(), 60))
    return case(run)


async def fails(kind, text, waited):
    try:
        await waited
    except kind as error:
        assert text in str(error), error
        return error
    raise AssertionError(f"no {kind.__name__}")


@looped
async def arun_gives_an_execution():
    done = await pyhl.arun("print('out')\n6 * 7", timeout=20)
    same((done.text, done.stdout, done.error), ("42", "out\n", None))
    many = await asyncio.gather(*(pyhl.arun(f"{i} ** 2") for i in range(100)))
    same([one.text for one in many], [str(i * i) for i in range(100)])
    await fails(pyhl.InvalidArgument, "'cwd'", pyhl.arun("1", cwd="x"))


@looped
async def an_async_sandbox_keeps_names():
    async with await pyhl.AsyncSandbox.create(envs={"A": "1"}, timeout=20) as one:
        await one.run_code("import os; x = os.environ['A']")
        made = await one.create_code_context("/tmp")
        same((await one.run_code("'x' in globals()", context=made)).text, "False")
        same([context.cwd for context in await one.list_code_contexts()], ["/", "/tmp"])
        other = await pyhl.AsyncSandbox.connect(one.sandbox_id)
        same((await other.run_code("x")).text, "'1'")
    same(await other.kill(), False)
    await fails(pyhl.NotFound, "no session", one.run_code("1"))


@looped
async def a_loop_of_tools():
    """`async def` runs on the caller's loop, a plain function on a thread, and calls overlap."""
    loop, seen = asyncio.get_running_loop(), set()

    async def later(x: int):
        assert asyncio.get_running_loop() is loop
        seen.add("later")
        await asyncio.wait_for(met.wait(), 20)
        return x + 1

    def plain(x: int):
        assert threading.current_thread() is not threading.main_thread()
        loop.call_soon_threadsafe(met.set)
        return x + 2

    met = asyncio.Event()
    code = "import asyncio, host\nawait asyncio.gather(*[host.later.aio(i) for i in range(20)], host.plain.aio(5))"
    done = await pyhl.arun(code, tools=[later, plain], timeout=30)
    same((done.error, done.text), (None, str([i + 1 for i in range(20)] + [7])))

    async def bad():
        raise KeyError("k")

    done = await pyhl.arun("import host\ntry: host.bad()\nexcept host.HostError as e: print(e.type)", tools=[bad])
    same(done.stdout, "KeyError\n")


@looped
async def async_callbacks_are_awaited():
    seen = []

    async def hears(message):
        await asyncio.sleep(0)
        seen.append(str(message))

    before = time.time_ns()
    await pyhl.arun("print(1)\ndisplay(2)", on_stdout=hears, on_result=hears,
                    on_stderr=lambda message: seen.append(message.timestamp))
    same(seen, ["1\n", "2"])
    await pyhl.arun("import sys; print(1, file=sys.stderr)", on_stderr=lambda message: seen.append(message.timestamp))
    assert before <= seen[-1] <= time.time_ns()


@looped
async def the_end_of_a_task_ends_its_run():
    began = asyncio.Event()
    async with await pyhl.AsyncSandbox.create() as sandbox:
        def begins(_):
            began.set()

        task = asyncio.create_task(sandbox.run_code("print(1, flush=True)\nwhile True: pass", on_stdout=begins))
        await began.wait()
        waits = asyncio.create_task(sandbox.run_code("1"))  # after the other, which never ends
        task.cancel()
        await fails(asyncio.CancelledError, "", task)
        await fails(pyhl.NotFound, "over", waits)
    with pyhl.Server(["--workers", "1"]) as server:
        for wait in (0, 0.05):
            await fails(asyncio.TimeoutError, "", asyncio.wait_for(pyhl.arun("while True: pass", server=server), wait))
        same((await pyhl.arun("1", server=server)).text, "1")


@looped
async def a_cancelled_tool_ends():
    """A task of a tool does not outlive its run."""
    ended, began = asyncio.Event(), asyncio.Event()

    async def forever():
        began.set()
        try:
            await asyncio.sleep(1000)
        finally:
            ended.set()

    task = asyncio.create_task(pyhl.arun("import host; host.forever()", tools=[forever]))
    await began.wait()
    task.cancel()
    await fails(asyncio.CancelledError, "", task)
    await asyncio.wait_for(ended.wait(), 20)


@looped
async def interrupt_in_a_loop_leaves_the_sandbox():
    async with await pyhl.AsyncSandbox.create() as sandbox:
        async def stops(_):
            await sandbox.interrupt()

        done = await sandbox.run_code("x = 5\nprint(1, flush=True)\nwhile True: pass", timeout=30, on_stdout=stops)
        same((done.error.name, (await sandbox.run_code("x")).text), ("KeyboardInterrupt", "5"))


@looped
async def a_loop_goes_on_while_the_server_stands_still():
    with pyhl.Server(["--workers", "1"]) as server:
        os.kill(server._process.pid, signal.SIGSTOP)
        try:
            large = asyncio.create_task(pyhl.arun("#" * (8 << 20), server=server))
            small = [asyncio.create_task(pyhl.arun(f"{i}", server=server)) for i in range(1000)]
            given_up = asyncio.create_task(pyhl.arun("#" * (8 << 20), server=server))
            for _ in range(20):
                await asyncio.sleep(0.005)
            given_up.cancel()
            await fails(asyncio.CancelledError, "", given_up)
        finally:
            os.kill(server._process.pid, signal.SIGCONT)
        same((await large).exit_code, 0)
        same([(await one).text for one in small], [str(i) for i in range(1000)])


@looped
async def a_server_that_dies_fails_what_waits():
    server = pyhl.Server(["--workers", "1"])

    async def kills(_):
        server._process.kill()

    await fails(pyhl.ServerError, "status -9", pyhl.arun("print(1, flush=True)\nwhile True: pass", server=server, on_stdout=kills))
    await fails(pyhl.ServerError, "status -9", pyhl.arun("1", server=server))
    server.close()


@looped
async def no_session_is_left_of_a_cancelled_create():
    """Whether the server has begun with it, has done it, or has answered already."""
    cancel = pyhl._server.Request.cancel
    with pyhl.Server(["--workers", "1", "--sessions", "1"]) as server:
        for when in ("before", "late", "answered"):
            if when != "answered":
                os.kill(server._process.pid, signal.SIGSTOP)
            if when == "late":
                pyhl._server.Request.cancel = lambda self: None
            task = asyncio.create_task(pyhl.AsyncSandbox.create(server=server))
            await asyncio.sleep(0)
            time.sleep(0.3 if when == "answered" else 0.02)  # the loop does not see the answer
            task.cancel()
            await fails(asyncio.CancelledError, "", task)
            pyhl._server.Request.cancel = cancel
            os.kill(server._process.pid, signal.SIGCONT)
            end = time.monotonic() + 10
            while True:
                try:
                    sandbox = await pyhl.AsyncSandbox.create(server=server)
                    break
                except pyhl.Busy:
                    assert time.monotonic() < end, f"the session of the cancelled create() is still open: {when}"
                    await asyncio.sleep(0.01)
            await sandbox.kill()


@looped
async def blocking_calls_in_a_loop():
    """As in a notebook, whose cells run in a loop."""
    async def later(x: int):
        await asyncio.sleep(0)
        return x + 1

    same(pyhl.run("import host; host.later(1)", tools=[later], timeout=20).text, "2")
    with pyhl.Sandbox() as sandbox:
        same(sandbox.run_code("5").text, "5")
