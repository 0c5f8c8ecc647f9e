# SPDX-License-Identifier: Apache-2.0
"""Many runs, each in a VM of its own: an Executor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Callable, Coroutine, Deque, Dict, Iterable, Iterator, List, Optional, Set, Tuple, TypeVar

from ._errors import FunctionError
from ._functions import program
from ._results import Execution
from ._sandbox import arun
from ._server import Server
from ._tools import Tool

T = TypeVar("T")
Make = Callable[[], Coroutine[Any, Any, Any]]

SCHEMA = '{"properties": {"value": {}}, "required": ["value"]}'  # of the tool that takes the result of a function


class Pool(Executor):
    """Runs many programs and functions, each in a VM that nothing has run in.

        with pyhl.Pool(timeout=2) as pool:
            for execution in pool.map_code(programs):
                ...
            pool.run("6 * 7").result().text
            pool.submit(statistics.mean, [1, 2]).result()

    max_workers: as many are given to the server at once. waiting: as many more are kept; who brings another one waits. The
    limits are those of each run, unless it says otherwise. At the end of the `with` all have ended.
    """

    def __init__(self, max_workers: int = 32, *, waiting: int = 1000, timeout: Optional[float] = None,
                 cpu: Optional[float] = None, memory: Optional[int] = None, output_limit: Optional[int] = None,
                 server: Optional[Server] = None) -> None:
        if max_workers < 1 or waiting < 0:
            raise ValueError(f"max_workers is {max_workers} and waiting {waiting}: at least 1 and 0 are needed")
        self._options: Dict[str, Any] = {"timeout": timeout, "cpu": cpu, "memory": memory, "output_limit": output_limit, "server": server}
        self._pid = os.getpid()
        self._most, self._free = max_workers + waiting, max_workers
        self._room = threading.Semaphore(self._most)
        self._lock = threading.Lock()  # of _over and _open
        self._over = False
        self._open: Set[Future[Any]] = set()
        self._queue: Deque[Tuple[Future[Any], Make]] = deque()
        self._called = False
        self._tasks: Set[asyncio.Task[None]] = set()  # of the loop's thread alone, as _free
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="pyhl-pool", daemon=True)
        self._thread.start()

    def run(self, code: str, **options: Any) -> Future[Execution]:
        """Runs code as pyhl.run() does, with its options."""
        return self._bring(lambda: arun(code, **{**self._options, **options}))

    def map_code(self, programs: Iterable[str], *, return_exceptions: bool = False, **options: Any) -> Iterator[Any]:
        """Runs programs, and gives their executions in the order of the programs, which are taken as there is room. What
        the server could not do (WorkerDied, say) is raised, or stands in the place of its execution."""
        ahead: Deque[Future[Execution]] = deque()

        def first() -> Any:
            future = ahead.popleft()
            error = future.exception()
            return error if return_exceptions and error is not None else future.result()

        try:
            for code in programs:
                ahead.append(self.run(code, **options))
                while ahead and (ahead[0].done() or len(ahead) >= self._most):
                    yield first()
            while ahead:
                yield first()
        finally:
            for future in ahead:
                future.cancel()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Calls a function in a VM: of the caller's modules, whose source is sent with what it uses, or of an installed one.

        Arguments are None, bool, int, float, str, bytes, and lists, tuples, sets and dicts of them. The result is JSON, or
        bytes: a tuple comes back as a list. What cannot be sent is a TypeError at once; an exception of the function is a
        FunctionError of the future. What the function prints is dropped.
        """
        code = program(fn, args, kwargs)
        return self._bring(lambda: self._call(code))

    async def _call(self, code: str) -> Any:
        results: List[Any] = []

        async def result(value: Any) -> None:
            results.append(value)

        execution = await arun(code, tools=[Tool(result, "result", SCHEMA)], **self._options)
        if execution.error is not None:
            raise FunctionError(execution.error.name, execution.error.value, execution.error.traceback)
        if not results:
            raise FunctionError("SystemExit", f"it ended the process with status {execution.exit_code}")
        return results[0]

    def _bring(self, make: Make) -> Future[Any]:
        """Gives the loop a coroutine to run. Waits for room, but not in a callback of a future, which the loop calls."""
        if self._pid != os.getpid():
            raise BrokenExecutor("the pool is of the process that this one was forked from")
        future: Future[Any] = Future()
        waits = threading.current_thread() is not self._thread
        if waits:
            self._room.acquire()
        with self._lock:
            over = self._over
            if not over:
                self._open.add(future)
        if over:
            if waits:
                self._room.release()
            raise RuntimeError("the pool takes nothing after shutdown()")
        future.add_done_callback(lambda _: self._ended(future, waits))
        self._queue.append((future, make))
        if not self._called:  # the loop is woken once, however many come before it looks
            self._called = True
            self._loop.call_soon_threadsafe(self._begin)
        return future

    def _ended(self, future: Future[Any], waited: bool) -> None:
        if waited:
            self._room.release()
        with self._lock:
            self._open.discard(future)
            last = self._over and not self._open
        if last:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _begin(self) -> None:
        self._called = False  # before it looks
        while self._free > 0 and self._queue:
            future, make = self._queue.popleft()
            if future.set_running_or_notify_cancel():
                self._free -= 1
                task = self._loop.create_task(self._work(future, make))
                self._tasks.add(task)  # the loop itself does not keep it
                task.add_done_callback(self._tasks.discard)

    async def _work(self, future: Future[Any], make: Make) -> None:
        value: Any = None
        error: Optional[BaseException] = None
        try:
            value = await make()
        except BaseException as caught:
            error = caught
        self._free += 1
        self._begin()
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes nothing more. cancel_futures: drops what has not begun. wait: until all others have ended."""
        if self._pid != os.getpid():
            return
        with self._lock:
            first, self._over = not self._over, True
            futures = list(self._open)
        if first and not futures:
            self._loop.call_soon_threadsafe(self._loop.stop)
        if cancel_futures:
            for future in futures:
                future.cancel()
        if wait and threading.current_thread() is not self._thread:
            self._thread.join()
