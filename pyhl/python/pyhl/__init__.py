# SPDX-License-Identifier: Apache-2.0
"""Runs Python code in its own micro-VM.

    import pyhl
    pyhl.run("6 * 7").text                  # '42', in a VM that nothing has run in

    with pyhl.Sandbox() as sandbox:         # a session: names stay
        @sandbox.tool
        def price(item: str) -> float:
            return {"tea": 2.5}[item]

        sandbox.run_code("import host; p = host.price('tea')")
        sandbox.run_code("p * 2").text      # '5.0'
        sandbox.commands.run("ls /usr | wc -l").stdout
        sandbox.files.write("data/a.csv", "x\\n1\\n")

It starts `pyhl serve --stdio` once a process, and speaks its protocol. The binary is $PYHL_BINARY, or else that of the
wheel, or `pyhl` on PATH. A home must be installed: by setup(), or by itself at the first use, from the distribution
pyhl-image; or by `pyhl setup`.
"""

from ._binary import VERSION as __version__
from ._commands import (AsyncCommandHandle, CommandExitException, CommandHandle, CommandResult, CommandTimeout, ProcessInfo,
                        PtySize)
from ._errors import (Busy, FileExists, FileNotFound, FunctionError, InvalidArgument, IsADirectory, NotADirectory, NotFound,
                      PermissionDenied, PyhlError, RunCancelled, ServerError, SystemFailure, WorkerDied)
from ._files import EntryInfo, FileType, WriteInfo
from ._pool import Pool
from ._results import Execution, ExecutionError, Logs, OutputMessage, Result
from ._sandbox import AsyncSandbox, Context, Sandbox, arun, run
from ._server import Server
from ._setup import setup

__all__ = ["AsyncCommandHandle", "AsyncSandbox", "Busy", "CommandExitException", "CommandHandle", "CommandResult",
           "CommandTimeout", "Context", "EntryInfo", "Execution", "ExecutionError", "FileExists", "FileNotFound", "FileType",
           "FunctionError", "InvalidArgument", "IsADirectory", "Logs", "NotADirectory", "NotFound", "OutputMessage",
           "PermissionDenied", "Pool", "ProcessInfo", "PtySize", "PyhlError", "Result", "RunCancelled", "Sandbox", "Server",
           "ServerError", "SystemFailure", "WorkerDied", "WriteInfo", "arun", "run", "setup"]
