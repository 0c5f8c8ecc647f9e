# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and forks of sessions: copies begin in one state and then are apart."""

import ctypes
import mmap
import os
import signal
import socket
import struct
import time

from caselist import case, children, same
from check import cell, failed, ran
from client import Server

SAVE, SAVED, LOADED = 40, 42, 43  # WORKER_SAVE, ... (pyhl/worker.h)
PIDFD_GETFD = 438
TOOLS = [{"name": "ask"}]
ASK = "import host, random, time\nbefore = 'b'\nprint('first', flush=True)\ngot = host.ask()\nprint(before, got)"


def fork(s, session, count=1, within=30, **members):
    done, _ = s.do("fork", session=session, count=count, within=within, **members)
    assert done["event"] == "done" and len(done["sessions"]) == count, done
    return done["sessions"]


def say(s, session, code, out, **members):
    cell(s.do("run", code, session=session, **members), out=out.encode())


def called(s, number):
    message, _ = s.until(lambda m: m.get("id") == number and m["event"] in ("call", "done", "failed"))
    assert message["event"] == "call", message
    return message["call"]


@case
def forks_begin_alike_and_are_apart():
    with Server() as s:
        session = s.open(env={"A": "1"}, cwd="/srv")
        say(s, session, "x = [1, 2]; big = bytes(30 << 20); open('/tmp/f', 'w').write('f')", "")
        names = fork(s, session, 3)
        same(len({session, *names}), 4)
        for i, name in enumerate(names):
            say(s, name, f"x.append({i}); open('/tmp/f', 'a').write('{i}'); print(x, len(big))", f"[1, 2, {i}] {30 << 20}\n")
        for i, name in enumerate(names):
            say(s, name, "import os; print(x, open('/tmp/f').read(), os.getcwd(), os.environ['A'])", f"[1, 2, {i}] f{i} /srv 1\n")
        say(s, session, "print(x, open('/tmp/f').read())", "[1, 2] f\n")
        inner, = fork(s, names[1])  # of a fork
        same(s.do("close", session=names[1])[0]["event"], "done")
        say(s, inner, "print(x)", "[1, 2, 1]\n")
        same(s.do("close", session=session)[0]["event"], "done")
        say(s, names[2], "print(x)", "[1, 2, 2]\n")
        ran(s.do("run", "import os; print(os.path.exists('/tmp/f'))"), b"False\n")


@case
def forks_have_time_and_random_numbers_of_their_own():
    code = "import random, secrets, uuid; print(random.random(), secrets.token_hex(), uuid.uuid4())"
    with Server() as s:
        session = s.open()
        say(s, session, "import random; random.seed()", "")
        names = fork(s, session, 4)
        lines = [s.do("run", code, session=name)[1]["stdout"] for name in (session, *names)]
        for words in zip(*[line.split() for line in lines]):
            same(len(set(words)), 5)
        time.sleep(0.3)
        out = s.do("run", "import time; print(time.time(), time.monotonic())", session=fork(s, session)[0])[1]["stdout"]
        assert abs(float(out.split()[0]) - time.time()) < 1, out


@case
def ten_forks_at_once():
    with Server("--workers", "4", "--sessions", "100") as s:
        session = s.open()
        say(s, session, "x = 7", "")
        asked = [s.send("fork", session=session, count=10) for _ in range(3)]
        names = [name for number in asked for name in s.answer(number)[0]["sessions"]]
        same(len(set(names)), 30)
        numbers = [s.send("run", f"x += {i}; print(x)", session=name) for i, name in enumerate(names)]
        for i, number in enumerate(numbers):
            cell(s.answer(number), out=f"{7 + i}\n".encode())
        say(s, session, "print(x)", "7\n")
        for name in names:
            s.send("close", session=name)
        ran(s.do("run", "print('x' in globals())"), b"False\n")


@case
def forks_in_a_tool_call():
    with Server() as s:
        session = s.open()
        run = s.send("run", ASK, session=session, tools=TOOLS)
        call = called(s, run)
        done, _ = s.do("fork", session=session, count=2)
        same((done["event"], done["suspended"]), ("done", True))
        resumed = [s.send("resume", session=name, tools=TOOLS) for name in done["sessions"]]
        for i, number in enumerate(resumed):
            s.send("reply", f'"copy {i}"', run=number, call=called(s, number))
            _, got = cell(s.answer(number), out=f"b copy {i}\n".encode())
        s.send("reply", b'"mine"', run=run, call=call)
        cell(s.answer(run), out=b"first\nb mine\n")
        for i, name in enumerate(done["sessions"]):
            say(s, name, "print(got)", f"copy {i}\n")
        say(s, session, "print(got)", "mine\n")


@case
def a_fork_in_a_tool_call_can_be_forked_on():
    with Server() as s:
        session = s.open()
        run = s.send("run", ASK, session=session, tools=TOOLS)
        called(s, run)
        one, = fork(s, session)
        two, = fork(s, one)
        failed(s.do("run", "1", session=two), "ValueError", "in the middle of a run")
        failed(s.do("resume", session=session), "Busy", "a run of the session is under way")
        same(s.do("close", session=one)[0]["event"], "done")
        number = s.send("resume", session=two, tools=TOOLS)
        s.send("reply", b"2", run=number, call=called(s, number))
        cell(s.answer(number), out=b"b 2\n")
        three, = fork(s, two)  # between two runs again
        say(s, three, "print(got)", "2\n")
        failed(s.do("resume", session=three), "ValueError", "not in the middle of a run")


@case
def a_resumed_run_has_limits_and_tools_of_its_own():
    with Server() as s:
        session = s.open()
        run = s.send("run", ASK, session=session, tools=TOOLS, timeout=30)
        called(s, run)
        names = fork(s, session, 3)
        number = s.send("resume", session=names[0], tools=TOOLS, timeout=0.3)
        called(s, number)
        same(s.answer(number)[0]["limit"], "timeout")
        failed(s.do("run", "1", session=names[0]), "LookupError")
        done, got = s.do("resume", session=names[1])  # the tool is not there
        same((done["outcome"], done["status"]), ("ready", 1))
        assert b"no function 'ask'" in got["record"][0][1], got
        number = s.send("resume", session=names[2], tools=TOOLS)
        called(s, number)
        same(s.do("cancel", run=number)[0]["event"], "done")
        same(s.answer(number)[0]["outcome"], "interrupted")
        failed(s.do("resume", session=names[1], memory=1), "ValueError", "unknown member 'memory'")


@case
def calls_are_open_beside_a_thread_that_computes():
    code = ("import host, threading, time\nt = threading.Thread(target=lambda: host.ask()); t.start()\n"
            "end = time.time() + 0.5\nwhile time.time() < end: pass\nt.join(); print('over')")
    with Server() as s:
        session = s.open()
        run = s.send("run", code, session=session, tools=TOOLS)
        call = called(s, run)
        name, = fork(s, session)  # when the guest waits, or is done
        number = s.send("resume", session=name, tools=TOOLS)
        s.send("reply", b"1", run=number, call=called(s, number))
        cell(s.answer(number), out=b"over\n")
        s.send("reply", b"1", run=run, call=call)
        cell(s.answer(run), out=b"over\n")


@case
def rewind_goes_to_a_checkpoint():
    with Server() as s:
        session = s.open()
        say(s, session, "x = 1", "")
        same(s.do("checkpoint", session=session, name="one")[0]["checkpoint"], "one")
        say(s, session, "x = 2; import os; os.mkdir('/tmp/two')", "")
        second = s.do("checkpoint", session=session)[0]["checkpoint"]
        say(s, session, "x = 3", "")
        for name, out in (("one", "1 False\n"), (second, "2 True\n"), ("one", "1 False\n"), ("one", "1 False\n"), (None, "2 True\n")):
            done, _ = s.do("rewind", session=session, **({"checkpoint": name} if name else {}))
            same((done["event"], done["suspended"]), ("done", False))
            say(s, session, "import os; print(x, os.path.exists('/tmp/two')); x = 9", out)
        name, = fork(s, session, checkpoint="one")
        say(s, name, "print(x)", "1\n")
        failed(s.do("rewind", session=name, checkpoint="one"), "LookupError", "no checkpoint 'one'")
        same(s.do("forget", session=session, checkpoint="one")[0]["event"], "done")
        failed(s.do("rewind", session=session, checkpoint="one"), "LookupError", "no checkpoint 'one'")
        run = s.send("run", "import time; print(1, flush=True); time.sleep(0.3)", session=session)
        s.until(lambda m: m.get("id") == run)
        failed(s.do("rewind", session=session), "Busy", "a run of the session is under way")
        cell(s.answer(run))


@case
def a_checkpoint_in_a_tool_call():
    with Server() as s:
        session = s.open()
        run = s.send("run", ASK, session=session, tools=TOOLS)
        call = called(s, run)
        same(s.do("checkpoint", session=session, name="asks")[0]["suspended"], True)
        s.send("reply", b"1", run=run, call=call)
        cell(s.answer(run), out=b"first\nb 1\n")
        for i in range(2):
            same(s.do("rewind", session=session, checkpoint="asks")[0]["suspended"], True)
            number = s.send("resume", session=session, tools=TOOLS)
            s.send("reply", str(i), run=number, call=called(s, number))
            cell(s.answer(number), out=f"b {i}\n".encode())


@case
def bad_requests_about_states():
    with Server("--sessions", "3") as s:
        session = s.open()
        for op in ("fork", "checkpoint", "rewind", "forget", "resume"):
            failed(s.do(op, session="s99"), "LookupError", "no session 's99'")
            failed(s.do(op, session=session, more=1), "ValueError", "unknown member 'more'")
        for count in (0, 101, -1, 1.5, "2", None):
            failed(s.do("fork", session=session, count=count), "ValueError", "'count'")
        for name in ("", "a b", "../x", "x" * 65, 5, "\u00e4"):
            failed(s.do("checkpoint", session=session, name=name), "ValueError", "'name'")
        failed(s.do("fork", session=session, checkpoint="none"), "LookupError", "no checkpoint 'none'")
        failed(s.do("rewind", session=session), "LookupError", "the session has no checkpoint")
        failed(s.do("fork", session=session, count=3), "Busy", "no more than 3 are allowed")
        for i in range(64):
            s.do("checkpoint", session=session, name=f"n{i}")
        failed(s.do("checkpoint", session=session, name="more"), "Busy", "has 64 checkpoints")
        same(s.do("checkpoint", session=session, name="n5")[0]["event"], "done")
        same(len(fork(s, session, 2)), 2)


@case
def states_beyond_the_memory_for_them():
    with Server("--checkpoint-memory", "8M") as s:
        session = s.open()
        same(s.do("checkpoint", session=session, name="small")[0]["event"], "done")
        say(s, session, "import os; x = os.urandom(20 << 20)", "")
        for op in ("checkpoint", "fork"):
            failed(s.do(op, session=session), "Busy", "larger than what is left of the memory for checkpoints")
        say(s, session, "x = 1; import gc; gc.collect(); print(x)", "1\n")
        same(s.do("rewind", session=session, checkpoint="small")[0]["event"], "done")
        say(s, session, "print('x' in globals())", "False\n")
        same(len(fork(s, session)), 1)


@case
def workers_are_killed_around_a_fork():
    with Server("--workers", "3", "--sessions", "200") as s:
        session = s.open()
        say(s, session, "x = 1", "")
        s.do("checkpoint", session=session, name="a")
        for i in range(12):
            number = s.send("fork", session=session, count=5)
            time.sleep(i / 1000)
            for pid in children(s.process.pid)[-4:]:
                os.kill(pid, signal.SIGKILL)
            done, _ = s.answer(number)
            if done["event"] == "done":
                for name in done["sessions"]:
                    one, _ = s.do("run", "print(x)", session=name)
                    assert one["event"] == "done" or one["type"] in ("WorkerDied", "LookupError"), one
                    s.do("close", session=name)
            else:
                assert done["type"] in ("WorkerDied", "LookupError", "OSError"), done
            if s.do("run", "print(x)", session=session)[0]["event"] == "failed":
                session = s.open()
                say(s, session, "x = 1", "")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def sessions_end_around_a_fork():
    with Server() as s:
        session = s.open()
        number, close = s.send("fork", session=session, count=4), s.send("close", session=session)
        same(s.answer(close)[0]["event"], "done")
        done, _ = s.answer(number)
        assert done["event"] == "done" or done["type"] in ("Cancelled", "LookupError"), done
        session = s.open()
        run = s.send("run", "import host, os\nhost.ask(); os._exit(3)", session=session, tools=TOOLS)
        call = called(s, run)
        number = s.send("fork", session=session)
        s.send("reply", b"1", run=run, call=call)
        same(s.answer(run)[0]["status"], 3)
        done, _ = s.answer(number)
        assert done["event"] == "done" or done["type"] == "LookupError", done
        same(s.end(), (0, ""))


@case
def commands_go_on_in_a_fork():
    with Server() as s:
        session = s.open()
        cat = s.send("command", session=session, args=["cat"], stdin=True)
        message, _ = s.until(lambda m: m.get("id") == cat)
        pid = message["pid"]
        name, = fork(s, session)
        say(s, name, "print(1)", "1\n")
        same([c["pid"] for c in s.do("commands", session=session)[0]["commands"]], [pid])
        other = s.send("command", session=name, args=["echo", "in the fork"])
        s.until(lambda m: m.get("id") == other and m["event"] == "started")
        message, data = s.until(lambda m: m.get("id") == other and m["event"] in ("stdout", "done", "failed"))
        same((message["event"], data), ("stdout", b"in the fork\n"))
        s.until(lambda m: m.get("id") == other and m["event"] == "done")
        same([c["pid"] for c in s.do("commands", session=name)[0]["commands"]], [pid])
        same(s.do("input", b"hello\n", run=cat)[0]["event"], "done")
        _, data = s.until(lambda m: m.get("id") == cat)
        same(data, b"hello\n")
        done, _ = s.do("checkpoint", session=session)
        failed(s.do("rewind", session=session), "Busy", "has commands that run")
        s.do("cancel", run=cat)
        s.until(lambda m: m.get("id") == cat and m["event"] == "done")
        same(s.do("rewind", session=session)[0]["event"], "done")
        say(s, session, "print(2)", "2\n")
        again = s.send("command", session=session, args=["echo", "again"])
        s.until(lambda m: m.get("id") == again and m["event"] == "done")


class Taken:
    """The worker of a server's only session, as a guest would have it that has taken it over."""

    def __init__(self, server):
        self.pid = min(children(server.process.pid))  # it was there before the one that waits
        os.kill(self.pid, signal.SIGSTOP)
        handle = os.pidfd_open(self.pid)
        for entry in os.listdir(f"/proc/{self.pid}/fd"):
            if os.readlink(f"/proc/{self.pid}/fd/{entry}").startswith("socket:"):
                copy = ctypes.CDLL(None).syscall(PIDFD_GETFD, handle, int(entry), 0)
                self.socket = socket.socket(fileno=copy)
        os.close(handle)

    def asked(self):
        """The descriptor that came with a message."""
        head, ancillary, _, _ = self.socket.recvmsg(24, socket.CMSG_SPACE(4))
        same(struct.unpack("<IIQQ", head)[0], SAVE)
        return struct.unpack("i", ancillary[0][2])[0]

    def says(self, kind, data):
        self.socket.sendall(struct.pack("<IIQQ", kind, 0, 0, len(data)) + data)


@case
def a_worker_that_was_taken_over_writes_states():
    good = struct.pack("<iI248s", 0, 0, b"")
    for what, type, text in (("garbage", "OSError", "not a checkpoint"), ("empty", "OSError", "truncated"),
                             ("mapped", "OSError", "sealing the state"), ("short", "WorkerDied", "its worker died"),
                             ("loaded", "WorkerDied", "its worker died"), ("binary", "OSError", "")):
        with Server("--workers", "1") as s:
            session = s.open()
            say(s, session, "x = 1", "")
            taken = Taken(s)
            number = s.send("fork", session=session, count=2)
            fd = taken.asked()
            if what == "garbage":
                os.write(fd, b"x" * 100000)
            shared = None
            if what == "mapped":
                os.truncate(fd, 4096)
                shared = mmap.mmap(fd, 4096)  # would be a way to change a state that was checked
            taken.says(LOADED if what == "loaded" else SAVED,
                       good[:-1] if what == "short" else struct.pack("<iI248s", 5, 0, b"\xff\x1b" * 124) if what == "binary" else good)
            taken.socket.close()  # or the server does not see the worker's end
            failed(s.answer(number), type, text)
            if what == "garbage":
                try:
                    os.pwrite(fd, b"y", 0)
                    raise AssertionError("a state can be changed after it was handed over")
                except PermissionError:
                    pass
            if shared is not None:
                shared.close()
            os.close(fd)
            ran(s.do("run", "print(1)"), b"1\n")
            same([s.do("close", session=session)[0]["event"] for _ in range(2)][-1], "failed")
            same(s.end(), (0, ""))
