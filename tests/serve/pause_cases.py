# SPDX-License-Identifier: Apache-2.0
"""Sessions on disk: they have no process there, and the next request brings them back."""

import os
import pathlib
import tempfile
import time

from caselist import case, children, same
from check import failed
from client import Server
from fork_cases import ASK, TOOLS, called, fork, say


def files(server):
    """Bytes of the files without a name that the server has open."""
    total = 0
    for fd in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        if "/.pyhl-" in os.readlink(fd):
            total += fd.stat().st_size
    return total


def workers(server, count, within=10):
    end = time.monotonic() + within
    while len(children(server.process.pid)) != count:
        assert time.monotonic() < end, (len(children(server.process.pid)), count)
        time.sleep(0.02)


@case
def a_paused_session_comes_back():
    with tempfile.TemporaryDirectory() as where, Server("--workers", "1", "--state", where) as s:
        names = [s.open() for _ in range(3)]
        for i, name in enumerate(names):
            say(s, name, f"import os; x = [{i}]; big = os.urandom(5 << 20); open('/tmp/f', 'w').write('f{i}')", "")
        workers(s, 4)
        for _ in range(2):
            for name in names:
                same(s.do("pause", session=name)[0]["event"], "done")
                same(s.do("pause", session=name)[0]["event"], "done")  # it is
            workers(s, 1)
            assert files(s) > 15 << 20
            same(os.listdir(where), [])
            for i, name in enumerate(names):
                say(s, name, "print(x, open('/tmp/f').read(), len(big))", f"[{i}] f{i} {5 << 20}\n")
            same(files(s), 0)
        s.do("pause", session=names[0])
        s.do("pause", session=names[1])
        copy, = fork(s, names[0])  # brings it back, too
        say(s, copy, "print(x)", "[0]\n")
        same(s.do("close", session=names[1])[0]["event"], "done")
        same(files(s), 0)
        failed(s.do("pause", session=names[1]), "LookupError", "no session")


@case
def a_pause_is_done_when_the_worker_is_gone():
    """A guest that has taken it over could change the file that the next one reads."""
    with Server("--workers", "1") as s:
        session = s.open()
        for i in range(10):
            say(s, session, f"x = {i}", "")
            workers(s, 2)
            before = children(s.process.pid)
            same(s.do("pause", session=session)[0]["event"], "done")
            assert [pid for pid in before if not os.path.exists(f"/proc/{pid}")], "its process is there"


@case
def idle_sessions_go_to_disk():
    with Server("--workers", "1", "--idle-to-disk", "0.4") as s:
        names = [s.open() for _ in range(3)]
        for i, name in enumerate(names):
            say(s, name, f"x = {i}", "")
        run = s.send("run", ASK, session=names[0], tools=TOOLS)
        call = called(s, run)
        workers(s, 2)  # of the one that waits for its tool, and one that waits
        s.send("reply", b"1", run=run, call=call)
        same(s.answer(run)[0]["outcome"], "ready")
        workers(s, 1)
        for i, name in enumerate(names):
            say(s, name, "print(x)", f"{i}\n")
        same(s.end(), (0, ""))


@case
def what_cannot_be_paused():
    with Server("--state-limit", "4M") as s:
        session = s.open()
        failed(s.do("pause", session="s9"), "LookupError", "no session 's9'")
        failed(s.do("pause", session=session, more=1), "ValueError", "unknown member")
        run = s.send("run", ASK, session=session, tools=TOOLS)
        call = called(s, run)
        failed(s.do("pause", session=session), "Busy", "waits for a tool")
        s.send("reply", b"1", run=run, call=call)
        s.answer(run)
        command = s.send("command", session=session, args=["sleep", "60"])
        s.until(lambda m: m.get("id") == command)
        failed(s.do("pause", session=session), "Busy", "has commands that run")
        s.do("cancel", run=command)
        s.answer(command)
        say(s, session, "import os; y = os.urandom(9 << 20)", "")
        failed(s.do("pause", session=session), "Busy", "larger than what is left on the disk for states")
        say(s, session, "print(got, len(y))", f"1 {9 << 20}\n")
        small = s.open()
        same(s.do("pause", session=small)[0]["event"], "done")
        say(s, small, "print(1)", "1\n")
    with Server("--state", "/nowhere/at/all") as s:
        same(s.process.wait(10), 125)
        assert b"--state /nowhere/at/all" in s.process.stderr.read()


@case
def a_fork_in_a_tool_call_can_be_paused():
    with Server() as s:
        session = s.open()
        run = s.send("run", ASK, session=session, tools=TOOLS)
        called(s, run)
        name, = fork(s, session)
        same(s.do("pause", session=name)[0]["event"], "done")
        number = s.send("resume", session=name, tools=TOOLS)
        s.send("reply", b"2", run=number, call=called(s, number))
        same(s.answer(number)[1]["stdout"], b"b 2\n")
