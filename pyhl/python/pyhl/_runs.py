# SPDX-License-Identifier: Apache-2.0
"""A run: its events become an Execution, its callbacks are called as they come, and calls of tools are answered."""

from __future__ import annotations

import asyncio
import codecs
import inspect
import json
import time
from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Set, Union

from ._errors import InvalidArgument
from ._results import Execution, ExecutionError, OutputMessage, Result
from ._server import BYTES_MOST, Request
from ._tools import Tool
from ._values import encode

Tools = Union[Mapping[str, Callable[..., Any]], Sequence[Union[Callable[..., Any], Tool]], None]
OnOutput = Optional[Callable[[OutputMessage], Any]]
OnResult = Optional[Callable[[Result], Any]]
OnError = Optional[Callable[[ExecutionError], Any]]


class Callbacks(NamedTuple):
    """What the caller wants to be told while the run goes on."""
    on_stdout: OnOutput = None
    on_stderr: OnOutput = None
    on_result: OnResult = None
    on_error: OnError = None


def source(code: str) -> bytes:
    if not isinstance(code, str):
        raise InvalidArgument(f"the code is a str, and not {type(code).__name__}")
    try:
        return code.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the code is no text: {error}") from None


def offered(tools: Iterable[Tool]) -> Any:
    """The member `tools` of a request."""
    return [{"name": tool.name, "schema": tool.schema} for tool in tools] or None


def words(error: BaseException) -> Dict[str, str]:
    """An exception as the guest gets it. What the server does not take in a text is replaced."""
    try:
        message = str(error)
    except BaseException as second:
        message = f"its text cannot be had: __str__ raised {type(second).__name__}"
    plain = message[:1500].replace("\0", "?").encode("utf-8", "replace").decode()
    return {"type": type(error).__name__, "message": plain}


async def answer(request: Request, tool: Optional[Tool], name: str, call: int, data: bytes) -> None:
    """Calls a tool for the guest. Every exception of it, SystemExit among them, is one of the guest's call."""
    try:
        if tool is None:
            raise NameError(f"there is no tool {name!r}")
        value, error = await request.waiter.call(tool.function, tool.arguments(data))
        if error is not None:
            raise error
        reply = encode(value)
        if len(reply) > BYTES_MOST:
            raise ValueError(f"{name}() gave {len(reply)} bytes: at most {BYTES_MOST} are taken")
    except BaseException as error:
        request.reply(call, error=words(error))
    else:
        request.reply(call, reply)


class Run:
    """Collects the events of a request `run` or `resume`."""

    def __init__(self, request: Request, tools: Mapping[str, Tool], callbacks: Callbacks) -> None:
        self.request, self.tools, self.callbacks = request, tools, callbacks
        self.execution = Execution()
        # A piece of output may end inside a character.
        self.decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        self.calls: Set[asyncio.Task[None]] = set()

    async def tell(self, callback: Optional[Callable[[Any], Any]], what: Any) -> None:
        if callback is not None:
            said = callback(what)
            if inspect.isawaitable(said):
                await said

    async def output(self, stream: str, data: bytes, final: bool = False) -> None:
        text = self.decoders[stream].decode(data, final)
        if text:
            getattr(self.execution.logs, stream).append(text)
            message = OutputMessage(text, time.time_ns(), stream == "stderr")
            await self.tell(self.callbacks.on_stderr if message.error else self.callbacks.on_stdout, message)

    async def fail(self, name: str, value: str, traceback: str = "") -> None:
        self.execution.error = ExecutionError(name, value, traceback)
        await self.tell(self.callbacks.on_error, self.execution.error)

    async def record(self, kind: str, data: bytes) -> None:
        """A record that is not JSON, or of another kind, is the code's own, and is left out."""
        if kind not in ("result", "display", "error"):
            return
        try:
            content = json.loads(data)
        except ValueError:
            return
        if not isinstance(content, dict):
            return
        if kind == "error":
            traceback = content.get("traceback", "")
            await self.fail(str(content.get("name", "")), str(content.get("value", "")),
                            traceback if isinstance(traceback, str) else "".join(map(str, traceback)))
            return
        result = Result.of(content, kind == "result")
        self.execution.execution_count = content.get("execution_count", self.execution.execution_count)
        self.execution.results.append(result)
        await self.tell(self.callbacks.on_result, result)

    def call(self, name: str, number: int, data: bytes) -> None:
        task = self.request.waiter.start(answer(self.request, self.tools.get(name), name, number, data))
        if task is not None:
            self.calls.add(task)
            task.add_done_callback(self.calls.discard)

    async def done(self, message: Dict[str, Any]) -> None:
        execution = self.execution
        await self.output("stdout", b"", True)
        await self.output("stderr", b"", True)
        execution.exit_code, execution.limit = message["status"], message["limit"]
        execution.counts, execution.times = message["counts"], message["times"]
        if message["error"]:
            await self.fail(message["outcome"], message["error"])

    async def collect(self) -> Execution:
        """When a callback raises, or the caller is interrupted or cancelled, the run is cancelled."""
        try:
            with self.request:
                async for message, data in self.request:
                    event = message["event"]
                    if event in ("stdout", "stderr"):
                        await self.output(event, data)
                    elif event == "record":
                        await self.record(message["kind"], data)
                    elif event == "call":
                        self.call(message["name"], message["call"], data)
                    elif event == "done":
                        await self.done(message)
        finally:
            for task in list(self.calls):
                task.cancel()
        return self.execution
