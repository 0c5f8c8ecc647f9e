# SPDX-License-Identifier: Apache-2.0
"""The server process and its protocol (pyhl/PROTOCOL.md): requests, and who gets which event."""

from __future__ import annotations

import atexit
import itertools
import json
import math
import os
import queue
import shutil
import struct
import subprocess
import threading
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

PROTOCOL = 1
HEAD = struct.Struct("<II")
JSON_MOST, BYTES_MOST, DEPTH_MOST = 1 << 20, (64 << 20) + (64 << 10), 64

Event = Tuple[Dict[str, Any], bytes]


class PyhlError(Exception):
    """What the server, or the way to it, could not do. What code does in a VM is never an exception here."""


class InvalidArgument(PyhlError, ValueError):
    """An argument that the server refuses; the message names it."""


class NotFound(PyhlError, LookupError):
    """There is no such session any more."""


class Busy(PyhlError):
    """Too many requests are under way, or sessions open: try later."""


class RunCancelled(PyhlError):
    """The run was cancelled before it began."""


class WorkerDied(PyhlError):
    """The process of the VM died. A session in it is gone."""


class ServerError(PyhlError):
    """The server could not be started, has ended, or failed."""


TYPES = {"ValueError": InvalidArgument, "LookupError": NotFound, "Busy": Busy, "Cancelled": RunCancelled,
         "WorkerDied": WorkerDied}


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


def find_binary() -> str:
    """The path of the pyhl binary."""
    path = os.environ.get("PYHL_BINARY") or shutil.which("pyhl")
    if not path:
        raise ServerError("no pyhl binary: PYHL_BINARY is not set, and there is no pyhl on PATH")
    return path


class Request:
    """A request under way. Iterate over it for its events; the last one is `done`. One that failed raises."""

    def __init__(self, server: Server, number: int) -> None:
        self.server, self.number = server, number
        self.events: queue.SimpleQueue[Optional[Event]] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.events.get()
            if event is None:
                raise ServerError(self.server.why or "the server has ended")
            if event[0]["event"] == "failed":
                raise TYPES.get(event[0]["type"], ServerError)(event[0]["message"])
            yield event
            if event[0]["event"] == "done":
                return

    def done(self) -> Dict[str, Any]:
        """Waits for the end, whatever comes before it, and returns the members of `done`."""
        return [message for message, _ in self][-1]

    def reply(self, call: int, value: bytes = b"", error: Optional[Dict[str, str]] = None) -> None:
        """Answers a call of a tool: JSON, or an error of `type` and `message`."""
        members = {"error": error} if error is not None else {}
        self.server.write("reply", value, run=self.number, call=call, **members)

    def interrupt(self) -> None:
        """The guest gets SIGINT. A run that has just ended is left alone."""
        self.server.tell("interrupt", run=self.number)

    def cancel(self) -> None:
        """Ends the run at once."""
        self.server.tell("cancel", run=self.number)


class Server:
    """A `pyhl serve --stdio`. Any number of threads may use it at once.

    options: of the command, as ["--timeout", "10", "--dest", "home"]. After close(), or when the process has ended,
    every request raises ServerError.
    """

    def __init__(self, options: Sequence[str] = (), binary: Optional[str] = None) -> None:
        self.pid = os.getpid()
        self.why = ""
        self._numbers = itertools.count(1)
        self._requests: Dict[int, Request] = {}
        self._lock = threading.Lock()  # of the requests
        # Who writes may wait for the server, which may wait until its events are read. So the reader never takes this one.
        self._writing = threading.Lock()
        try:
            self._process = subprocess.Popen([binary or find_binary(), "serve", "--stdio", *options],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise ServerError(f"pyhl serve: {error}") from error
        self._reader = threading.Thread(target=self._read, name="pyhl-server", daemon=True)
        self._reader.start()
        self._close = atexit.register(self.close)
        self.hello = self.request("hello", protocol=PROTOCOL).done()

    def request(self, op: str, data: bytes = b"", **members: Any) -> Request:
        """Sends a request whose events are wanted."""
        return self.write(op, data, True, **members)

    def tell(self, op: str, **members: Any) -> None:
        """Sends a request whose outcome does not matter."""
        try:
            self.request(op, **members).done()
        except NotFound:
            pass

    def write(self, op: str, data: bytes = b"", wanted: bool = False, **members: Any) -> Request:
        number = next(self._numbers)
        request = Request(self, number)
        whole = frame({"id": number, "op": op, **members}, data)
        with self._lock:
            if self.why:
                raise ServerError(self.why)
            if wanted:
                self._requests[number] = request
        try:
            self._send(whole)
        except (OSError, ValueError) as error:
            self._reader.join(5)  # it finds out why
            raise ServerError(self.why or f"pyhl serve: {error}") from error
        return request

    def _send(self, whole: bytes) -> None:
        assert self._process.stdin is not None
        with self._writing:
            try:
                self._process.stdin.write(whole)
                self._process.stdin.flush()
            except (OSError, ValueError):
                raise
            except BaseException:  # KeyboardInterrupt: the server would take the next request for the rest of this one
                with self._lock:
                    self.why = self.why or "a request was cut by an exception"
                self._process.kill()
                raise

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
                with self._lock:
                    last = message["event"] in ("done", "failed")
                    request = self._requests.pop(message["id"], None) if last else self._requests.get(message["id"])
                if request is not None:
                    request.events.put((message, data))
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
            waiting, self._requests = self._requests, {}
        for request in waiting.values():
            request.events.put(None)

    def close(self) -> None:
        """Ends the server. Runs that are under way end, too."""
        if self.pid != os.getpid():
            return  # of a process that this one was forked from
        atexit.unregister(self._close)
        with self._lock:
            self.why = self.why or "the server was closed"
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
        if _default is None or _default.pid != os.getpid() or _default.why:
            _default = Server()
        return _default


def _forked() -> None:
    """In a child of os.fork() another thread may have held the lock."""
    global _default_lock, _default
    _default_lock, _default = threading.Lock(), None


os.register_at_fork(after_in_child=_forked)
