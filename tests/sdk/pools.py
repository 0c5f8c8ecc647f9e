# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: Pool, and functions that are sent to a VM."""

import dataclasses
import functools
import math
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError
from math import hypot as distance

import pyhl

from caselist import case, children, raises, same

SCALE = {"a": (1, 2.5), "b": float("inf")}
LOCK = threading.Lock()


@dataclasses.dataclass
class Point:
    x: int
    y: int = 4


def length(point: "Point") -> float:
    return distance(point.x, point.y)


def measured(x, *, more=b""):
    return [length(Point(x)), SCALE["a"], math.pi, more, SCALE["b"]]


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


async def later(x):
    return x + 1


def locked():
    return LOCK.locked()


def sent(value):
    return repr(value)


def fails(x):
    return 1 // x


@case
def a_pool_runs_programs():
    with pyhl.Pool(4, timeout=20) as pool:
        futures = [pool.run(f"print({i})\n{i} ** 2") for i in range(50)]
        same([future.result().text for future in futures], [str(i * i) for i in range(50)])
        same(pool.run("while True: pass", timeout=0.2).result().limit, "timeout")
        raises(pyhl.InvalidArgument, "'cwd'", pool.run("1", cwd="x").result)
        raises(TypeError, "nonsense", pool.run("1", nonsense=1).result)
    raises(RuntimeError, "after shutdown", pool.run, "1")
    raises(ValueError, "max_workers is 0", pyhl.Pool, 0)


@case
def a_pool_takes_programs_as_there_is_room():
    taken = []

    def programs():
        for i in range(1000):
            taken.append(i)
            yield f"{i}"

    with pyhl.Pool(4, waiting=6, timeout=20) as pool:
        executions = pool.map_code(programs())
        same([next(executions).text for _ in range(3)], ["0", "1", "2"])
        assert len(taken) <= 14, taken
        executions.close()
        with pyhl.Server(["--workers", "1"]) as server:
            server.close()
            ended = list(pool.map_code(["1", "2"], return_exceptions=True, server=server))
            same([type(one) for one in ended], [pyhl.ServerError] * 2)
            raises(pyhl.ServerError, "closed", list, pool.map_code(["1"], server=server))


@case
def who_brings_too_much_to_a_pool_waits():
    with pyhl.Pool(1, waiting=1, timeout=20) as pool:
        gate, brought = threading.Event(), threading.Event()

        def hold():
            gate.wait(20)

        first = pool.run("import host; host.hold()", tools=[hold])
        second = pool.run("2")

        def bring():
            third.append(pool.run("3"))
            brought.set()

        third = []
        threading.Thread(target=bring, daemon=True).start()
        assert not brought.wait(0.2)
        assert second.cancel()  # makes room
        assert brought.wait(20)
        gate.set()
        same((first.result().exit_code, third[0].result().text), (0, "3"))
        raises(CancelledError, "", second.result)


@case
def a_callback_of_a_future_may_bring_more():
    done, texts = threading.Event(), []
    with pyhl.Pool(1, waiting=0, timeout=20) as pool:
        def bring(future):
            texts.append(future.result().text)
            if len(texts) < 3:
                pool.run(f"{len(texts)}").add_done_callback(bring)
            else:
                done.set()

        pool.run("0").add_done_callback(bring)
        assert done.wait(20)
    same(texts, ["0", "1", "2"])


@case
def a_pool_shuts_down():
    pool = pyhl.Pool(1, timeout=20)
    gate = threading.Event()
    first = pool.run("import host; host.wait(); 1", tools={"wait": lambda: gate.wait(20) and None})
    more = [pool.run("1") for _ in range(5)]
    end = time.monotonic() + 20
    while not first.running() and time.monotonic() < end:
        time.sleep(0.01)
    pool.shutdown(wait=False, cancel_futures=True)
    gate.set()
    pool.shutdown()
    same((first.result().text, [one.cancelled() for one in more]), ("1", [True] * 5))
    assert not pool._thread.is_alive()


@case
def a_pool_calls_functions():
    with pyhl.Pool(4, timeout=20) as pool:
        same(pool.submit(measured, 3, more=b"\xff").result(), [5.0, [1, 2.5], math.pi, b"\xff", math.inf])
        same((pool.submit(even, 10).result(), pool.submit(later, 1).result()), (True, 2))
        same(pool.submit(math.sqrt, 16).result(), 4.0)
        same(pool.submit(statistics.mean, [1, 3]).result(), 2)
        same(pool.submit(functools.partial(math.pow, 2), 5).result(), 32.0)
        value = (1, {2: [None, True, -0.0, 10**40, "ü\ud800\n'\"", b"\0"]}, {3}, frozenset(), -math.inf)
        same(pool.submit(sent, value).result(), repr(value))
        same(list(pool.map(even, range(6))), [True, False] * 3)
        error = raises(pyhl.FunctionError, "ZeroDivisionError: ", pool.submit(fails, 0).result)
        assert error.name == "ZeroDivisionError" and "in fails" in error.traceback, error.traceback
        raises(pyhl.FunctionError, "not one of JSON's types", pool.submit(complex, 1).result)
        raises(pyhl.FunctionError, "status 3", pool.submit(os._exit, 3).result)
        raises(pyhl.FunctionError, "timeout", pyhl.Pool(1, timeout=0.2).submit(time.sleep, 9).result)


@case
def a_program_ends_with_a_pool_open():
    """Its runs end with it: a daemon's thread does not keep it, and says nothing."""
    code = "import pyhl; pool = pyhl.Pool(); [pool.run('while True: pass') for _ in range(5)]; print(pool.run('1').done())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    same((done.returncode, done.stdout, done.stderr), (0, "False\n", ""))


@case
def a_pool_of_a_forked_child():
    with pyhl.Pool(2, timeout=20) as pool:
        same(pool.run("1").result().text, "1")
        pid = os.fork()
        if pid == 0:
            try:
                raises(BrokenExecutor, "forked", pool.run, "1")
                with pyhl.Pool(2, timeout=20) as own:
                    os._exit(0 if own.run("2").result().text == "2" else 1)
            finally:
                os._exit(2)
        same(os.waitpid(pid, 0)[1], 0)


@case
def what_cannot_be_sent_is_refused():
    around = 1

    def inner():
        return around

    with pyhl.Pool(1) as pool:
        for text, function, *arguments in (("no name", lambda: 1), ("'around' of the function around it", inner),
                                           ("is a method", Point(1).__init__), ("is no function", 5),
                                           ("'LOCK', which locked uses, is a lock", locked),
                                           ("argument 1 of sent() is a object", sent, object()),
                                           ("is a Point", sent, [Point(1)]), ("the module 'caselist_module'", uses_module)):
            raises(TypeError, text, pool.submit, function, *arguments)


def uses_module():
    return caselist_module.children


import caselist as caselist_module  # noqa: E402 (a module of the caller's own)


@case
def a_worker_that_dies_fails_one_program():
    with pyhl.Server(["--workers", "1"]) as server, pyhl.Pool(2, server=server, timeout=20) as pool:
        began = threading.Event()
        first = pool.run("print(1, flush=True)\nwhile True: pass", on_stdout=lambda _: began.set())
        assert began.wait(20)
        for child in children(server._process.pid):
            os.kill(child, signal.SIGKILL)
        raises(pyhl.WorkerDied, "signal 9", first.result)
        same(pool.run("1").result().text, "1")
