# SPDX-License-Identifier: Apache-2.0
"""Commands in a sandbox, and terminals. Names are E2B's."""

from __future__ import annotations

import codecs
import inspect
import signal
from dataclasses import dataclass
from typing import (Any, Callable, Iterator, List, Literal, Mapping, NamedTuple, Optional, Sequence, Tuple, Union,
                    overload)

from ._errors import InvalidArgument, NotFound, PyhlError
from ._server import Request
from ._session import Session
from ._waiting import Twin, block, blocking

Command = Union[str, Sequence[str]]
Stdin = Union[str, bytes, bool, None]
OnText = Optional[Callable[[str], Any]]
OnBytes = Optional[Callable[[bytes], Any]]
Output = Tuple[Optional[str], Optional[str], Optional[bytes]]  # of stdout, stderr, the terminal: one is not None

TIMEOUT = 60.0
PIECE = 1 << 20


@dataclass
class CommandResult:
    """A command that has ended. exit_code: as a shell has it, 128 and the signal after one."""
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    error: Optional[str] = None


class CommandExitException(PyhlError):
    """A command has ended with another exit code than 0."""

    def __init__(self, result: CommandResult) -> None:
        super().__init__(result)
        self.stdout, self.stderr = result.stdout, result.stderr
        self.exit_code, self.error = result.exit_code, result.error

    def __str__(self) -> str:
        return f"the command ended with exit code {self.exit_code}{': ' + self.error if self.error else ''}\n{self.stderr}".rstrip()


class CommandTimeout(CommandExitException, TimeoutError):
    """A command's time was over, and it was killed with its process group."""


@dataclass
class ProcessInfo:
    """A command that runs. cmd: its arguments, or its line, of which only the beginning may be there."""
    pid: int
    cmd: str


class PtySize(NamedTuple):
    rows: int = 24
    cols: int = 80


async def _tell(callback: Optional[Callable[[Any], Any]], what: Any) -> None:
    said = callback(what) if callback is not None else None
    if inspect.isawaitable(said):
        await said


class AsyncCommandHandle:
    """A command that runs. Iterate over it for its output, or wait() for its end. What it writes is kept here until then."""

    def __init__(self, session: Session, request: Request, pid: int, terminal: bool = False) -> None:
        self.pid = pid
        self._session, self._request, self._terminal = session, request, terminal
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        self._result = CommandResult()
        self._limit: Optional[str] = None
        self._ended = False

    @classmethod
    async def begin(cls, session: Session, op: str, terminal: bool, **members: Any) -> AsyncCommandHandle:
        request = await session.request(op, **members)
        try:
            message, _ = await request.__anext__()
        except BaseException:
            if not request.over:
                request.cancel()
            raise
        return cls(session, request, message["pid"], terminal)

    def __aiter__(self) -> AsyncCommandHandle:
        return self

    async def __anext__(self) -> Output:
        while not self._ended:
            message, data = await self._request.__anext__()
            if message["event"] == "done":
                self._end(message)
                texts = [self._text(name, b"", True) or None for name in ("stdout", "stderr")]
                if any(texts):
                    return texts[0], texts[1], None
            elif message["event"] in ("stdout", "stderr") and self._terminal:
                return None, None, data
            elif message["event"] in ("stdout", "stderr"):
                text = self._text(message["event"], data)
                if text:
                    return (text, None, None) if message["event"] == "stdout" else (None, text, None)
        raise StopAsyncIteration

    def _text(self, stream: str, data: bytes, final: bool = False) -> str:
        text = self._decoders[stream].decode(data, final)
        setattr(self._result, stream, getattr(self._result, stream) + text)
        return text

    def _end(self, message: Any) -> None:
        self._ended = True
        self._limit = message["limit"]
        self._result.exit_code = message["status"]
        if self._limit is not None:
            self._result.error = f"its {self._limit} has ended it"
        elif message["signal"] is not None:
            self._result.error = f"signal {message['signal']} has ended it"

    @property
    def stdout(self) -> str:
        """What has come so far."""
        return self._result.stdout

    @property
    def stderr(self) -> str:
        return self._result.stderr

    @property
    def exit_code(self) -> Optional[int]:
        """None: it has not ended, as far as was read."""
        return self._result.exit_code if self._ended else None

    @property
    def error(self) -> Optional[str]:
        return self._result.error

    async def wait(self, *, on_stdout: OnText = None, on_stderr: OnText = None, on_pty: OnBytes = None) -> CommandResult:
        """Waits for the end. Raises CommandExitException when the exit code is not 0, CommandTimeout when its time was over."""
        async for stdout, stderr, pty in self:
            if stdout is not None:
                await _tell(on_stdout, stdout)
            if stderr is not None:
                await _tell(on_stderr, stderr)
            if pty is not None:
                await _tell(on_pty, pty)
        if self._limit == "timeout":
            raise CommandTimeout(self._result)
        if self._result.exit_code != 0:
            raise CommandExitException(self._result)
        return self._result

    async def kill(self) -> bool:
        """Kills it, and its process group. False: it has ended."""
        return await _signal(self._session, self.pid, signal.SIGKILL)

    async def send_stdin(self, data: Union[str, bytes]) -> None:
        await _input(self._session, self.pid, data)

    async def close_stdin(self) -> None:
        await _input(self._session, self.pid, b"", True)

    def cancel(self) -> None:
        """Kills it, without waiting."""
        if not self._request.over:
            self._request.cancel()


async def _signal(session: Session, pid: int, signo: int) -> bool:
    try:
        await session.ask("signal", pid=pid, signal=int(signo))
    except NotFound:
        return False
    return True


async def _input(session: Session, pid: int, data: Union[str, bytes], end: bool = False) -> None:
    """Waits until all of it is on its way to the command."""
    whole = memoryview(data.encode() if isinstance(data, str) else data)
    while len(whole) > PIECE:
        await session.ask("input", bytes(whole[:PIECE]), pid=pid)
        whole = whole[PIECE:]
    if end or len(whole) > 0:
        await session.ask("input", bytes(whole), pid=pid, end=end)


async def _feed(handle: AsyncCommandHandle, data: Union[str, bytes]) -> None:
    """All that it reads. One that ends before is no error."""
    try:
        await handle.send_stdin(data)
        await handle.close_stdin()
    except NotFound:
        pass


def _limit(session: Session, timeout: Optional[float]) -> Optional[float]:
    """Of the server's own, if that is shorter than what holds when nothing is said. 0 is the server's."""
    most = session.server.hello["limits"]["timeout"]
    if timeout is None:
        return min(TIMEOUT, most) if most else TIMEOUT
    return timeout if timeout != 0 else None


class AsyncCommands:
    """The commands of a sandbox: processes beside its runs. Their environment and directory are the sandbox's, unless
    something else is said."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _begin(self, cmd: Command, pty: Optional[PtySize], envs: Optional[Mapping[str, str]], user: Optional[str],
                     cwd: Optional[str], stdin: Optional[bool], timeout: Optional[float]) -> AsyncCommandHandle:
        if isinstance(cmd, bytes) or not isinstance(cmd, (str, Sequence)):
            raise InvalidArgument(f"a command is a line of the shell or a list of strings, and not {type(cmd).__name__}")
        command = {"line": cmd} if isinstance(cmd, str) else {"args": list(cmd)}
        size = None if pty is None else {"rows": pty.rows, "columns": pty.cols}
        return await AsyncCommandHandle.begin(
            self._session, "command", pty is not None, **command, env=dict(envs) if envs is not None else None, user=user,
            cwd=cwd, stdin=stdin, pty=size, timeout=_limit(self._session, timeout))

    @overload
    async def run(self, cmd: Command, background: Optional[Literal[False]] = None, envs: Optional[Mapping[str, str]] = None,
                  user: Optional[str] = None, cwd: Optional[str] = None, on_stdout: OnText = None, on_stderr: OnText = None,
                  stdin: Stdin = None, timeout: Optional[float] = None) -> CommandResult: ...

    @overload
    async def run(self, cmd: Command, background: Literal[True], envs: Optional[Mapping[str, str]] = None,
                  user: Optional[str] = None, cwd: Optional[str] = None, on_stdout: OnText = None, on_stderr: OnText = None,
                  stdin: Stdin = None, timeout: Optional[float] = None) -> AsyncCommandHandle: ...

    async def run(self, cmd: Command, background: Optional[bool] = None, envs: Optional[Mapping[str, str]] = None,
                  user: Optional[str] = None, cwd: Optional[str] = None, on_stdout: OnText = None, on_stderr: OnText = None,
                  stdin: Stdin = None, timeout: Optional[float] = None) -> Union[CommandResult, AsyncCommandHandle]:
        """Runs a line of /bin/sh, or a program with its arguments, and waits for its end; with background=True it returns
        when the command has begun, and wait() of the handle has the callbacks.

        stdin: what it reads, or True: what send_stdin() brings, until close_stdin(). Otherwise its input is empty. timeout:
        seconds, 60 if nothing is said; 0: no other limit than the server's. A limit kills the process group. Raises
        CommandExitException when the exit code is not 0, CommandTimeout when its time was over, NotFound when there is no
        such program or directory.
        """
        if background and not (on_stdout is None and on_stderr is None):
            raise InvalidArgument("in the background a command has no callbacks: give them to wait()")
        handle = await self._begin(cmd, None, envs, user, cwd, stdin is not None and stdin is not False, timeout)
        try:
            if isinstance(stdin, (str, bytes)):
                await _feed(handle, stdin)
            if not background:
                return await handle.wait(on_stdout=on_stdout, on_stderr=on_stderr)
        except BaseException:
            handle.cancel()
            raise
        return handle

    async def connect(self, pid: int) -> AsyncCommandHandle:
        """A command that runs: its output from now on."""
        return await AsyncCommandHandle.begin(self._session, "attach", False, pid=pid)

    async def list(self) -> List[ProcessInfo]:
        """The commands that run."""
        done = await self._session.ask("commands")
        return [ProcessInfo(one["pid"], one["command"]) for one in done["commands"]]

    async def kill(self, pid: int) -> bool:
        """Kills a command, and its process group. False: there is none."""
        return await _signal(self._session, pid, signal.SIGKILL)

    async def signal(self, pid: int, signo: int) -> bool:
        """Sends a signal to a command's process group. False: there is no such command."""
        return await _signal(self._session, pid, signo)

    async def send_stdin(self, pid: int, data: Union[str, bytes]) -> None:
        await _input(self._session, pid, data)

    async def close_stdin(self, pid: int) -> None:
        await _input(self._session, pid, b"", True)


class AsyncPty:
    """Terminals of a sandbox: a command on each, /bin/sh unless another is named."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._commands = AsyncCommands(session)

    async def create(self, size: PtySize = PtySize(), *, cmd: Command = ("/bin/sh", "-i"), user: Optional[str] = None,
                     cwd: Optional[str] = None, envs: Optional[Mapping[str, str]] = None,
                     timeout: Optional[float] = None) -> AsyncCommandHandle:
        """Starts a command on a terminal. Iterate over the handle for its bytes, or wait(on_pty=...)."""
        terminal = {"TERM": "xterm-256color", **(envs or {})}
        return await self._commands._begin(cmd, size, terminal, user, cwd, None, timeout)

    async def connect(self, pid: int) -> AsyncCommandHandle:
        """The command of a terminal: its output from now on."""
        return await AsyncCommandHandle.begin(self._session, "attach", True, pid=pid)

    async def send_stdin(self, pid: int, data: bytes) -> None:
        await _input(self._session, pid, data)

    async def resize(self, pid: int, size: PtySize) -> None:
        await self._session.ask("resize", pid=pid, rows=size.rows, columns=size.cols)

    async def kill(self, pid: int) -> bool:
        return await _signal(self._session, pid, signal.SIGKILL)


class CommandHandle(Twin[AsyncCommandHandle]):
    """A command that runs. Iterate over it for its output, or wait() for its end. What it writes is kept here until then."""

    def __iter__(self) -> Iterator[Output]:
        while True:
            try:
                piece = block(self._twin.__anext__())
            except StopAsyncIteration:
                return
            yield piece

    @property
    def pid(self) -> int:
        return self._twin.pid

    @property
    def stdout(self) -> str:
        """What has come so far."""
        return self._twin.stdout

    @property
    def stderr(self) -> str:
        return self._twin.stderr

    @property
    def exit_code(self) -> Optional[int]:
        """None: it has not ended, as far as was read."""
        return self._twin.exit_code

    @property
    def error(self) -> Optional[str]:
        return self._twin.error

    wait = blocking(AsyncCommandHandle.wait)
    kill = blocking(AsyncCommandHandle.kill)
    send_stdin = blocking(AsyncCommandHandle.send_stdin)
    close_stdin = blocking(AsyncCommandHandle.close_stdin)


class Commands(Twin[AsyncCommands]):
    """The commands of a sandbox: processes beside its runs. Their environment and directory are the sandbox's, unless
    something else is said."""

    @overload
    def run(self, cmd: Command, background: Optional[Literal[False]] = None, envs: Optional[Mapping[str, str]] = None,
            user: Optional[str] = None, cwd: Optional[str] = None, on_stdout: OnText = None, on_stderr: OnText = None,
            stdin: Stdin = None, timeout: Optional[float] = None) -> CommandResult: ...

    @overload
    def run(self, cmd: Command, background: Literal[True], envs: Optional[Mapping[str, str]] = None,
            user: Optional[str] = None, cwd: Optional[str] = None, on_stdout: OnText = None, on_stderr: OnText = None,
            stdin: Stdin = None, timeout: Optional[float] = None) -> CommandHandle: ...

    def run(self, cmd: Command, background: Any = None, *args: Any, **options: Any) -> Union[CommandResult, CommandHandle]:
        made = block(self._twin.run(cmd, background, *args, **options))
        return CommandHandle(made) if isinstance(made, AsyncCommandHandle) else made

    run.__doc__ = AsyncCommands.run.__doc__

    def connect(self, pid: int) -> CommandHandle:
        """A command that runs: its output from now on."""
        return CommandHandle(block(self._twin.connect(pid)))

    list = blocking(AsyncCommands.list)
    kill = blocking(AsyncCommands.kill)
    signal = blocking(AsyncCommands.signal)
    send_stdin = blocking(AsyncCommands.send_stdin)
    close_stdin = blocking(AsyncCommands.close_stdin)


class Pty(Twin[AsyncPty]):
    """Terminals of a sandbox: a command on each, /bin/sh unless another is named."""

    def create(self, size: PtySize = PtySize(), **options: Any) -> CommandHandle:
        """Starts a command on a terminal. Iterate over the handle for its bytes, or wait(on_pty=...)."""
        return CommandHandle(block(self._twin.create(size, **options)))

    def connect(self, pid: int) -> CommandHandle:
        """The command of a terminal: its output from now on."""
        return CommandHandle(block(self._twin.connect(pid)))

    send_stdin = blocking(AsyncPty.send_stdin)
    resize = blocking(AsyncPty.resize)
    kill = blocking(AsyncPty.kill)
