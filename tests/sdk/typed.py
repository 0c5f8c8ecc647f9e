# SPDX-License-Identifier: Apache-2.0
"""What a type checker makes of the package: tests/ecosystem runs mypy --strict on this file. It is never executed. An
`ignore` that hides no error is one itself, so each stands for a mistake that is found."""

from concurrent.futures import Future
from datetime import datetime
from typing import AsyncIterator, Iterator, List, Optional

import pyhl
from typing_extensions import assert_type


def add(x: int, y: int) -> int:
    return x + y


def threads() -> None:
    assert_type(pyhl.run("1", timeout=1, tools=[add]), pyhl.Execution)
    pyhl.run(1)  # type: ignore[arg-type]
    pyhl.run("1", tiemout=1)  # type: ignore[call-arg]
    with pyhl.Sandbox(envs={"A": "1"}) as sandbox:
        done = sandbox.run_code("1", context=sandbox.create_code_context("/tmp"), on_stdout=lambda message: print(message.line))
        assert_type(done.results[0].png, Optional[str])
        assert_type(sandbox.tool(add)(1, 2), int)
        assert_type(sandbox.list_code_contexts(), List[pyhl.Context])
        assert_type(sandbox.files.read("a"), str)
        assert_type(sandbox.files.read("a", "bytes"), bytearray)
        assert_type(sandbox.files.read("a", format="stream"), Iterator[bytes])
        assert_type(sandbox.files.write("a", b"1").type, pyhl.FileType)
        assert_type(sandbox.files.list("a")[0].modified_time, Optional[datetime])
        sandbox.files.read("a", "json")  # type: ignore[call-overload]
        assert_type(sandbox.kill(), bool)
        sandbox.run_code("1", context=1)  # type: ignore[arg-type]


async def tasks() -> None:
    assert_type(await pyhl.arun("1"), pyhl.Execution)
    async with await pyhl.AsyncSandbox.create() as sandbox:
        assert_type(await sandbox.run_code("1"), pyhl.Execution)
        assert_type(await sandbox.files.read("a"), str)
        assert_type(await sandbox.files.read("a", "stream"), AsyncIterator[bytes])
        sandbox.run_code("1").text  # type: ignore[attr-defined]


def pools() -> None:
    with pyhl.Pool(4) as pool:
        assert_type(pool.run("1"), "Future[pyhl.Execution]")
        assert_type(pool.submit(add, 1, 2), "Future[int]")
