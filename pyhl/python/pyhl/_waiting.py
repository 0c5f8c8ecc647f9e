# SPDX-License-Identifier: Apache-2.0
"""Two ways to wait for events: a thread that blocks, and a task of an event loop.

What talks to the server is written once, as `async def`, and waits by nothing but the waiter of its request. With a
LoopWaiter it is a coroutine as any other. With a ThreadWaiter it never suspends, because get() blocks the thread, so that
block() runs it to its end without a loop. blocking() makes a method of a blocking class from one of its async twin.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import functools
import inspect
import os
import queue
import threading
import weakref
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, Deque, Dict, Generic, Optional, Tuple, Type, TypeVar, Union

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from ._server import Server

    P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

Event = Tuple[Dict[str, Any], bytes]  # the members, the bytes
Outcome = Tuple[Any, Optional[BaseException]]


def block(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits by a ThreadWaiter."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise TypeError("an async callback has to wait, and there is no event loop: use AsyncSandbox or arun()")


class Twin(Generic[A]):
    """A class whose methods block. Each calls the method of the same name of an object of the async class."""

    def __init__(self, twin: A) -> None:
        self._twin = twin


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """The method of a Twin that blocks where `method`, of the async class, awaits."""
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return block(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def attempt(function: Callable[..., Any], arguments: Dict[str, Any]) -> Outcome:
    """Calls a tool. Its exception is a value, since a StopIteration could not pass through a coroutine."""
    try:
        return function(**arguments), None
    except BaseException as error:
        return None, error


async def outcome(value: Awaitable[Any]) -> Outcome:
    try:
        return await value, None
    except BaseException as error:
        return None, error


class Threads(Executor):
    """Threads for calls of tools. There is one for each call that is open: a call may wait for any other. An idle one
    waits for another call, and ends after a while. Daemons: a call that never returns does not keep the process."""

    IDLE_S = 10.0

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a child of os.fork(), which has none of the threads."""
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        run = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)

        def job() -> None:
            try:
                future.set_result(run())
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            taken = self._idle > 0
            self._idle -= taken
        if taken:
            self._jobs.put(job)
        else:
            threading.Thread(target=self._work, args=(job,), name="pyhl-tool", daemon=True).start()
        return future

    def _work(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                self._idle += 1
            try:
                job = self._jobs.get(timeout=self.IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0:  # or else a job has counted on this thread
                        self._idle -= 1
                        return
                job = self._jobs.get()


threads = Threads()
os.register_at_fork(after_in_child=threads.forget)


class ThreadWaiter:
    """For a thread, which blocks."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Optional[Event]] = queue.SimpleQueue()
        self.last: Optional[Event] = None  # that came, if not taken

    def put(self, event: Optional[Event]) -> None:
        """By the server's reader. None: there will be no event any more."""
        self.last = event
        self._events.put(event)

    async def get(self) -> Optional[Event]:
        return self._events.get()

    async def write(self, server: Server, frame: bytes) -> None:
        server.send(frame)

    def post(self, server: Server, frame: bytes) -> None:
        """write(), but nobody waits for it."""
        server.send(frame)

    def start(self, answer: Coroutine[Any, Any, None]) -> Optional[asyncio.Task[None]]:
        """Begins the answer to a call of a tool. Returns what can be cancelled."""
        threads.submit(block, answer)
        return None

    async def call(self, function: Callable[..., Any], arguments: Dict[str, Any]) -> Outcome:
        value, error = attempt(function, arguments)
        if inspect.isawaitable(value):
            both, error = attempt(asyncio.run, {"main": outcome(value)})
            return both if error is None else (None, error)
        return value, error


class Mail:
    """Events for the tasks of a loop. They wake it once, however many come before it looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._events: Deque[Tuple[LoopWaiter, Optional[Event]]] = collections.deque()
        self._called = False

    def put(self, waiter: LoopWaiter, event: Optional[Event]) -> None:
        self._events.append((waiter, event))
        loop = self._loop()
        if not self._called and loop is not None:
            self._called = True
            try:
                loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                pass  # the loop is closed: there is nobody who waits

    def _deliver(self) -> None:
        self._called = False  # before the events are taken: put() looks at it after it has added one
        while self._events:
            waiter, event = self._events.popleft()
            waiter.arrive(event)


_mail: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Mail] = weakref.WeakKeyDictionary()


class LoopWaiter:
    """For a task of the event loop that runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._mail = _mail.get(self._loop) or _mail.setdefault(self._loop, Mail(self._loop))
        self._events: Deque[Optional[Event]] = collections.deque()
        self._waits: Optional[asyncio.Future[None]] = None
        self.last: Optional[Event] = None

    def put(self, event: Optional[Event]) -> None:
        self.last = event
        self._mail.put(self, event)

    def arrive(self, event: Optional[Event]) -> None:
        self._events.append(event)
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)

    async def get(self) -> Optional[Event]:
        while not self._events:
            self._waits = self._loop.create_future()
            await self._waits
        return self._events.popleft()

    async def write(self, server: Server, frame: bytes) -> None:
        if not server.send_at_once(frame):
            await asyncio.wrap_future(server.send_soon(frame))

    def post(self, server: Server, frame: bytes) -> None:
        if not server.send_at_once(frame):
            server.send_soon(frame)

    def start(self, answer: Coroutine[Any, Any, None]) -> Optional[asyncio.Task[None]]:
        return self._loop.create_task(answer)

    async def call(self, function: Callable[..., Any], arguments: Dict[str, Any]) -> Outcome:
        """An `async def` is awaited on the loop. Another function has a thread, since it may block."""
        if inspect.iscoroutinefunction(function):
            value, error = attempt(function, arguments)
        else:
            value, error = await asyncio.wrap_future(threads.submit(attempt, function, arguments))
        return await outcome(value) if inspect.isawaitable(value) else (value, error)


Waiter = Union[ThreadWaiter, LoopWaiter]
WaiterType = Union[Type[ThreadWaiter], Type[LoopWaiter]]
