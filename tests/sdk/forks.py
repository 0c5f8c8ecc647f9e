# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: checkpoints and forks of a sandbox."""

import asyncio
import os
import tempfile

import pyhl

from aio import fails, looped
from caselist import case, raises, same


@case
def checkpoints_of_a_sandbox():
    with pyhl.Sandbox(timeout=20) as sandbox:
        sandbox.run_code("x = [1]")
        first = sandbox.checkpoint()
        sandbox.run_code("x.append(2)")
        same(sandbox.checkpoint("second"), "second")
        sandbox.run_code("x.append(3)")
        sandbox.rewind("second")
        same(sandbox.run_code("x").text, "[1, 2]")
        sandbox.rewind(first)
        same(sandbox.run_code("x").text, "[1]")
        fork, = sandbox.fork(checkpoint="second")
        with fork:
            same(fork.run_code("x").text, "[1, 2]")
        sandbox.forget("second")
        raises(pyhl.NotFound, "no checkpoint 'second'", sandbox.rewind, "second")
        raises(pyhl.InvalidArgument, "'name'", sandbox.checkpoint, "a b")


@case
def forks_of_a_sandbox():
    def seven() -> int:
        return 7

    with pyhl.Sandbox(timeout=20, tools=[seven]) as sandbox:
        sandbox.run_code("x = []")
        forks = sandbox.fork(4)
        for i, fork in enumerate(forks):
            fork.run_code(f"x.append({i})")
        sandbox.run_code("x.append('first')")
        same([fork.run_code("x").text for fork in [sandbox, *forks]], ["['first']", "[0]", "[1]", "[2]", "[3]"])
        same([fork.run_code("import host; host.seven()").text for fork in forks], ["7"] * 4)
        same(len({fork.sandbox_id for fork in [sandbox, *forks]}), 5)
        same([fork.kill() for fork in forks], [True] * 4)
        same(sandbox.run_code("x").text, "['first']")
        raises(pyhl.InvalidArgument, "'count'", sandbox.fork, 0)


@case
def a_fork_in_the_middle_of_a_run():
    with pyhl.Sandbox(timeout=20) as sandbox:
        forks = []

        @sandbox.tool
        def decide(options: list) -> str:
            forks.extend(sandbox.fork(len(options) - 1))
            return options[0]

        done = sandbox.run_code("import host\nprint('once')\nx = host.decide(['a', 'b', 'c'])\nx * 2")
        same((done.text, done.stdout), ("'aa'", "once\n"))
        for fork, option in zip(forks, "bc"):
            done = fork.resume(tools={"decide": lambda options: option})
            same((done.text, done.error), (repr(option * 2), None))
            same(fork.run_code("x").text, repr(option))
            fork.kill()
        same(len(forks), 2)


@case
def a_paused_sandbox_comes_back():
    with tempfile.TemporaryDirectory() as state, pyhl.Server(["--state", state]) as server:
        with pyhl.Sandbox(server=server, timeout=20) as sandbox:
            sandbox.run_code("x = list(range(5))")
            sandbox.pause()
            fds = f"/proc/{server._process.pid}/fd"
            assert any(os.readlink(f"{fds}/{fd}").startswith(state) for fd in os.listdir(fds)), "nothing is on the disk"
            same(pyhl.Sandbox.connect(sandbox.sandbox_id, server=server).run_code("x").text, "[0, 1, 2, 3, 4]")
            sandbox.pause()
            same(sandbox.kill(), True)


@looped
async def forks_in_a_loop():
    async with await pyhl.AsyncSandbox.create(timeout=20) as sandbox:
        forks = []

        @sandbox.tool
        async def decide(options: list) -> str:
            if len(options) > 1:
                forks.extend(await sandbox.fork(len(options) - 1))
            return options[0]

        def taking(option):
            async def decide(options: list) -> str:
                await asyncio.sleep(0.01)
                return option
            return [decide]

        code = "import host\nawait host.decide.aio(list('abcd')) + await host.decide.aio(['x'])"
        same((await sandbox.run_code(code)).text, "'ax'")
        ends = await asyncio.gather(*(fork.resume(tools=taking(option)) for fork, option in zip(forks, "bcd")))
        same([end.text for end in ends], ["'bb'", "'cc'", "'dd'"])
        same([await fork.kill() for fork in forks], [True] * 3)
        await fails(pyhl.PyhlError, "", sandbox.resume())
