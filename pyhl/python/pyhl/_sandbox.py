# SPDX-License-Identifier: Apache-2.0
"""Runs, hermetic or in a session: for threads (run, Sandbox) and for tasks of an event loop (arun, AsyncSandbox)."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, TypeVar, Union

from ._commands import AsyncCommands, AsyncPty, Commands, Pty
from ._errors import InvalidArgument, NotFound
from ._files import AsyncFiles, Files
from ._results import Execution
from ._runs import Callbacks, OnError, OnOutput, OnResult, Run, Tools, offered, source
from ._server import Request, Server, default, ready
from ._session import Session
from ._tools import Tool, tools_of
from ._waiting import LoopWaiter, ThreadWaiter, Twin, WaiterType, block, blocking

F = TypeVar("F", bound=Callable[..., Any])


async def _server(waits: WaiterType, server: Optional[Server]) -> Server:
    """The server that was named, or that of the process. Its start takes a while, for which a loop does not stand still."""
    server = server or ready()
    if server is None and waits is LoopWaiter:
        return await asyncio.get_running_loop().run_in_executor(None, default)
    return server or default()


class _Hermetic:
    """Runs in VMs that nothing has run in."""

    def __init__(self, waits: WaiterType) -> None:
        self.waits = waits

    async def run(self, code: str, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None,
                  timeout: Optional[float] = None, cpu: Optional[float] = None, memory: Optional[int] = None,
                  output_limit: Optional[int] = None, tools: Tools = None, on_stdout: OnOutput = None,
                  on_stderr: OnOutput = None, on_result: OnResult = None, on_error: OnError = None,
                  server: Optional[Server] = None) -> Execution:
        """Runs code in a VM that nothing has run in, and that nothing is left of.

        timeout and cpu are seconds, memory and output_limit bytes. What the code does, exceptions and limits among it, is in
        the Execution. The value of a last expression is its main result. tools: functions that the code calls as host.NAME(),
        after `import host`; each call has a thread, and an `async def` the loop, if there is one. Raises InvalidArgument,
        Busy, WorkerDied, ServerError. An exception of a callback ends the run, and so does the end of the task that waits.
        """
        made = tools_of(tools)
        request = await (await _server(self.waits, server)).request(
            self.waits, "run", source(code), **{"as": "cell"}, env=envs, cwd=cwd, timeout=timeout, cpu=cpu, memory=memory,
            output_limit=output_limit, tools=offered(made))
        callbacks = Callbacks(on_stdout, on_stderr, on_result, on_error)
        return await Run(request, {tool.name: tool for tool in made}, callbacks).collect()


class _BlockingHermetic(Twin[_Hermetic]):
    run = blocking(_Hermetic.run)


arun = _Hermetic(LoopWaiter).run
run = _BlockingHermetic(_Hermetic(ThreadWaiter)).run


class Context(NamedTuple):
    """A set of names of a sandbox, with a directory of its own."""
    id: str
    language: str
    cwd: str


# What a session writes to stderr, beside the status 125, when a request names a context that is not there.
NO_CONTEXT = "pyhl: there is no context "


def _words(said: str) -> str:
    return said.strip().removeprefix("pyhl: ")


def _name(context: Union[Context, str, None]) -> Optional[str]:
    return context.id if isinstance(context, Context) else context


class AsyncSandbox:
    """A session: a VM whose runs find what those before have left, until kill() or the end of the `async with`.

        async with await AsyncSandbox.create() as sandbox:
            await sandbox.run_code("x = 1")

    A run that a limit ends, that is cancelled, or that ends the process ends the session: later ones raise NotFound. Runs
    of several tasks wait for each other.
    """

    def __init__(self, session: Session, timeout: Optional[float] = None, tools: Optional[Dict[str, Tool]] = None) -> None:
        self.timeout = timeout
        self._session = session
        self._tools = dict(tools or {})
        self.commands = AsyncCommands(session)
        self.files = AsyncFiles(session)
        self.pty = AsyncPty(session)

    @classmethod
    async def create(cls, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None,
                     timeout: Optional[float] = None, tools: Tools = None, server: Optional[Server] = None) -> AsyncSandbox:
        """Opens a session. envs and cwd are the session's, timeout what a run may take unless it says otherwise."""
        return await cls._open(LoopWaiter, envs, cwd, timeout, tools, server)

    @classmethod
    async def _open(cls, waits: WaiterType, envs: Optional[Mapping[str, str]], cwd: Optional[str],
                    timeout: Optional[float], tools: Tools, server: Optional[Server]) -> AsyncSandbox:
        made = {tool.name: tool for tool in tools_of(tools)}
        server = await _server(waits, server)
        session, = await Session.open(server, waits, "open", env=envs, cwd=cwd)
        return cls(session, timeout, made)

    @classmethod
    async def connect(cls, sandbox_id: str, *, timeout: Optional[float] = None, tools: Tools = None,
                      server: Optional[Server] = None) -> AsyncSandbox:
        """A session that is open in the same server, by its sandbox_id. Raises NotFound."""
        return await cls._connect(LoopWaiter, sandbox_id, timeout, tools, server)

    @classmethod
    async def _connect(cls, waits: WaiterType, sandbox_id: str, timeout: Optional[float], tools: Tools,
                       server: Optional[Server]) -> AsyncSandbox:
        made = {tool.name: tool for tool in tools_of(tools)}
        sandbox = cls(Session(await _server(waits, server), waits, sandbox_id), timeout, made)
        await sandbox.list_code_contexts()
        return sandbox

    @property
    def sandbox_id(self) -> str:
        return self._session.name

    def __repr__(self) -> str:
        return f"AsyncSandbox({self.sandbox_id!r})"

    def tool(self, function: F) -> F:
        """Offers a function to the code: a decorator. Its schema comes from its annotations. It may be `async`."""
        made = Tool(function)
        self._tools[made.name] = made
        return function

    async def run_code(self, code: str, *, language: Optional[str] = None, context: Union[Context, str, None] = None,
                       envs: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None,
                       cpu: Optional[float] = None, memory: Optional[int] = None, output_limit: Optional[int] = None,
                       on_stdout: OnOutput = None, on_stderr: OnOutput = None, on_result: OnResult = None,
                       on_error: OnError = None) -> Execution:
        """Runs code in the session. context: one of several sets of names. envs are set while it runs. The rest is as for
        run(). Raises NotFound when the session is over."""
        if language not in (None, "python"):
            raise InvalidArgument(f"'language' is {language!r}, and only 'python' is there")
        request = await self._session.request(
            "run", source(code), context=_name(context), env=envs, timeout=self.timeout if timeout is None else timeout,
            cpu=cpu, memory=memory, output_limit=output_limit, tools=offered(self._tools.values()))
        done = await self._run(request, dict(self._tools), Callbacks(on_stdout, on_stderr, on_result, on_error))
        if context is not None and done.exit_code == 125 and done.stderr.startswith(NO_CONTEXT):
            raise NotFound(_words(done.stderr))
        return done

    async def _run(self, request: Request, tools: Dict[str, Tool], callbacks: Callbacks) -> Execution:
        self._session.running.append(request)
        try:
            done = await Run(request, tools, callbacks).collect()
        finally:
            self._session.running.remove(request)
        if done.limit is not None and done.error is not None:
            self._session.ended = done.error.value
        return done

    async def _context(self, action: str, name: Optional[str] = None, **members: Any) -> List[Context]:
        contexts: List[Dict[str, Any]] = []
        said = b""
        with await self._session.request("context", action=action, context=name, **members) as request:
            async for message, data in request:
                if message["event"] == "record" and message["kind"] == "contexts":
                    contexts = json.loads(data)
                elif message["event"] == "stderr":
                    said += data
        if message["status"] != 0:
            text = said.decode("utf-8", "replace")
            raise (NotFound if text.startswith(NO_CONTEXT) else InvalidArgument)(
                _words(text) or f"the context {name!r}: {action} failed")
        return [Context(one["id"], "python", one["cwd"]) for one in contexts]

    async def create_code_context(self, cwd: Optional[str] = None, *, language: Optional[str] = None,
                                  envs: Optional[Mapping[str, str]] = None, name: Optional[str] = None) -> Context:
        """Makes a set of names of its own, with a directory and an environment; run_code(context=...) uses it."""
        if language not in (None, "python"):
            raise InvalidArgument(f"'language' is {language!r}, and only 'python' is there")
        there = {context.id for context in await self._context("list")}
        made = name if name is not None else next(f"c{i}" for i in range(len(there) + 1) if f"c{i}" not in there)
        await self._context("make", made, cwd=cwd, env=envs)
        return next(context for context in await self._context("list") if context.id == made)

    async def remove_code_context(self, context: Union[Context, str]) -> None:
        await self._context("drop", _name(context))

    async def restart_code_context(self, context: Union[Context, str] = "default") -> None:
        """Forgets the names."""
        await self._context("restart", _name(context))

    async def list_code_contexts(self) -> List[Context]:
        return await self._context("list")

    async def install(self, *packages: str, timeout: Optional[float] = None) -> List[str]:
        """Gets packages with uv, and returns what came: ["polars==1.2"]. The next run can import them. The server must
        allow it: Server(["--install"]). Raises InvalidArgument for a package that is not to be had."""
        return list((await self._session.ask("install", packages=list(packages), timeout=timeout))["packages"] or ())

    async def resume(self, *, tools: Tools = None, timeout: Optional[float] = None, cpu: Optional[float] = None,
                     memory: Optional[int] = None, output_limit: Optional[int] = None, on_stdout: OnOutput = None,
                     on_stderr: OnOutput = None, on_result: OnResult = None, on_error: OnError = None) -> Execution:
        """Goes on with the run in whose middle a fork was made, while it waited for tools: they are called once more.
        tools: in the place of those of the same names."""
        made = {**self._tools, **{tool.name: tool for tool in tools_of(tools)}}
        request = await self._session.request(
            "resume", timeout=self.timeout if timeout is None else timeout, cpu=cpu, memory=memory,
            output_limit=output_limit, tools=offered(made.values()))
        return await self._run(request, made, Callbacks(on_stdout, on_stderr, on_result, on_error))

    async def checkpoint(self, name: Optional[str] = None) -> str:
        """Keeps the state of the session, under a name, which it returns. rewind() and fork() go back to it."""
        return str((await self._session.ask("checkpoint", name=name))["checkpoint"])

    async def rewind(self, checkpoint: Optional[str] = None) -> None:
        """The session becomes what it was at a checkpoint: the newest, unless it is named."""
        await self._session.ask("rewind", checkpoint=checkpoint)

    async def forget(self, checkpoint: str) -> None:
        """Gives up a checkpoint, and its memory."""
        await self._session.ask("forget", checkpoint=checkpoint)

    async def fork(self, count: int = 1, *, checkpoint: Optional[str] = None) -> List[AsyncSandbox]:
        """Copies of the session, as it is now, or was at a checkpoint: each is a session of its own. A tool may call it:
        the copies are then in the middle of that run, and resume() goes on with it."""
        sessions = await Session.open(self._session.server, self._session.waits, "fork", session=self.sandbox_id, count=count,
                                      checkpoint=checkpoint)
        return [AsyncSandbox(session, self.timeout, self._tools) for session in sessions]

    async def pause(self) -> None:
        """Writes the session to the server's disk, where it takes no memory. Its next request brings it back."""
        await self._session.ask("pause")

    async def interrupt(self) -> None:
        """The run under way gets KeyboardInterrupt. The session stays."""
        for request in self._session.running[:1]:
            request.interrupt()

    async def kill(self) -> bool:
        """Ends the session, and what runs in it. False: it was over."""
        try:
            await self._session.ask("close")
        except NotFound:
            return False
        return True

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


class Sandbox(Twin[AsyncSandbox]):
    """A session: a VM whose runs find what those before have left, until kill() or the end of the `with`.

    envs and cwd are the session's, timeout what a run may take unless it says otherwise. A run that a limit ends, or
    that ends the process, ends the session: later ones raise NotFound. Runs of several threads wait for each other.
    """

    def __init__(self, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None,
                 timeout: Optional[float] = None, tools: Tools = None, server: Optional[Server] = None) -> None:
        self._be(block(AsyncSandbox._open(ThreadWaiter, envs, cwd, timeout, tools, server)))

    def _be(self, twin: AsyncSandbox) -> Sandbox:
        super().__init__(twin)
        self.commands = Commands(twin.commands)
        self.files = Files(twin.files)
        self.pty = Pty(twin.pty)
        return self

    @classmethod
    def create(cls, *, envs: Optional[Mapping[str, str]] = None, cwd: Optional[str] = None, timeout: Optional[float] = None,
               tools: Tools = None, server: Optional[Server] = None) -> Sandbox:
        """Sandbox(...), as E2B spells it."""
        return cls(envs=envs, cwd=cwd, timeout=timeout, tools=tools, server=server)

    @classmethod
    def connect(cls, sandbox_id: str, *, timeout: Optional[float] = None, tools: Tools = None,
                server: Optional[Server] = None) -> Sandbox:
        """A session that is open in the same server, by its sandbox_id. Raises NotFound."""
        return cls.__new__(cls)._be(block(AsyncSandbox._connect(ThreadWaiter, sandbox_id, timeout, tools, server)))

    @property
    def sandbox_id(self) -> str:
        return self._twin.sandbox_id

    def __repr__(self) -> str:
        return f"Sandbox({self.sandbox_id!r})"

    def tool(self, function: F) -> F:
        """Offers a function to the code: a decorator. Its schema comes from its annotations. It may be `async`."""
        return self._twin.tool(function)

    run_code = blocking(AsyncSandbox.run_code)
    create_code_context = blocking(AsyncSandbox.create_code_context)
    remove_code_context = blocking(AsyncSandbox.remove_code_context)
    restart_code_context = blocking(AsyncSandbox.restart_code_context)
    list_code_contexts = blocking(AsyncSandbox.list_code_contexts)
    install = blocking(AsyncSandbox.install)
    resume = blocking(AsyncSandbox.resume)
    checkpoint = blocking(AsyncSandbox.checkpoint)
    rewind = blocking(AsyncSandbox.rewind)
    forget = blocking(AsyncSandbox.forget)
    pause = blocking(AsyncSandbox.pause)
    interrupt = blocking(AsyncSandbox.interrupt)
    kill = blocking(AsyncSandbox.kill)

    def fork(self, count: int = 1, *, checkpoint: Optional[str] = None) -> List[Sandbox]:
        """Copies of the session, as it is now, or was at a checkpoint: each is a session of its own. A tool may call it:
        the copies are then in the middle of that run, and resume() goes on with it."""
        forks = block(self._twin.fork(count, checkpoint=checkpoint))
        return [Sandbox.__new__(Sandbox)._be(twin) for twin in forks]

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
