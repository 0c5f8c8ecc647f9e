# SPDX-License-Identifier: Apache-2.0
"""The server process and its protocol (pyhl/PROTOCOL.md): requests, and who gets which event."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import json
import math
import os
import queue
import select
import struct
import subprocess
import threading
from concurrent.futures import Future
from typing import Any, Dict, Optional, Sequence, Set, Tuple

from ._binary import find_binary
from ._errors import TYPES, InvalidArgument, ServerError
from ._setup import prepare
from ._waiting import Event, ThreadWaiter, Waiter, WaiterType, block

PROTOCOL = 1
HEAD = struct.Struct("<II")
JSON_MOST, BYTES_MOST, DEPTH_MOST = 1 << 20, (64 << 20) + (64 << 10), 64
PIPE_BUF = 4096  # a pipe that can be written to takes so many bytes at once


def check(name: str, value: Any, depth: int = 1) -> None:
    """Refuses what the server cannot read as JSON: it would end, with the runs of others."""
    if depth > DEPTH_MOST:
        raise InvalidArgument(f"'{name}' is nested over {DEPTH_MOST} levels deep")
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidArgument(f"'{name}' has a NUL: {value[:60]!r}")
        if any("\ud800" <= one <= "\udfff" for one in value):
            raise InvalidArgument(f"'{name}' is no text, it has a lone surrogate: {value[:60]!r}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgument(f"'{name}' is not finite: {value}")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise InvalidArgument(f"'{name}' is too large a number")
    elif isinstance(value, dict):
        for key, item in value.items():
            check(name, key, depth + 1)
            check(name, item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check(name, item, depth + 1)


def frame(members: Dict[str, Any], data: bytes) -> bytes:
    """A request as the server reads it, or InvalidArgument."""
    for name, value in members.items():
        check(name, value)
    try:
        text = json.dumps(members).encode()
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"an argument is no JSON: {error}") from None
    if len(text) > JSON_MOST or len(data) > BYTES_MOST:
        raise InvalidArgument(f"a request of {len(text)} bytes of JSON and {len(data)} more: at most {JSON_MOST} and "
                              f"{BYTES_MOST} are taken")
    return HEAD.pack(len(text), len(data)) + text + data


class Request:
    """A request under way. Iterate over it (`async for`) for its events; the last one is `done`. One that failed raises.

    It is a context manager, too: who leaves the `with` before the last event, by an exception or otherwise, cancels it.
    """

    def __init__(self, server: Server, number: int, waiter: Waiter) -> None:
        self.server, self.number, self.waiter = server, number, waiter
        self.over = False

    def __aiter__(self) -> Request:
        return self

    async def __anext__(self) -> Event:
        if self.over:
            raise StopAsyncIteration
        event = await self.waiter.get()
        if event is None:
            self.over = True
            raise ServerError(self.server.why or "the server has ended")
        self.over = event[0]["event"] in ("done", "failed")
        if event[0]["event"] == "failed":
            raise TYPES.get(event[0]["type"], ServerError)(event[0]["message"])
        return event

    async def done(self) -> Dict[str, Any]:
        """Waits for the end, whatever comes before it, and returns the members of `done`."""
        with self:
            async for message, _ in self:
                pass
        return message

    def __enter__(self) -> Request:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.over:
            self.cancel()

    def post(self, op: str, data: bytes = b"", **members: Any) -> None:
        """Sends a request that is about this one, and whose outcome does not matter: this one may have ended."""
        try:
            self.waiter.post(self.server, self.server.frame(op, data, run=self.number, **members)[1])
        except ServerError:
            pass  # the server is gone, and the run with it

    def reply(self, call: int, value: bytes = b"", error: Optional[Dict[str, str]] = None) -> None:
        """Answers a call of a tool: JSON, or an error of `type` and `message`."""
        self.post("reply", value, call=call, **({} if error is None else {"error": error}))

    def interrupt(self) -> None:
        """The guest gets SIGINT. A run that has just ended is left alone."""
        self.post("interrupt")

    def cancel(self) -> None:
        """Ends the run at once."""
        self.post("cancel")


class Server:
    """A `pyhl serve --stdio`. Any number of threads and event loops may use it at once.

    options: of the command, as ["--timeout", "10", "--dest", "home"]. After close(), or when the process has ended,
    every request raises ServerError.
    """

    def __init__(self, options: Sequence[str] = (), binary: Optional[str] = None) -> None:
        prepare(options, binary)
        self.pid = os.getpid()
        self.why = ""
        self._numbers = itertools.count(1)
        self._waiters: Dict[int, Waiter] = {}
        self._unwanted: Set[int] = set()
        self._lock = threading.Lock()  # of what stands above, and of _backlog
        # Who writes may wait for the server, which may wait until its events are read. So the reader never takes this one.
        self._writing = threading.Lock()
        self._soon: queue.SimpleQueue[Optional[Tuple[bytes, Future[None]]]] = queue.SimpleQueue()
        self._backlog = 0  # of _soon
        self._writer: Optional[threading.Thread] = None
        try:
            self._process = subprocess.Popen([binary or find_binary(), "serve", "--stdio", *options],
                                             bufsize=1 << 16, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=subprocess.PIPE)
        except OSError as error:
            raise ServerError(f"pyhl serve: {error}") from error
        assert self._process.stdin is not None
        self._in = self._process.stdin
        self._has_room = select.poll()
        self._has_room.register(self._in, select.POLLOUT)
        self._reader = threading.Thread(target=self._read, name="pyhl-server", daemon=True)
        self._reader.start()
        self._close = atexit.register(self.close)
        try:
            self.hello = block(block(self.request(ThreadWaiter, "hello", protocol=PROTOCOL)).done())
        except BaseException:
            self.close()
            raise

    def frame(self, op: str, data: bytes = b"", **members: Any) -> Tuple[int, bytes]:
        """The number of a request, and the request. Members that are None are left out."""
        number = next(self._numbers)
        known = {name: value for name, value in members.items() if value is not None}
        return number, frame({"id": number, "op": op, **known}, data)

    async def request(self, waits: WaiterType, op: str, data: bytes = b"", **members: Any) -> Request:
        """Sends a request, for a thread or a task of a loop."""
        number, whole = self.frame(op, data, **members)
        request = Request(self, number, waits())
        with self._lock:
            self._usable()
            self._waiters[number] = request.waiter
        try:
            await request.waiter.write(self, whole)
        except asyncio.CancelledError:
            self.leave(request)
            raise
        except BaseException:
            with self._lock:
                self._waiters.pop(number, None)
            raise
        return request

    def leave(self, request: Request) -> None:
        """Nobody waits for a request any more that opens sessions. It is cancelled, and those that it opens are closed."""
        with self._lock:
            came = self._waiters.pop(request.number, None) is None
            if not came:
                self._unwanted.add(request.number)
        request.cancel()
        if came and request.waiter.last is not None:
            self._undo(request.waiter.last[0])

    def _undo(self, done: Dict[str, Any]) -> None:
        """Closes sessions that were opened. By the thread that writes, because the reader must not wait."""
        names = [done["session"]] if "session" in done else done.get("sessions", [])
        for name in names:
            try:
                self.send_soon(self.frame("close", session=name)[1])
            except ServerError:
                pass  # the server is gone, and the session with it

    def _usable(self) -> None:
        if self.why:
            raise ServerError(self.why)
        if self.pid != os.getpid():
            raise ServerError("the server is of the process that this one was forked from")

    def send(self, whole: bytes) -> None:
        """Writes a request. Waits as long as the server takes none."""
        self._usable()
        try:
            with self._writing:
                self._send(whole)
        except (OSError, ValueError) as error:
            self._reader.join(5)  # it finds out why
            raise ServerError(self.why or f"pyhl serve: {error}") from error

    def _send(self, whole: bytes) -> None:
        try:
            self._in.write(whole)
            self._in.flush()
        except (OSError, ValueError):
            raise
        except BaseException:  # KeyboardInterrupt: the server would take the next request for the rest of this one
            with self._lock:
                self.why = self.why or "a request was cut by an exception"
            self._process.kill()
            raise

    def send_at_once(self, whole: bytes) -> bool:
        """Writes a request if that does not wait, or returns False."""
        self._usable()
        if len(whole) > PIPE_BUF or self._backlog or not self._writing.acquire(blocking=False):
            return False
        try:
            if not self._has_room.poll(0):
                return False
            self._send(whole)
        except (OSError, ValueError) as error:
            raise ServerError(self.why or f"pyhl serve: {error}") from error
        finally:
            self._writing.release()
        return True

    def send_soon(self, whole: bytes) -> Future[None]:
        """Has a thread write a request, after those that it was given before."""
        future: Future[None] = Future()
        with self._lock:  # so that close() ends the thread after it, or refuses it
            self._usable()
            self._backlog += 1
            self._soon.put((whole, future))
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="pyhl-writer", daemon=True)
                self._writer.start()
        return future

    def _write(self) -> None:
        for whole, future in iter(self._soon.get, None):
            if future.set_running_or_notify_cancel():
                try:
                    self.send(whole)
                    future.set_result(None)
                except BaseException as error:
                    future.set_exception(error)
            with self._lock:
                self._backlog -= 1

    def _frame(self) -> Optional[Event]:
        assert self._process.stdout is not None
        head = self._process.stdout.read(HEAD.size)
        if len(head) < HEAD.size:
            return None
        text, size = HEAD.unpack(head)
        message = json.loads(self._process.stdout.read(text))
        return message, self._process.stdout.read(size)

    def _read(self) -> None:
        """The thread that takes events from the server, and gives each to its request."""
        failure = ""
        try:
            for message, data in iter(self._frame, None):
                if "id" not in message:
                    failure = message.get("message", "")
                    continue
                number, last = message["id"], message["event"] in ("done", "failed")
                with self._lock:
                    waiter = self._waiters.pop(number, None) if last else self._waiters.get(number)
                    if waiter is not None:
                        waiter.put((message, data))
                    unwanted = last and number in self._unwanted
                if unwanted:
                    self._unwanted.discard(number)
                    self._undo(message)
        except (OSError, ValueError) as error:  # ValueError: close() has closed the pipe
            failure = str(error)
        self._over(failure)

    def _over(self, failure: str) -> None:
        """The server has ended: says why to all who wait."""
        assert self._process.stderr is not None
        try:
            said = self._process.stderr.read().decode("utf-8", "replace").strip()
        except (OSError, ValueError):
            said = ""
        with self._lock:
            self.why = self.why or failure or said or f"pyhl serve has ended with status {self._process.wait()}"
            waiting, self._waiters = self._waiters, {}
        for waiter in waiting.values():
            waiter.put(None)

    def close(self) -> None:
        """Ends the server. Runs that are under way end, too."""
        if self.pid != os.getpid():
            return  # of a process that this one was forked from
        atexit.unregister(self._close)
        with self._lock:
            self.why = self.why or "the server was closed"
            self._soon.put(None)
        self._process.kill()
        self._process.wait()
        if threading.current_thread() is not self._reader:
            self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass  # what was not written is for nobody

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_default: Optional[Server] = None
_default_lock = threading.Lock()


def default() -> Server:
    """The server of this process. It is made at the first use, and made again in a forked child or when it has ended."""
    global _default
    with _default_lock:
        made = ready() or Server()
        _default = made
        return made


def ready() -> Optional[Server]:
    """The server of this process, if there is no need to make it."""
    made = _default
    return made if made is not None and made.pid == os.getpid() and not made.why else None


def _forked() -> None:
    """In a child of os.fork() another thread may have held the lock."""
    global _default_lock, _default
    _default_lock, _default = threading.Lock(), None


os.register_at_fork(after_in_child=_forked)
