# SPDX-License-Identifier: Apache-2.0
"""Runs, hermetic or in a session."""

from __future__ import annotations

import codecs
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from ._results import Execution, ExecutionError, OutputMessage, Result
from ._server import BYTES_MOST, InvalidArgument, NotFound, PyhlError, Request, Server, default
from ._tools import Tool, tools_of

Tools = Union[Mapping[str, Callable[..., Any]], Sequence[Callable[..., Any]], None]
OnOutput = Optional[Callable[[OutputMessage], Any]]

# Calls of tools, of all runs. A call that waits for another run does not keep that from its own calls: the executor has
# more threads than one run has open calls.
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=256, thread_name_prefix="pyhl-tool")


_calls = _executor()


def _forked() -> None:
    """A child of os.fork() has none of the executor's threads."""
    global _calls
    _calls = _executor()


os.register_at_fork(after_in_child=_forked)


def _answer(request: Request, tool: Tool, call: int, arguments: bytes) -> None:
    try:
        value = tool.call(arguments)
        if len(value) > BYTES_MOST:
            raise ValueError(f"{tool.name}() gave {len(value)} bytes: at most {BYTES_MOST} are taken")
    except BaseException as error:  # the guest gets it, as an exception of the call; of sys.exit(), too
        message = str(error)[:1500].replace("\0", "?").encode("utf-8", "replace").decode()
        request.reply(call, error={"type": type(error).__name__, "message": message})
    else:
        request.reply(call, value)


class _Run:
    """Collects the events of a run, and calls those who want them as they come."""

    def __init__(self, request: Request, tools: List[Tool], on_stdout: OnOutput, on_stderr: OnOutput,
                 on_result: Optional[Callable[[Result], Any]], on_error: Optional[Callable[[ExecutionError], Any]]) -> None:
        self.request, self.tools = request, {tool.name: tool for tool in tools}
        self.execution = Execution()
        self.hears = {"stdout": on_stdout, "stderr": on_stderr}
        self.on_result, self.on_error = on_result, on_error
        # A piece of output may end inside a character.
        self.decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}

    def output(self, stream: str, data: bytes, final: bool = False) -> None:
        text = self.decoders[stream].decode(data, final)
        if text:
            getattr(self.execution.logs, stream).append(text)
            hears = self.hears[stream]
            if hears:
                hears(OutputMessage(text, stream == "stderr"))

    def fail(self, name: str, value: str, traceback: str = "") -> None:
        self.execution.error = ExecutionError(name, value, traceback)
        if self.on_error:
            self.on_error(self.execution.error)

    def record(self, kind: str, data: bytes) -> None:
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
            self.fail(str(content.get("name", "")), str(content.get("value", "")),
                      traceback if isinstance(traceback, str) else "".join(map(str, traceback)))
            return
        result = Result.of(content, kind == "result")
        self.execution.execution_count = content.get("execution_count", self.execution.execution_count)
        self.execution.results.append(result)
        if self.on_result:
            self.on_result(result)

    def collect(self) -> Execution:
        try:
            for message, data in self.request:
                event = message["event"]
                if event in ("stdout", "stderr"):
                    self.output(event, data)
                elif event == "record":
                    self.record(message["kind"], data)
                elif event == "call":
                    _calls.submit(_answer, self.request, self.tools[message["name"]], message["call"], data)
                elif event == "done":
                    self.done(message)
        except BaseException:  # of a callback, or KeyboardInterrupt: nobody waits for the run any more
            try:
                self.request.cancel()
            except PyhlError:
                pass  # the server is gone, and the run with it; the first exception is the caller's
            raise
        return self.execution

    def done(self, message: Dict[str, Any]) -> None:
        execution = self.execution
        self.output("stdout", b"", True)
        self.output("stderr", b"", True)
        execution.exit_code, execution.limit = message["status"], message["limit"]
        execution.counts, execution.times = message["counts"], message["times"]
        if message["error"]:
            self.fail(message["outcome"], message["error"])


def _members(**members: Any) -> Dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _run(server: Server, code: str, tools: List[Tool], on: Dict[str, Any], started: Callable[[Request], Any],
         **members: Any) -> Execution:
    try:
        source = code.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the code is no text: {error}") from None
    if tools:
        members["tools"] = [{"name": tool.name, "schema": tool.schema} for tool in tools]
    request = server.request("run", source, **members)
    started(request)
    return _Run(request, tools, **on).collect()


def run(code: str, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None, timeout: Optional[float] = None,
        cpu: Optional[float] = None, memory: Optional[int] = None, output_limit: Optional[int] = None, tools: Tools = None,
        on_stdout: OnOutput = None, on_stderr: OnOutput = None, on_result: Optional[Callable[[Result], Any]] = None,
        on_error: Optional[Callable[[ExecutionError], Any]] = None, server: Optional[Server] = None) -> Execution:
    """Runs code in a VM that nothing has run in, and that nothing is left of.

    timeout and cpu are seconds, memory and output_limit bytes. What the code does, exceptions and limits among it, is in
    the Execution. The value of a last expression is its main result. tools: functions that the code calls as host.NAME(),
    after `import host`; each call has a thread. Raises InvalidArgument, Busy, WorkerDied, ServerError.
    """
    on = {"on_stdout": on_stdout, "on_stderr": on_stderr, "on_result": on_result, "on_error": on_error}
    return _run(server or default(), code, tools_of(tools), on, lambda request: None, **{"as": "cell"},
                **_members(env=envs, cwd=cwd, timeout=timeout, cpu=cpu, memory=memory, output_limit=output_limit))


class Sandbox:
    """A session: a VM whose runs find what those before have left, until kill() or the end of the `with`.

    envs and cwd are the session's, timeout what a run may take unless it says otherwise. A run that a limit ends, or
    that ends the process, ends the session: later ones raise NotFound. Runs of several threads wait for each other.
    """

    def __init__(self, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None,
                 timeout: Optional[float] = None, tools: Tools = None, server: Optional[Server] = None) -> None:
        self.timeout = timeout
        self._server = server or default()
        self._tools = {tool.name: tool for tool in tools_of(tools)}
        self._lock = threading.Lock()
        self._running: List[Request] = []
        self.sandbox_id: str = self._server.request("open", **_members(env=envs, cwd=cwd)).done()["session"]

    @classmethod
    def create(cls, **options: Any) -> Sandbox:
        """Sandbox(...), as E2B spells it."""
        return cls(**options)

    def tool(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Offers a function to the code: a decorator. Its schema comes from its annotations. It may be `async`."""
        made = Tool(function)
        self._tools[made.name] = made
        return function

    def run_code(self, code: str, *, context: Optional[str] = None, envs: Optional[Mapping[str, str]] = None,
                 timeout: Optional[float] = None, cpu: Optional[float] = None, memory: Optional[int] = None,
                 output_limit: Optional[int] = None, on_stdout: OnOutput = None, on_stderr: OnOutput = None,
                 on_result: Optional[Callable[[Result], Any]] = None,
                 on_error: Optional[Callable[[ExecutionError], Any]] = None) -> Execution:
        """Runs code in the session. context: of several sets of names. envs are set while it runs. The rest is as for
        run(). Raises NotFound when the session is over."""
        request: List[Request] = []

        def started(one: Request) -> None:
            request.append(one)
            with self._lock:
                self._running.append(one)

        on = {"on_stdout": on_stdout, "on_stderr": on_stderr, "on_result": on_result, "on_error": on_error}
        limit = timeout if timeout is not None else self.timeout
        try:
            return _run(self._server, code, list(self._tools.values()), on, started, session=self.sandbox_id,
                        **_members(context=context, env=envs, timeout=limit, cpu=cpu, memory=memory, output_limit=output_limit))
        finally:
            with self._lock:
                self._running = [one for one in self._running if one not in request]

    def _context(self, action: str, name: Optional[str] = None, **members: Any) -> List[Dict[str, Any]]:
        content: List[Dict[str, Any]] = []
        said = b""
        request = self._server.request("context", session=self.sandbox_id, action=action, **_members(context=name, **members))
        for message, data in request:
            if message["event"] == "record" and message["kind"] == "contexts":
                content = json.loads(data)
            elif message["event"] == "stderr":
                said += data
        if message["status"] != 0:
            raise InvalidArgument(said.decode("utf-8", "replace").strip() or f"the context cannot be {action}ed")
        return content

    def create_context(self, name: str, *, cwd: Optional[str] = None, envs: Optional[Mapping[str, str]] = None) -> str:
        """Makes a set of names of its own, with a directory and an environment; run_code(context=name) uses it."""
        self._context("make", name, cwd=cwd, env=envs)
        return name

    def remove_context(self, name: str) -> None:
        self._context("drop", name)

    def restart_context(self, name: str = "default") -> None:
        """Forgets the names."""
        self._context("restart", name)

    def list_contexts(self) -> List[Dict[str, Any]]:
        return self._context("list")

    def interrupt(self) -> None:
        """The run under way gets KeyboardInterrupt. The session stays."""
        with self._lock:
            running = list(self._running)
        for request in running[:1]:
            request.interrupt()

    def kill(self) -> bool:
        """Ends the session, and what runs in it. False: it was over."""
        try:
            self._server.request("close", session=self.sandbox_id).done()
        except NotFound:
            return False
        return True

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
