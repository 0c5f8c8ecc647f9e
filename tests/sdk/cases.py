#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py [CASE...]; called by run.sh."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import List, Literal, Optional

import pyhl

import aio  # more cases, as the next ones
import commands
import examples
import files
import forks
import packages
import pools
import schemas
from caselist import case, children, main, raises, same
from pyhl._runs import answer
from pyhl._waiting import ThreadWaiter, block


@case
def run_gives_an_execution():
    done = pyhl.run("import sys\nprint('out'); print('err', file=sys.stderr)\n[6 * 7]")
    same((done.text, done.stdout, done.stderr, done.error, done.exit_code, done.limit), ("[42]", "out\n", "err\n", None, 0, None))
    same((done.execution_count, done.results[0].is_main_result, done.results[0].formats()), (1, True, ["text"]))
    assert done.counts["exits"] > 0 and done.times["run_ms"] > 0
    same(json.loads(done.to_json())["results"], [{"text": "[42]", "is_main_result": True, "extra": {}, "metadata": {}}])
    same(pyhl.run("x = 1").text, None)


@case
def each_run_is_the_first():
    for _ in range(3):
        same(pyhl.run("import builtins; old = hasattr(builtins, 'm'); builtins.m = 1; old").text, "False")


@case
def an_exception_is_data():
    done = pyhl.run("def f(): return 1 / 0\nf()")
    same((done.exit_code, done.error.name, done.error.value), (1, "ZeroDivisionError", "division by zero"))
    assert "in f" in done.error.traceback
    same(pyhl.run("raise SystemExit(5)").exit_code, 5)


@case
def limits_are_data():
    for options, code, name in (({"timeout": 0.3}, "while True: pass", "timeout"), ({"cpu": 0.2}, "while True: pass", "cpu"),
                                ({"output_limit": 1000}, "while True: print('x' * 99)", "output"),
                                ({"memory": 450 << 20}, "x = b'x' * (900 << 20)\nfor i in range(9): x += x", "memory")):
        done = pyhl.run(code, **options)
        assert (done.limit, done.error.name) == (name, name) or (name == "memory" and done.error.name == "MemoryError"), done


@case
def results_have_all_forms():
    done = pyhl.run("import pandas as pd, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\npd.DataFrame({'a': [1]})")
    figure, frame = done.results
    assert figure.png.startswith("iVBOR") and figure.chart["type"] == "line" and not figure.is_main_result, figure.formats()
    assert "<table" in frame.html and frame.is_main_result and frame["html"] is frame.html
    same(done.text, frame.text)
    data, _ = frame._repr_mimebundle_()
    same((data["text/html"], frame.data), (frame.html, {"a": [1]}))
    shown, _ = done._repr_mimebundle_()
    same(shown, data)


@case
def callbacks_come_while_the_run_goes_on():
    seen = []

    def go():
        seen.append("call")

    done = pyhl.run("import host, sys\nprint('ä', flush=True)\nhost.go()\nprint('b', file=sys.stderr)\n7\n1/0", tools=[go],
                    on_stdout=lambda m: seen.append(m.line), on_stderr=lambda m: seen.append((m.line, m.error)),
                    on_error=lambda e: seen.append(e.name))
    same((seen, done.exit_code), (["ä\n", "call", ("b\n", True), "ZeroDivisionError"], 1))
    same([r.text for r in pyhl.run("display(1); 2", on_result=seen.append).results], ["1", "2"])
    same([str(r) for r in seen[-2:]], ["1", "2"])


@case
def a_callback_that_raises_ends_the_run():
    def no(message):
        raise RuntimeError("no more")

    raises(RuntimeError, "no more", pyhl.run, "while True: print(1, flush=True)", on_stdout=no)
    same(pyhl.run("1").text, "1")


@case
def arguments_that_are_wrong():
    raises(pyhl.InvalidArgument, "'cwd' is 'x', which is not absolute", pyhl.run, "1", cwd="x")
    raises(pyhl.InvalidArgument, "'timeout' must be a number over 0", pyhl.run, "1", timeout=0)
    raises(pyhl.InvalidArgument, "the code has a NUL", pyhl.run, "a\0b")
    raises(pyhl.InvalidArgument, "the code is no text", pyhl.run, "'\ud800'")
    raises(pyhl.InvalidArgument, "not int", pyhl.run, 7)
    raises(TypeError, "a tool's parameters have names", pyhl.run, "1", tools=[lambda *args: 1])


@case
def setup_says_what_is_wrong():
    def stop(line):
        raise KeyError(line)

    raises(pyhl.ServerError, "install the distribution pyhl-image", pyhl.setup)
    with tempfile.TemporaryDirectory() as place:
        raises(pyhl.ServerError, "/nowhere", pyhl.setup, "/nowhere", dest=place)
        raises(pyhl.ServerError, "No such file", pyhl.setup, ".", dest=place, binary="/nowhere/pyhl")
        image = os.path.dirname(os.environ["PYHL_BINARY"]) + "/images/python"
        raises(KeyError, "fetch image", pyhl.setup, image, dest=place + "/home", progress=stop)
        same(os.listdir(place), [])
        raises(pyhl.ServerError, place + "/kernel", pyhl.setup, place, dest=os.environ["PYHL_HOME"])
        said = []
        same(pyhl.setup(image, dest=os.environ["PYHL_HOME"], progress=said.append), os.environ["PYHL_HOME"])
        assert "already installed: python in" in said[0], said


@case
def tools_take_and_give_values():
    def echo(value, other: Optional[int] = None, kind: Literal["a", "b"] = "a", many: List[int] = ()):
        """Says it again."""
        return [value, other, kind, list(many)]

    async def later(x: int):
        await asyncio.sleep(0.01)
        return x + 1

    code = ("import host\nr = host.echo({'$bytes': 1, 'n': [10**30, float('inf'), b'\\xff', None, 'ü']}, 5, many=[1])\n"
            "r, host.later(1), host.echo.__doc__.splitlines()[0]")
    done = pyhl.run(code, tools={"echo": echo, "later": later})
    same(done.error, None)
    same(done.text, "([{'$bytes': 1, 'n': [" + str(10**30) + ", inf, b'\\xff', None, 'ü']}, 5, 'a', [1]], 2, 'Says it again.')")


@case
def a_tool_that_fails():
    def bad():
        raise KeyError("k")

    def worse():
        return object()

    def stops():
        raise StopIteration

    code = "import host\nfor f in host.bad, host.worse, host.stops:\n    try: f()\n    except host.HostError as e: print(e.type)"
    done = pyhl.run(code, tools=[bad, worse, stops])
    same(done.stdout, "KeyError\nTypeError\nStopIteration\n")


@case
def a_tool_whose_exception_has_no_text():
    class Mute(Exception):
        def __str__(self):
            raise ValueError("none")

    def mute():
        raise Mute

    done = pyhl.run("import host\ntry: host.mute()\nexcept host.HostError as e: print(e)", tools=[mute], timeout=20)
    same(done.stdout, "Mute: its text cannot be had: __str__ raised ValueError\n")


@case
def an_async_callback_needs_a_loop():
    async def hears(message):
        await asyncio.sleep(0)

    raises(TypeError, "use AsyncSandbox", pyhl.run, "print(1)", on_stdout=hears)
    same(pyhl.run("1").text, "1")


@case
def a_sandbox_keeps_names():
    with pyhl.Sandbox(envs={"A": "1"}, cwd="/srv") as one, pyhl.Sandbox.create() as two:
        one.run_code("import os; x = os.environ['A'] + os.getcwd()")
        two.run_code("x = 2")
        same((one.run_code("x").text, two.run_code("x").text), ("'1/srv'", "2"))
        same(one.create_code_context("/tmp", envs={"C": "3"}, name="c"), ("c", "python", "/tmp"))
        same(one.run_code("import os; 'x' in globals(), os.getcwd(), os.environ['C']", context="c").text, "(False, '/tmp', '3')")
        made = one.create_code_context()
        same([context.id for context in one.list_code_contexts()], ["default", "c", made.id])
        one.run_code("y = 1", context=made)
        one.restart_code_context(made)
        same(one.run_code("'y' in globals()", context=made).text, "False")
        raises(pyhl.InvalidArgument, "c", one.create_code_context, name="c")
        one.remove_code_context("c")
        raises(pyhl.NotFound, "'c'", one.remove_code_context, "c")
        raises(pyhl.NotFound, "'c'", one.run_code, "1", context="c")
        same(one.run_code("os.environ['B']", envs={"B": "2"}).text, "'2'")
        same(one.run_code("os.environ.get('B')").text, None)

        @one.tool
        def twice(n: int) -> int:
            return 2 * n

        same(one.run_code("import host; host.twice(21)").text, "42")
        same(pyhl.Sandbox.connect(one.sandbox_id).run_code("x").text, "'1/srv'")
        same((two.kill(), two.kill()), (True, False))
        raises(pyhl.NotFound, "no session", pyhl.Sandbox.connect, two.sandbox_id)
        raises(pyhl.InvalidArgument, "'r'", one.run_code, "1", language="r")
        raises(pyhl.NotFound, "no session", two.run_code, "1")


@case
def what_ends_a_sandbox():
    with pyhl.Sandbox(timeout=0.3) as sandbox:
        same(sandbox.run_code("while True: pass").limit, "timeout")
        raises(pyhl.NotFound, " any more: stopped: the timeout of 0.3 s is over", sandbox.run_code, "1")
        same(sandbox.kill(), False)


@case
def interrupt_leaves_the_sandbox():
    with pyhl.Sandbox() as sandbox:
        sandbox.run_code("x = 5")
        done = sandbox.run_code("print(1, flush=True)\nwhile True: pass", timeout=60, on_stdout=lambda _: sandbox.interrupt())
        same((done.error.name, sandbox.run_code("x").text), ("KeyboardInterrupt", "5"))


@case
def threads_share_a_server():
    with ThreadPoolExecutor(20) as pool:
        same(list(pool.map(lambda i: pyhl.run(f"{i} ** 2").text, range(200))), [str(i * i) for i in range(200)])


@case
def a_server_of_its_own():
    with pyhl.Server(["--timeout", "0.2", "--sessions", "1"]) as server:
        same(pyhl.run("while True: pass", server=server).limit, "timeout")
        with pyhl.Sandbox(server=server):
            raises(pyhl.Busy, "1 sessions are open", pyhl.Sandbox, server=server)
    raises(pyhl.ServerError, "the server was closed", pyhl.run, "1", server=server)
    raises(pyhl.ServerError, "/nowhere", pyhl.Server, ["--dest", "/nowhere"])
    raises(pyhl.ServerError, "No such file", pyhl.Server, binary="/nowhere/pyhl")


@case
def a_worker_or_the_server_dies():
    with pyhl.Server(["--workers", "1"]) as server:
        pid = server._process.pid
        raises(pyhl.WorkerDied, "killed by signal 9", pyhl.run, "print(1, flush=True)\nwhile True: pass", server=server,
               on_stdout=lambda _: [os.kill(child, signal.SIGKILL) for child in children(pid)])
        same(pyhl.run("1", server=server).text, "1")
        raises(pyhl.ServerError, "status -9", pyhl.run, "print(1, flush=True)\nwhile True: pass", server=server,
               on_stdout=lambda _: os.kill(pid, signal.SIGKILL))
        raises(pyhl.ServerError, "status -9", pyhl.run, "1", server=server)


@case
def a_forked_child_has_a_server_of_its_own():
    same(pyhl.run("1").text, "1")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if pyhl.run("2").text == "2" else 1)
    same(os.waitpid(pid, 0)[1], 0)
    same(pyhl.run("3").text, "3")


@case
def nothing_is_left_at_the_end():
    code = ("import pyhl, sys; s = pyhl.Sandbox(); s.run_code('x = 1'); print(s._twin._session.server._process.pid, flush=True);"
            "sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        server = int(process.stdout.readline())
        pids = [server, *children(server)]
    same(process.returncode, 0)
    assert len(pids) >= 2, pids
    end = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{one}") and ") Z " not in pathlib.Path(f"/proc/{one}/stat").read_text() for one in pids):
        assert time.monotonic() < end, pids
        time.sleep(0.02)


@case
def keyboard_interrupt_ends_the_run():
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("this case needs the main thread")
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        raises(KeyboardInterrupt, "", pyhl.run, "print(1, flush=True)\nwhile True: pass",
               on_stdout=lambda _: os.kill(os.getpid(), signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, old)
    same(pyhl.run("1").text, "1")


@case
def keyboard_interrupt_leaves_no_session():
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    with pyhl.Server(["--workers", "1", "--sessions", "1"]) as server:
        os.kill(server._process.pid, signal.SIGSTOP)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            raises(KeyboardInterrupt, "", pyhl.Sandbox, server=server)
        finally:
            signal.signal(signal.SIGALRM, old)
        os.kill(server._process.pid, signal.SIGCONT)
        end = time.monotonic() + 20
        while True:
            try:
                pyhl.Sandbox(server=server).kill()
                break
            except pyhl.Busy:
                assert time.monotonic() < end, "the session of the interrupted Sandbox() is still open"
                time.sleep(0.01)


@case
def arguments_that_are_no_json_leave_the_server():
    with pyhl.Server(["--workers", "1"]) as server:
        for text, members in (("is no text", {"envs": {"A": "\ud800"}}), ("has a NUL", {"envs": {"A": "a\0b"}}),
                              ("is too large", {"memory": 1 << 64}), ("is not finite", {"timeout": float("nan")}),
                              ("is not finite", {"cpu": float("inf")}), ("is no JSON", {"envs": {"A": {1}}}),
                              ("1048576", {"envs": {"A": "x" * (1 << 20)}}), ("levels", {"envs": {"A": eval("[" * 70 + "]" * 70)}})):
            raises(pyhl.InvalidArgument, text, pyhl.run, "1", server=server, **members)
        raises(pyhl.InvalidArgument, "bytes", pyhl.run, "#" * (65 << 20), server=server)
        same(pyhl.run("1", server=server).text, "1")


@case
def no_tool_ends_the_server_or_leaves_a_call_open():
    def bad(what: str):
        if what == "exit":
            sys.exit(3)
        raise ValueError(what)

    def large():
        return "x" * (65 << 20)

    code = "import host\ntry: host.{}\nexcept host.HostError as e: print(ascii(str(e)))"
    with pyhl.Server(["--workers", "1"]) as server:
        def said(call):
            return pyhl.run(code.format(call), tools=[bad, large], timeout=20, server=server).stdout
        assert "no" in said("bad('no')")
        assert "?" in said("bad('\\ud800')"), "a lone surrogate"
        assert "SystemExit" in said("bad('exit')")
        assert "bytes" in said("large()")
        same(pyhl.run("1", server=server).text, "1")


@case
def a_large_request_while_output_comes():
    code = "import os\nfor i in range(600): os.write(1, b'x' * 65536)"
    with pyhl.Server(["--workers", "1"]) as server, ThreadPoolExecutor(2) as threads:
        began = threading.Event()
        first = threads.submit(pyhl.run, code, server=server, on_stdout=lambda _: began.set())
        assert began.wait(30)
        large = [threads.submit(pyhl.run, "#" * (40 << 20), server=server)]
        try:
            same(len(first.result(60).stdout), 600 * 65536)
            same(large[0].result(60).exit_code, 0)
        except BaseException:
            server._process.kill()
            raise


@case
def a_forked_child_has_calls_of_its_own():
    def five() -> int:
        return 5

    code = "import host; host.five()"
    same(pyhl.run(code, tools=[five], timeout=20).text, "5")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if pyhl.run(code, tools=[five], timeout=5).text == "5" else 1)
    same(os.waitpid(pid, 0)[1], 0)


@case
def a_request_that_was_cut_is_not_gone_on_with():
    class Cut(Exception):
        pass

    def alarm(*_):
        os.kill(server._process.pid, signal.SIGCONT)
        raise Cut

    server = pyhl.Server(["--workers", "1"])
    old = signal.signal(signal.SIGALRM, alarm)
    try:
        os.kill(server._process.pid, signal.SIGSTOP)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        raises(Cut, "", pyhl.run, "#" * (30 << 20), server=server)
        raises(pyhl.ServerError, "cut", pyhl.run, "1", server=server)
    finally:
        signal.signal(signal.SIGALRM, old)
        server.close()


@case
def an_exception_of_a_callback_is_not_hidden():
    with pyhl.Server(["--workers", "1"]) as server:
        def bad(_):
            server._process.kill()
            server._process.wait()
            server._reader.join()
            raise KeyError("mine")
        raises(KeyError, "mine", pyhl.run, "print(1, flush=True)\nwhile True: pass", server=server, on_stdout=bad)


@case
def tools_by_any_mapping():
    def five() -> int:
        return 5

    same(pyhl.run("import host; host.f()", tools=types.MappingProxyType({"f": five})).text, "5")


@case
def code_for_e2b_moves_by_its_import():
    from pyhl import AsyncSandbox, Context, Execution, ExecutionError, Logs, OutputMessage, Result, Sandbox  # noqa: F401

    seen = []
    with Sandbox.create(timeout=60, envs={"A": "1"}) as sbx:
        execution = sbx.run_code("print('hello')\n{'a': 1}", on_stdout=lambda m: seen.append((m.line, m.error, m.timestamp > 0)),
                                 on_result=seen.append, envs={"B": "2"}, timeout=30, language="python")
        same((execution.text, execution.logs.stdout, execution.logs.stderr, execution.error), ("{'a': 1}", ["hello\n"], [], None))
        same(seen, [("hello\n", False, True), execution.results[0]])
        result = execution.results[0]
        same((list(result.formats()), result["text"], result.is_main_result, result.png), (["text"], "{'a': 1}", True, None))
        error = sbx.run_code("1 / 0", on_error=seen.append).error
        same((error.name, error.value, error is seen[-1], "ZeroDivisionError" in error.traceback),
             ("ZeroDivisionError", "division by zero", True, True))
        context = sbx.create_code_context(cwd="/tmp")
        sbx.run_code("x = 1", context=context)
        sbx.restart_code_context(context)
        same(sbx.run_code("x", context=context).error.name, "NameError")
        same([one.id for one in sbx.list_code_contexts()], ["default", context.id])
        sbx.remove_code_context(context.id)
        again = Sandbox.connect(sbx.sandbox_id)
        same((again.kill(), sbx.kill()), (True, False))
    same(set(json.loads(execution.to_json())) >= {"results", "logs", "error"}, True)


@case
def a_call_of_a_tool_that_is_not_there_is_answered():
    class Asked:
        waiter = ThreadWaiter()

        def reply(self, call, value=b"", error=None):
            self.error = error

    asked = Asked()
    block(answer(asked, None, "gone", 1, b"{}"))
    same(asked.error, {"type": "NameError", "message": "there is no tool 'gone'"})


if __name__ == "__main__":
    sys.exit(main("sdk", sys.argv[1:]))
