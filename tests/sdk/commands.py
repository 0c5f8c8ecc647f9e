# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: commands and terminals of a sandbox."""

import asyncio
import time

import pyhl

from aio import fails, looped
from caselist import case, raises, same


@case
def commands_give_results():
    with pyhl.Sandbox(envs={"A": "1"}, cwd="/srv") as one:
        said = []
        done = one.commands.run("pwd; echo $A$B; echo caf\u00e9 >&2", envs={"B": "2"}, on_stdout=said.append, timeout=20)
        same((done.stdout, done.stderr, done.exit_code, done.error), ("/srv\n12\n", "caf\u00e9\n", 0, None))
        same("".join(said), done.stdout)
        same(one.commands.run(["printf", "%s|", "a b", "$A"], cwd="/tmp").stdout, "a b|$A|")
        same(one.commands.run("id -un", user="nobody").stdout, "nobody\n")
        same(one.commands.run("tr a-z A-Z", stdin="text").stdout, "TEXT")
        same(one.commands.run("wc -c", stdin=bytes(3 << 20)).stdout, f"{3 << 20}\n")
        same(one.commands.run("true", stdin=bytes(3 << 20)).exit_code, 0)  # reads nothing of it
        error = raises(pyhl.CommandExitException, "exit code 3", one.commands.run, "echo out; echo err >&2; exit 3")
        same((error.exit_code, error.stdout, error.stderr, error.error), (3, "out\n", "err\n", None))
        error = raises(pyhl.CommandTimeout, "exit code 137: its timeout", one.commands.run, "echo out; sleep 60", timeout=0.3)
        assert isinstance(error, TimeoutError) and error.stdout == "out\n", error
        raises(pyhl.NotFound, "none", one.commands.run, ["none"])
        raises(pyhl.NotFound, "/none", one.commands.run, "true", cwd="/none")
        raises(pyhl.NotFound, "no user 'none'", one.commands.run, "true", user="none")
        raises(pyhl.InvalidArgument, "not int", one.commands.run, 7)
        raises(pyhl.InvalidArgument, "absolute", one.commands.run, "true", cwd="none")
        raises(ZeroDivisionError, "", one.commands.run, "echo; sleep 60", on_stdout=lambda text: 1 / 0)
        while one.commands.list():  # that one is on its way out
            time.sleep(0.01)
        same(one.run_code("1 + 1").text, "2")
    raises(pyhl.NotFound, "no session", one.commands.run, "true")


@case
def commands_in_the_background():
    with pyhl.Sandbox() as one:
        handle = one.commands.run("while read a; do echo got $a; done; echo end >&2", background=True, stdin=True)
        same([(info.pid, info.cmd[:12]) for info in one.commands.list()], [(handle.pid, "while read a")])
        handle.send_stdin("1\n2\n")
        pieces = iter(handle)
        text = ""
        while text != "got 1\ngot 2\n":
            text += next(pieces)[0]
        other = one.commands.connect(handle.pid)
        one.commands.send_stdin(handle.pid, b"3\n")
        one.commands.close_stdin(handle.pid)
        done = handle.wait()
        same((done.stdout, done.stderr, handle.exit_code), ("got 1\ngot 2\ngot 3\n", "end\n", 0))
        same(other.wait().stdout, "got 3\n")
        same((handle.kill(), one.commands.kill(handle.pid)), (False, False))
        handle = one.commands.run("sleep 60", background=True)
        same((handle.exit_code, handle.kill()), (None, True))
        raises(pyhl.CommandExitException, "137: signal 9", handle.wait)
        raises(pyhl.InvalidArgument, "callbacks", one.commands.run, "true", background=True, on_stdout=print)
        server = one.commands.run("python3 -um http.server --bind 127.0.0.1 8000", background=True, timeout=0)
        next(iter(server))
        same(one.run_code("import urllib.request as u; u.urlopen('http://127.0.0.1:8000/').status").text, "200")
    raises(pyhl.RunCancelled, "the session was closed", server.wait)


@case
def terminals():
    with pyhl.Sandbox(envs={"PS1": "> "}) as one:
        shell = one.pty.create(pyhl.PtySize(30, 90))
        pieces, seen = iter(shell), b""

        def until(text):
            nonlocal seen
            while text not in seen:
                seen += next(pieces)[2]
            seen = seen.partition(text)[2]

        until(b"> ")
        one.pty.send_stdin(shell.pid, b"stty size; echo $TERM\n")
        until(b"30 90\r\nxterm-256color\r\n> ")
        one.pty.resize(shell.pid, pyhl.PtySize(50, 132))
        one.pty.send_stdin(shell.pid, b"stty size\n")
        until(b"50 132\r\n> ")
        same(one.pty.kill(shell.pid), True)
        raises(pyhl.CommandExitException, "137", shell.wait)


@looped
async def async_commands():
    async with await pyhl.AsyncSandbox.create() as one:
        said = []

        async def later(text):
            await asyncio.sleep(0)
            said.append(text)

        done = await one.commands.run("echo 1; echo 2", on_stdout=later)
        same((done.stdout, "".join(said)), ("1\n2\n", "1\n2\n"))
        began = time.monotonic()
        many = await asyncio.gather(*(one.commands.run(f"sleep 0.2; echo {i}") for i in range(20)))
        same([one.stdout for one in many], [f"{i}\n" for i in range(20)])
        assert time.monotonic() - began < 3, "they wait for each other"
        waits = asyncio.ensure_future(one.commands.run("sleep 60"))
        while not await one.commands.list():
            await asyncio.sleep(0.01)
        waits.cancel()
        await fails(asyncio.CancelledError, "", waits)
        while await one.commands.list():
            await asyncio.sleep(0.01)
        handle = await one.commands.run("cat", background=True, stdin=True)
        await handle.send_stdin("text")
        await handle.close_stdin()
        same([piece async for piece in handle], [("text", None, None)])
        await fails(pyhl.CommandExitException, "code 4", one.commands.run("exit 4"))
